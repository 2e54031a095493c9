/*
 * priced - an entry of `prices:` as rows of the price book.
 *
 * Runs in:  master, tools/prices, tests.   Reads, writes: nothing shared.
 * conf/ and shm/ do not know one another; this brings them together.
 * Does not: copy texts, except those it splits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_PRICED_H
#define SERVER_PRICED_H

#include "conf/price.h"
#include "server/base/arena.h"
#include "shm/prices.h"

static_assert((int)CONF_CLASSES * sizeof(uint64_t) == sizeof(struct price_rates) &&
                  (int)CONF_SERVICES == PRICE_SERVICES && CONF_PRICE_TIERS_MAX == PRICE_TIERS_MAX &&
                  CONF_RATE_MAX == PRICE_RATE_MAX && CONF_FEE_MAX == PRICE_FEE_MAX &&
                  CONF_PERMILLE_MAX == PRICE_PERMILLE_MAX,
              "what may be written is what the book holds");

static inline struct price_rates priced_rates(const uint64_t *rate)
{
    return (struct price_rates){
        .input = rate[CONF_INPUT],
        .output = rate[CONF_OUTPUT],
        .cached = rate[CONF_CACHED],
        .written_5m = rate[CONF_WRITTEN_5M],
        .written_1h = rate[CONF_WRITTEN_1H],
        .reasoning = rate[CONF_REASONING],
        .audio_in = rate[CONF_AUDIO_IN],
        .audio_out = rate[CONF_AUDIO_OUT],
        .image_in = rate[CONF_IMAGE_IN],
    };
}

static inline struct price priced(const struct conf_price *p)
{
    struct price out = {
        .n_tiers = (uint32_t)p->n_tiers,
        .is_known = 1,
        .request_nanousd = p->fees[CONF_FEE_REQUEST],
        .search_nanousd = p->fees[CONF_FEE_SEARCH],
        .image_nanousd = p->fees[CONF_FEE_IMAGE],
    };

    for (size_t i = 0; i < PRICE_SERVICES; i++)
        out.service_permille[i] = p->permille[i] != 0 ? p->permille[i] : 1000;
    for (size_t i = 0; i < p->n_tiers; i++)
        out.tiers[i] = (struct price_tier){
            .from_input = p->tiers[i].always ? 0 : p->tiers[i].above + 1,
            .service = p->tiers[i].service,
            .rates = priced_rates(p->tiers[i].rates.rate),
        };
    return out;
}

/* How many rows an entry becomes. */
static inline size_t priced_n(const struct conf_price *p)
{
    return (p->n_vendors > 0 ? p->n_vendors : 1) + p->n_also;
}

/* "vendor/id" taken apart. */
static inline void priced_split(struct arena *a, const char *text, struct price_row *row)
{
    struct str all = str_of(text);
    size_t slash = (size_t)str_index(all, '/');

    row->vendor = arena_cstr(a, (struct str){text, slash});
    row->model = text + slash + 1;
}

/*
 * Its rows, into `rows` with room for priced_n. "provider/model" is an override in a configuration, and a
 * vendor's row in the built-in book; a name alone is an override for all providers, or a row of each of its
 * vendors.
 */
static inline size_t priced_rows(const struct conf_price *p, bool built_in, struct arena *a,
                                 struct price_row *rows)
{
    struct price price = priced(p);
    size_t n = 0;

    for (size_t i = 0; i < p->n_vendors; i++)
        rows[n++] = (struct price_row){p->vendors[i], p->name, false, price};
    for (size_t i = 0; i < p->n_also; i++) {
        rows[n] = (struct price_row){.price = price};
        priced_split(a, p->also[i], &rows[n++]);
    }
    if (p->n_vendors > 0)
        return n;
    rows[n] = (struct price_row){"", p->name, !built_in, price};
    if (p->name == NULL)
        rows[n].vendor = NULL;
    else if (str_index(str_of(p->name), '/') >= 0)
        priced_split(a, p->name, &rows[n]);
    else if (str_index(str_of(p->name), '*') >= 0)
        rows[n].vendor = "*";
    return n + 1;
}

#endif
