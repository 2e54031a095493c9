/*
 * entity_list - GET /api/keys, /api/teams, /api/customers, /api/model-limits and /api/budgets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/api.h"
#include "server/admin/entity_filter.h"
#include "server/admin/entity_text.h"
#include "server/admin/entity_walk.h"
#include "server/admin/params.h"

/* A list of rows that grows over several turns of the loop. */
struct list {
    struct entity_walk walk;
    struct writer w;
    bool with_providers; /* their budgets stand behind everybody else's */
};

static void put_entity(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                       const struct json *entity)
{
    struct list *list = walk->ctx;

    writer_object(&list->w, NULL);
    entity_text_write(ex, &list->w, kind, entity);
    writer_object_end(&list->w);
}

static void on_end(struct entity_walk *walk, struct exchange *ex)
{
    struct list *list = walk->ctx;
    struct str next = entity_walk_next(ex, walk);

    if (list->with_providers && next.len == 0)
        provider_budgets_write(ex, &list->w);
    writer_array_end(&list->w);
    if (next.len > 0)
        writer_str(&list->w, "next", next);
    else
        writer_null(&list->w, "next");
    if (walk->on_entity == put_entity && walk->has_total)
        writer_u64(&list->w, "total", walk->total);
    else if (walk->on_entity == put_entity)
        writer_null(&list->w, "total");
    writer_object_end(&list->w);
    exchange_json(ex, 200);
}

/* NULL: answered. */
static struct list *list_begin(struct exchange *ex, walk_entity_fn *on_entity)
{
    struct list *list = arena_zalloc(ex->arena, sizeof(*list));

    if (!params_u64(ex, "limit", API_PAGE_DEFAULT, API_PAGE_MAX, &list->walk.limit))
        return NULL;
    if (list->walk.limit == 0)
        list->walk.limit = 1;
    list->walk.cursor = params_get(ex, "cursor");
    list->walk.on_entity = on_entity;
    list->walk.on_end = on_end;
    list->walk.ctx = list;
    list->w = (struct writer)WRITER_INIT(&ex->out);
    writer_object(&list->w, NULL);
    writer_array(&list->w, "data");
    return list;
}

static void start(struct exchange *ex, struct list *list)
{
    const struct entity_filter filter = {
        .name = params_get(ex, "name"),
        .origin = params_get(ex, "origin"),
        .team = params_get(ex, "team"),
        .customer = params_get(ex, "customer"),
        .tag = params_get(ex, "tag"),
        .active = params_get(ex, "active"),
    };

    entity_filter_start(ex, &filter, &list->walk);
}

/* A name without a star names one at most: no list has to be gone through for it. */
static bool names_one(struct exchange *ex)
{
    static const char *const others[] = {"origin", "team", "customer", "tag", "active", "cursor"};
    struct str name = params_get(ex, "name");

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (params_get(ex, others[i]).len > 0)
            return false;
    }
    return name.len > 0 && str_index(name, '*') < 0;
}

static void on_named(struct exchange *ex, const struct json *reply)
{
    struct list *list = ex->state;

    if (call_is_ok(reply)) {
        put_entity(&list->walk, ex, list->walk.kinds[0], json_get(reply, "entity"));
        list->walk.total = 1;
    } else if (!str_eq(json_str(json_get(reply, "kind")), STR("not_found"))) {
        call_refuse(ex, reply);
        return;
    }
    list->walk.is_done = list->walk.has_total = true;
    on_end(&list->walk, ex);
}

void api_entity_list(struct exchange *ex, struct str tail)
{
    struct list *list = list_begin(ex, put_entity);

    (void)tail;
    if (list == NULL)
        return;
    list->walk.kinds[0] = entity_kind_of(ex->path);
    list->walk.n_kinds = 1;
    list->walk.with_hashes = str_eq(params_get(ex, "hashes"), STR("true"));
    if (names_one(ex)) {
        ex->state = list;
        entity_try_name(ex, list->walk.kinds[0], params_get(ex, "name"), on_named);
    } else {
        start(ex, list);
    }
}

/* --- budgets --- */

struct budget_owner {
    enum entity_kind kind;
    const struct json *entity;
    struct str provider; /* of a provider inside a key; empty: its own */
};

static void write_budgets(struct exchange *ex, struct writer *w, const struct budget_owner *owner,
                          const struct json *budgets)
{
    struct str name = json_str(json_get(owner->entity, "name"));

    if (name.len == 0)
        name = json_str(json_get(owner->entity, "model"));
    for (const struct json *b = budgets != NULL ? budgets->child : NULL; b != NULL; b = b->next) {
        writer_object(w, NULL);
        writer_cstr(w, "kind", entity_infos[owner->kind].name);
        writer_str(w, "owner", name);
        writer_str(w, "owner_id", json_str(json_get(owner->entity, "id")));
        if (owner->provider.len > 0)
            writer_str(w, "provider", owner->provider);
        entity_text_budget(ex, w, b);
        writer_object_end(w);
    }
}

static void on_owner(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                     const struct json *entity)
{
    struct list *list = walk->ctx;
    struct budget_owner owner = {kind, entity, STR_NONE};
    const struct json *providers = json_get(entity, "providers");

    write_budgets(ex, &list->w, &owner, json_get(entity, "budgets"));
    for (const struct json *p = providers != NULL ? providers->child : NULL; p != NULL;
         p = p->next) {
        owner.provider = json_str(json_get(p, "provider"));
        write_budgets(ex, &list->w, &owner, json_get(p, "budgets"));
    }
}

/* Which kinds a filter can let through at all. ENTITY_KINDS: a provider, which has a name only. */
static bool kind_has(enum entity_kind kind, struct exchange *ex)
{
    static const struct {
        const char *param;
        uint32_t kinds; /* bits */
    } rows[] = {
        {"team", 1u << ENTITY_KEY},
        {"active", 1u << ENTITY_KEY},
        {"customer", 1u << ENTITY_KEY | 1u << ENTITY_TEAM},
        {"tag", 1u << ENTITY_KEY | 1u << ENTITY_TEAM | 1u << ENTITY_CUSTOMER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (params_get(ex, rows[i].param).len > 0 && (rows[i].kinds & 1u << kind) == 0)
            return false;
    }
    return true;
}

/* A page has `limit` owners at most; those without a budget have no rows in it. */
void api_budgets(struct exchange *ex, struct str tail)
{
    struct list *list = list_begin(ex, on_owner);
    struct str wanted = params_get(ex, "kind");
    enum entity_kind only = ENTITY_KINDS;
    bool only_providers;

    (void)tail;
    if (list == NULL)
        return;
    only_providers = str_eq(wanted, STR("provider"));
    if (wanted.len > 0 && !only_providers && !entity_kind_parse(wanted, &only)) {
        exchange_error(ex, 400, "bad_parameter", "kind",
                       "kind must be customer, team, key, model_limit or provider");
        return;
    }
    list->with_providers = (only_providers || wanted.len == 0) && kind_has(ENTITY_KINDS, ex);
    for (uint32_t k = 0; k < ENTITY_KINDS && !only_providers; k++) {
        if (kind_has(k, ex) && (only == ENTITY_KINDS || only == k))
            list->walk.kinds[list->walk.n_kinds++] = k;
    }
    list->walk.is_done = list->walk.n_kinds == 0; /* a filter that this kind has not */
    if (list->walk.is_done)
        on_end(&list->walk, ex);
    else
        start(ex, list);
}
