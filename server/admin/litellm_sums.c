/*
 * litellm_sums - what an entity has spent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/entity_text.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_text.h"
#include "server/admin/own_key.h"
#include "server/admin/params.h"
#include "server/aggregator/query.h"

/* Of one answer: a list must not go through the journal for each of its rows. */
struct sums {
    struct usage_answer by[ENTITY_KINDS];
    bool is_read[ENTITY_KINDS], is_broken;
    uint32_t asked;
};

static uint64_t id_in(const struct usage_row *row, enum entity_kind kind)
{
    switch (kind) {
    case ENTITY_KEY:
        return row->key_id;
    case ENTITY_TEAM:
        return row->team_id;
    default:
        return row->customer_id;
    }
}

static struct sums *sums_of(struct exchange *ex)
{
    if (ex->sums == NULL)
        ex->sums = arena_zalloc(ex->arena, sizeof(struct sums));
    return ex->sums;
}

/* One alone: its own rows. */
static bool read_one(struct exchange *ex, enum entity_kind kind, uint64_t id, uint64_t *out)
{
    struct usage_filter filter = {.has_key_id = kind == ENTITY_KEY,
                                  .has_team_id = kind == ENTITY_TEAM,
                                  .has_customer_id = kind == ENTITY_CUSTOMER,
                                  .key_id = id,
                                  .team_id = id,
                                  .customer_id = id};
    struct usage_answer answer;
    struct error err = ERROR_INIT;

    if (query_usage(ex->admin->query, &filter, ex->arena, &answer, &err) != 0 || answer.is_partial)
        return false;
    *out = answer.n > 0 ? answer.rows[0].totals.cost_nanousd : 0;
    return true;
}

static bool read_all(struct exchange *ex, struct sums *s, enum entity_kind kind)
{
    static const uint32_t groups[ENTITY_KINDS] = {[ENTITY_KEY] = USAGE_BY_KEY,
                                                  [ENTITY_TEAM] = USAGE_BY_TEAM,
                                                  [ENTITY_CUSTOMER] = USAGE_BY_CUSTOMER};
    struct usage_filter filter = {.group = groups[kind]};
    struct error err = ERROR_INIT;

    if (!s->is_read[kind] && !s->is_broken) {
        s->is_read[kind] = true;
        s->is_broken = query_usage(ex->admin->query, &filter, ex->arena, &s->by[kind], &err) != 0;
    }
    return !s->is_broken && !s->by[kind].is_partial;
}

static bool booked(struct exchange *ex, enum entity_kind kind, uint64_t id, uint64_t *out)
{
    struct sums *s = sums_of(ex);
    const struct usage_answer *all = &s->by[kind];

    if (s->asked++ == 0)
        return read_one(ex, kind, id, out);
    if (!read_all(ex, s, kind))
        return false;
    for (size_t i = 0; i < all->n; i++) {
        if (id_in(&all->rows[i], kind) == id) {
            *out = all->rows[i].totals.cost_nanousd;
            return true;
        }
    }
    *out = 0;
    return all->truncated == 0; /* else it may be among those that did not fit */
}

void litellm_write_spend(struct exchange *ex, struct writer *w, enum entity_kind kind,
                         const struct json *entity)
{
    const struct json *budgets = json_get(entity, "budgets");
    const struct json *first = budgets != NULL ? budgets->child : NULL;
    struct account_state state;
    uint64_t id, nanousd = 0;

    if (first != NULL && account_state_of(ex, first, &state))
        litellm_write_dollars(w, "spend", state.used);
    else if (params_id_parse(litellm_id_of(entity), &id) && own_key_may_scan(ex) &&
             booked(ex, kind, id, &nanousd))
        litellm_write_dollars(w, "spend", nanousd);
    else
        writer_null(w, "spend");
}
