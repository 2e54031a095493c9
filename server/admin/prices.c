/*
 * prices - GET /api/prices: the price book in force, and what one model costs at one provider.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/prices.h"

#include <inttypes.h>
#include <stdio.h>

#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"
#include "shm/prices.h"

#define PRICES_EXAMINED_MAX 20000 /* rows looked at for one page */

/* A pico-dollar a token is a millionth of a dollar a million tokens. */
static void write_rate(struct writer *w, const char *key, uint64_t pico)
{
    char text[48];

    (void)snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, pico / 1000000, pico % 1000000);
    writer_cstr(w, key, text);
}

static void write_rates(struct writer *w, const struct price_rates *r)
{
    const struct {
        const char *name;
        uint64_t pico;
    } rows[] = {{"input", r->input},
                {"output", r->output},
                {"cached", r->cached},
                {"cache_write_5m", r->written_5m},
                {"cache_write_1h", r->written_1h},
                {"reasoning", r->reasoning},
                {"audio_input", r->audio_in},
                {"audio_output", r->audio_out},
                {"image_input", r->image_in}};

    writer_object(w, "per_million");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        write_rate(w, rows[i].name, rows[i].pico);
    writer_object_end(w);
    writer_object(w, "pico_per_token");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        writer_u64(w, rows[i].name, rows[i].pico);
    writer_object_end(w);
}

static const char *const services[PRICE_SERVICES] = {"standard", "batch", "priority", "flex"};

/* Members of the open object. */
static void write_price(struct writer *w, const struct price *p)
{
    writer_array(w, "tiers");
    for (uint32_t i = 0; i < p->n_tiers && i < PRICE_TIERS_MAX; i++) {
        const struct price_tier *t = &p->tiers[i];

        writer_object(w, NULL);
        writer_cstr(w, "service", t->service < PRICE_SERVICES ? services[t->service] : NULL);
        writer_u64(w, "from_input", t->from_input);
        write_rates(w, &t->rates);
        writer_object_end(w);
    }
    writer_array_end(w);
    writer_object(w, "services"); /* factors on the standard rates */
    for (uint32_t i = 0; i < PRICE_SERVICES; i++)
        writer_milli(w, services[i], p->service_permille[i]);
    writer_object_end(w);
    writer_usd(w, "per_request", p->request_nanousd);
    writer_usd(w, "per_search", p->search_nanousd);
    writer_usd(w, "per_image", p->image_nanousd);
}

static const struct pub_view *view_or_refuse(struct exchange *ex)
{
    const struct pub_view *v = admin_view(ex->admin);

    if (v == NULL)
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
    return v;
}

static void write_row(struct writer *w, const struct price_view *row)
{
    static const char *const origins[] = {
        [PRICE_ROW] = "book", [PRICE_OVERRIDE] = "configuration", [PRICE_GLOB] = "configuration"};

    writer_object(w, NULL);
    if (row->vendor.len > 0)
        writer_str(w, "provider", row->vendor);
    else
        writer_null(w, "provider");
    writer_str(w, "model", row->model);
    writer_cstr(w, "origin", origins[row->kind]);
    write_price(w, &row->price);
    writer_object_end(w);
}

/* The rows of the book do not move while a configuration is in force: a cursor is a place. */
void api_prices(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = view_or_refuse(ex);
    struct str provider = params_get(ex, "provider"), model = params_get(ex, "model");
    struct writer w = WRITER_INIT(&ex->out);
    uint64_t limit, at;
    uint32_t examined = 0;

    (void)tail;
    if (v == NULL || !params_u64(ex, "limit", API_PAGE_DEFAULT, API_PAGE_MAX, &limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &at))
        return;
    const struct price_head *book = pub_prices(v);
    uint32_t n = prices_n(book);
    limit = limit > 0 ? limit : 1;
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; at < n && limit > 0 && examined < PRICES_EXAMINED_MAX; at++, examined++) {
        struct price_view row;

        prices_at(book, (uint32_t)at, &row);
        if ((provider.len > 0 && !str_eq(provider, row.vendor)) ||
            (model.len > 0 && !glob_match(model, row.model)))
            continue;
        write_row(&w, &row);
        limit--;
    }
    writer_array_end(&w);
    if (at < n)
        writer_str(&w, "next", arena_printf(ex->arena, "%" PRIu64, at));
    else
        writer_null(&w, "next");
    writer_u64(&w, "total", n);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

/* By the name of a configured provider, else as if a vendor's name were one. */
static struct str vendor_of(const struct pub_view *v, struct str provider)
{
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);

        if (str_eq(pub_text(v, p->name), provider))
            return p->vendor < vendor_count() ? str_of(vendor_get(p->vendor)->name) : STR_NONE;
    }
    return provider;
}

void price_ask_fill(const struct pub_view *v, struct str provider, struct str model,
                    struct price_ask *out)
{
    const struct cat_model *known;

    *out = (struct price_ask){
        .provider = provider, .vendor = vendor_of(v, provider), .model = model, .known = STR_NONE};
    known = cat_find(pub_catalogue(v), out->vendor, model);
    if (known != NULL)
        out->known = cat_text(pub_catalogue(v), known->name);
}

/* `tail`: "provider/model", where the model may have slashes of its own. */
void api_price(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = view_or_refuse(ex);
    struct writer w = WRITER_INIT(&ex->out);
    struct price_ask ask;
    struct price price;
    struct str path;

    if (v == NULL)
        return;
    ptrdiff_t slash = params_unescape(ex->arena, tail, &path) ? str_index(path, '/') : -1;
    if (slash <= 0 || path.len == (size_t)slash + 1) {
        exchange_error(ex, 404, "unknown_path", NULL,
                       "ask for /api/prices/{provider}/{model}, or GET /api/prices for all");
        return;
    }
    price_ask_fill(v, (struct str){path.p, (size_t)slash}, str_skip(path, (size_t)slash + 1), &ask);
    if (!price_find(pub_prices(v), &ask, &price)) {
        exchange_error(ex, 404, "unknown_price", NULL,
                       "nobody has told what this model costs there; prices: in the configuration "
                       "can say it (\"%.*s/%.*s\": { input: ..., output: ... })",
                       STR_ARGS(ask.provider), STR_ARGS(ask.model));
        return;
    }
    writer_object(&w, NULL);
    writer_str(&w, "provider", ask.provider);
    writer_str(&w, "model", ask.model);
    write_price(&w, &price);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
