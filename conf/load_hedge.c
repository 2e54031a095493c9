#include "conf/load_hedge.h"

#include <string.h>

#include "conf/values.h"

#define DAY_MS 86400000ull
#define PERCENTILE_MIN 50 /* below the median most requests would be late */
#define PERCENTILE_MAX 99 /* beyond it a history of some hundred answers says nothing */

/* "p95"; a duration otherwise. */
static bool is_percentile(struct str text, uint64_t *out)
{
    return text.len > 1 && text.p[0] == 'p' && str_parse_u64(str_skip(text, 1), out);
}

static void set_after(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_hedge *h = object;
    struct str text;
    uint64_t n;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (is_percentile(text, &n) && n >= PERCENTILE_MIN && n <= PERCENTILE_MAX)
        h->percentile = (uint32_t)n;
    else if (!is_percentile(text, &n) && value_duration(text, &n) && n >= 1 && n <= DAY_MS)
        h->after_ms = n;
    else
        load_fail(l, at,
                  "must be a percentile of the route's own history from p%d to p%d, or a duration "
                  "from 1ms to 1d (p95, 300ms), is %s",
                  PERCENTILE_MIN, PERCENTILE_MAX, findings_quote(l->findings, text));
}

static void set_at_most(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct conf_hedge *h = object;
    struct str text;
    struct str number;
    uint64_t n;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    number = text;
    if (str_ends(text, STR("%")))
        number = str_trim((struct str){text.p, text.len - 1});
    if (number.len < text.len && value_thousandths(number, &n) && n >= 1 && n <= HEDGE_SHARE_MAX)
        h->at_most = (uint32_t)n;
    else
        load_fail(l, at,
                  "must be a share of this model's requests, more than 0%% and at most %d%% (5%%, "
                  "0.5%%), is %s",
                  HEDGE_SHARE_MAX / 1000, findings_quote(l->findings, text));
}

static const struct load_key hedge_keys[] = {
    {"after", "percentile or duration", set_after, 0, 0, 0, true},
    {"at_most", "percentage", set_at_most, 0, 0, 0, false},
};
const struct load_table table_hedge = {"models.<name>.hedge", hedge_keys, ARRAY_LEN(hedge_keys)};

void load_set_hedge(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct conf_model *m = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping such as { after: p95, at_most: 5% }"))
        return;
    m->hedge.at_most = HEDGE_SHARE_DEFAULT;
    m->hedge.line = at->node->key_line;
    load_object(l, at, &table_hedge, &m->hedge);
}

/* A provider that is not there is told elsewhere; another name of `models:` may stand for many routes. */
static bool has_one_key(const struct config *c, const char *provider)
{
    if (provider == NULL)
        return false;
    for (size_t i = 0; i < c->n_providers; i++) {
        if (strcmp(c->providers[i].name, provider) == 0)
            return c->providers[i].n_keys <= 1;
    }
    return false;
}

void check_hedge(const struct config *c, const struct conf_model *m, struct findings *f)
{
    const struct conf_hedge *h = &m->hedge;

    if (h->at_most == 0)
        return;
    if (m->n_targets == 1 && has_one_key(c, m->targets[0].provider))
        findings_add(
            f, h->line,
            "models.%s.hedge needs a second route, and there is only one: add a target, or "
            "a key to provider %s (fallbacks are not asked before a target has failed)",
            m->name, m->targets[0].provider);
    if (h->after_ms > 0 && m->first_byte_ms > 0 && h->after_ms >= m->first_byte_ms)
        findings_add(
            f, h->line,
            "models.%s.hedge.after must be shorter than timeout.first_byte, which ends the "
            "attempt before",
            m->name);
}
