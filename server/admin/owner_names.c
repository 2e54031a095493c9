#include "server/admin/owner_names.h"

#include "server/admin/entity.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"

static const struct {
    enum entity_kind kind;
    const char *name, *name_id;
} sides[OWNER_SIDES] = {
    [OWNER_SIDE_TEAM] = {ENTITY_TEAM, "team", "team_id"},
    [OWNER_SIDE_CUSTOMER] = {ENTITY_CUSTOMER, "customer", "customer_id"},
};

/* --- names to ids --- */

static void next_filter(struct exchange *ex);

static void on_filter(struct exchange *ex, const struct json *reply)
{
    struct owner_names *names = ex->state;
    size_t side = names->at;

    if (!call_is_ok(reply) || !params_id_parse(json_str(json_get(json_get(reply, "entity"), "id")),
                                               &names->filters[side].id)) {
        struct str why = json_str(json_get(reply, "error")); /* which one, and what is like it */

        exchange_error(ex, 400, "unknown_owner", sides[side].name, "%.*s%s", STR_ARGS(why),
                       str_ends(why, STR("?")) ? "" : "; give its name, its id, or \"none\"");
        return;
    }
    names->at++;
    next_filter(ex);
}

static void next_filter(struct exchange *ex)
{
    struct owner_names *names = ex->state;

    for (; names->at < OWNER_SIDES; names->at++) {
        struct owner_filter *f = &names->filters[names->at];
        struct str text = params_get(ex, sides[names->at].name);

        f->has = text.len > 0;
        if (text.len == 0 || str_eq(text, STR("none")) || params_id_parse(text, &f->id))
            continue;
        entity_try(ex, sides[names->at].kind, text, on_filter);
        return;
    }
    names->then(ex);
}

void owner_names_filters(struct exchange *ex, void (*then)(struct exchange *ex))
{
    struct owner_names *names = ex->state;

    names->at = 0;
    names->then = then;
    next_filter(ex);
}

/* --- ids to names --- */

static size_t find(const struct owner_names *names, enum owner_side side, uint64_t id)
{
    size_t i = 0;

    while (i < names->n && (names->items[i].side != side || names->items[i].id != id))
        i++;
    return i;
}

void owner_names_want(struct owner_names *names, enum owner_side side, uint64_t id)
{
    if (id == 0 || names->n == OWNER_NAMES_MAX || find(names, side, id) < names->n)
        return;
    names->items[names->n].side = side;
    names->items[names->n].name = STR_NONE;
    names->items[names->n++].id = id;
}

static void next_name(struct exchange *ex);

static void on_name(struct exchange *ex, const struct json *reply)
{
    struct owner_names *names = ex->state;

    if (call_is_ok(reply))
        names->items[names->at].name =
            arena_str(ex->arena, json_str(json_get(json_get(reply, "entity"), "name")));
    names->at++;
    next_name(ex);
}

static void next_name(struct exchange *ex)
{
    struct owner_names *names = ex->state;
    char id[KEY_ID_TEXT];

    if (names->at == names->n) {
        names->then(ex);
        return;
    }
    key_id_format(names->items[names->at].id, id);
    entity_try(ex, sides[names->items[names->at].side].kind, str_of(id), on_name);
}

void owner_names_find(struct exchange *ex, void (*then)(struct exchange *ex))
{
    struct owner_names *names = ex->state;

    names->at = 0;
    names->then = then;
    next_name(ex);
}

void owner_names_write(struct writer *w, const struct owner_names *names, enum owner_side side,
                       uint64_t id)
{
    size_t i = find(names, side, id);
    char text[KEY_ID_TEXT];

    if (id == 0) {
        writer_null(w, sides[side].name_id);
        writer_null(w, sides[side].name);
        return;
    }
    key_id_format(id, text);
    writer_cstr(w, sides[side].name_id, text);
    if (i < names->n && names->items[i].name.len > 0)
        writer_str(w, sides[side].name, names->items[i].name);
    else
        writer_null(w, sides[side].name);
}
