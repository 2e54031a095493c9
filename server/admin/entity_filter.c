/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity_filter.h"

#include "server/admin/params.h"

/* A filter whose parents are being looked up. */
struct pending {
    struct entity_filter filter;
    struct entity_walk *walk;
};

static void go_on(struct exchange *ex, struct pending *p);

static void write_filter(struct exchange *ex, struct pending *p)
{
    const struct entity_filter *f = &p->filter;
    const struct {
        const char *name;
        struct str value;
    } rows[] = {{"name", f->name},
                {"origin", f->origin},
                {"team", f->team},
                {"customer", f->customer},
                {"tag", f->tag}};
    struct buf text = BUF_IN(ex->arena);
    struct writer w = WRITER_INIT(&text);
    bool any = f->active.len > 0;

    writer_object(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        any |= rows[i].value.len > 0;
        if (rows[i].value.len > 0)
            writer_str(&w, rows[i].name, rows[i].value);
    }
    if (f->active.len > 0)
        writer_bool(&w, "active", str_eq(f->active, STR("true")));
    writer_object_end(&w);
    if (any)
        p->walk->filter = buf_view(&text);
}

/* The id of what was found, into *out; else the exchange is answered. */
static void take_id(struct exchange *ex, const struct json *reply, const char *param,
                    struct str *out)
{
    if (call_is_ok(reply)) {
        *out = arena_str(ex->arena, json_str(json_get(json_get(reply, "entity"), "id")));
        go_on(ex, ex->state);
    } else if (str_eq(json_str(json_get(reply, "kind")), STR("not_found"))) {
        struct str why = json_str(json_get(reply, "error")); /* which one, and what is like it */

        exchange_error(ex, 400, "bad_parameter", param, "%.*s", STR_ARGS(why));
    } else {
        call_refuse(ex, reply);
    }
}

static void on_team(struct exchange *ex, const struct json *reply)
{
    take_id(ex, reply, "team", &((struct pending *)ex->state)->filter.team);
}

static void on_customer(struct exchange *ex, const struct json *reply)
{
    take_id(ex, reply, "customer", &((struct pending *)ex->state)->filter.customer);
}

static void go_on(struct exchange *ex, struct pending *p)
{
    uint64_t id;

    if (p->filter.team.len > 0 && !params_id_parse(p->filter.team, &id)) {
        entity_try(ex, ENTITY_TEAM, p->filter.team, on_team);
    } else if (p->filter.customer.len > 0 && !params_id_parse(p->filter.customer, &id)) {
        entity_try(ex, ENTITY_CUSTOMER, p->filter.customer, on_customer);
    } else {
        write_filter(ex, p);
        entity_walk_start(ex, p->walk);
    }
}

static bool is_one_of(struct exchange *ex, const char *name, struct str value, const char *first,
                      const char *second)
{
    if (value.len == 0 || str_eq(value, str_of(first)) || str_eq(value, str_of(second)))
        return true;
    exchange_error(ex, 400, "bad_parameter", name, "%s must be %s or %s", name, first, second);
    return false;
}

void entity_filter_start(struct exchange *ex, const struct entity_filter *filter,
                         struct entity_walk *walk)
{
    struct pending *p = arena_alloc(ex->arena, sizeof(*p));

    if (!is_one_of(ex, "origin", filter->origin, "file", "api") ||
        !is_one_of(ex, "active", filter->active, "true", "false"))
        return;
    *p = (struct pending){*filter, walk};
    ex->state = p;
    go_on(ex, p);
}
