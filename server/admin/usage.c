/*
 * usage - GET /api/usage: who spent what on which model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <time.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/journal.h"
#include "server/admin/params.h"
#include "server/aggregator/query.h"

static const struct {
    const char *name;
    uint32_t group;
} groups[] = {{"day", USAGE_BY_DAY},           {"key", USAGE_BY_KEY},
              {"team", USAGE_BY_TEAM},         {"customer", USAGE_BY_CUSTOMER},
              {"provider", USAGE_BY_PROVIDER}, {"model", USAGE_BY_MODEL}};

static bool group_param(struct exchange *ex, uint32_t *out)
{
    struct str text = params_get(ex, "group_by");
    struct str name;

    if (text.len == 0)
        text = STR("key,provider,model");
    *out = 0;
    while (str_next(&text, ',', &name)) {
        uint32_t group = 0;

        for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
            if (str_eq(name, str_of(groups[i].name)))
                group = groups[i].group;
        }
        if (group == 0 && !str_eq(name, STR("none"))) {
            exchange_error(ex, 400, "bad_parameter", "group_by",
                           "group_by must be one or more of day, key, team, customer, provider, "
                           "model with commas between them, or none");
            return false;
        }
        *out |= group;
    }
    return true;
}

static void write_day(struct writer *w, uint32_t day)
{
    time_t seconds = (time_t)day * (time_t)(MS_PER_DAY / 1000);
    struct tm tm = {0};
    char text[32];

    (void)gmtime_r(&seconds, &tm); /* fails only past the year 2^31 */
    (void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
    writer_cstr(w, "day", text);
}

/* What is not in the cost is said beside it. */
static void write_cost(struct writer *w, const struct usage_totals *t)
{
    writer_usd(w, "cost", t->cost_nanousd);
    writer_usd(w, "cost_estimated", t->estimated_nanousd);
    writer_u64(w, "unpriced", t->unpriced);
}

static void write_usage(struct writer *w, const struct usage_row *row,
                        const struct owner_names *names, uint32_t group)
{
    writer_object(w, NULL);
    if ((group & USAGE_BY_DAY) != 0)
        write_day(w, row->day);
    if ((group & USAGE_BY_KEY) != 0)
        journal_write_key(w, row->key_id, row->key_name);
    if ((group & USAGE_BY_TEAM) != 0)
        owner_names_write(w, names, OWNER_SIDE_TEAM, row->team_id);
    if ((group & USAGE_BY_CUSTOMER) != 0)
        owner_names_write(w, names, OWNER_SIDE_CUSTOMER, row->customer_id);
    if ((group & USAGE_BY_PROVIDER) != 0)
        writer_str(w, "provider", row->provider);
    if ((group & USAGE_BY_MODEL) != 0)
        writer_str(w, "model", row->model);
    writer_u64(w, "requests", row->totals.requests);
    writer_u64(w, "failed", row->totals.failed);
    writer_u64(w, "streams", row->totals.streams);
    writer_u64(w, "no_usage", row->totals.no_usage);
    writer_u64(w, "estimated", row->totals.estimated);
    write_cost(w, &row->totals);
    journal_write_tokens(w, &row->totals.tokens, &row->totals.details);
    writer_object_end(w);
}

struct usage_call {
    struct owner_names names; /* first: owner_names.h */
    struct usage_filter filter;
    struct usage_answer answer;
};

static void write_answer(struct exchange *ex)
{
    const struct usage_call *c = ex->state;
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < c->answer.n; i++)
        write_usage(&w, &c->answer.rows[i], &c->names, c->filter.group);
    writer_array_end(&w);
    writer_null(&w, "next");
    writer_u64(&w, "truncated", c->answer.truncated);
    writer_bool(&w, "partial", c->answer.is_partial);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void read_usage(struct exchange *ex)
{
    struct usage_call *c = ex->state;
    struct error err = ERROR_INIT;

    c->filter.has_team_id = c->names.filters[OWNER_SIDE_TEAM].has;
    c->filter.team_id = c->names.filters[OWNER_SIDE_TEAM].id;
    c->filter.has_customer_id = c->names.filters[OWNER_SIDE_CUSTOMER].has;
    c->filter.customer_id = c->names.filters[OWNER_SIDE_CUSTOMER].id;
    if (query_usage(ex->admin->query, &c->filter, ex->arena, &c->answer, &err) != 0) {
        journal_unreadable(ex, &err);
        return;
    }
    for (size_t i = 0; i < c->answer.n; i++) {
        owner_names_want(&c->names, OWNER_SIDE_TEAM, c->answer.rows[i].team_id);
        owner_names_want(&c->names, OWNER_SIDE_CUSTOMER, c->answer.rows[i].customer_id);
    }
    owner_names_find(ex, write_answer);
}

void api_usage(struct exchange *ex, struct str tail)
{
    struct usage_call *c = arena_zalloc(ex->arena, sizeof(*c));

    (void)tail;
    c->filter.provider = params_get(ex, "provider");
    c->filter.model = params_get(ex, "model");
    if (!journal_key_param(ex, &c->filter.has_key_id, &c->filter.key_id) ||
        !params_span(ex, &c->filter.since_ms, &c->filter.until_ms) ||
        !group_param(ex, &c->filter.group))
        return;
    ex->state = c;
    owner_names_filters(ex, read_usage);
}
