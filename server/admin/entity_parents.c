/*
 * entity_parents - the names of parents that were given by their ids.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity.h"

static void go_on(struct exchange *ex, struct entity_parents *p);

struct lookup {
    struct entity_parents parents;
    bool has_team, has_customer; /* looked for, and found */
};

/* The name of what was found; empty: answered. */
static struct str name_of(struct exchange *ex, const struct json *reply, const char *field)
{
    if (call_is_ok(reply))
        return arena_str(ex->arena, json_str(json_get(json_get(reply, "entity"), "name")));
    if (str_eq(json_str(json_get(reply, "kind")), STR("not_found")))
        exchange_error(ex, 400, "unknown_parent", field, "%s: there is nothing with this id",
                       field);
    else
        call_refuse(ex, reply);
    return STR_NONE;
}

static void on_team(struct exchange *ex, const struct json *reply)
{
    struct lookup *l = ex->state;

    l->parents.team = name_of(ex, reply, "team_id");
    l->has_team = true;
    if (l->parents.team.len > 0)
        go_on(ex, &l->parents);
}

static void on_customer(struct exchange *ex, const struct json *reply)
{
    struct lookup *l = ex->state;

    l->parents.customer = name_of(ex, reply, "customer_id");
    l->has_customer = true;
    if (l->parents.customer.len > 0)
        go_on(ex, &l->parents);
}

static void go_on(struct exchange *ex, struct entity_parents *p)
{
    struct lookup *l = ex->state;

    if (p->team.len > 0 && !l->has_team) {
        entity_try(ex, ENTITY_TEAM, p->team, on_team);
    } else if (p->customer.len > 0 && !l->has_customer) {
        entity_try(ex, ENTITY_CUSTOMER, p->customer, on_customer);
    } else {
        ex->state = p->state;
        p->fn(ex, p);
    }
}

void entity_find_parents(struct exchange *ex, const struct entity_parents *wanted)
{
    struct lookup *l = arena_zalloc(ex->arena, sizeof(*l));

    l->parents = *wanted;
    l->parents.state = ex->state;
    ex->state = l;
    go_on(ex, &l->parents);
}
