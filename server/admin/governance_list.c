/*
 * governance_list - the lists in Bifrost's shapes, and what a key may know of itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/entity_filter.h"
#include "server/admin/governance.h"
#include "server/admin/params.h"
#include "server/base/crypto.h"
#include "shm/keys.h"
#include "shm/scope.h"

#define OFFSET_MAX 10000 /* entities passed over; deeper ones are what cursors are for */

struct list {
    struct entity_walk walk;
    struct writer w;
    enum governance_kind kind;
    uint64_t n_rows;
};

static bool is_of_kind(const struct list *list, const struct json *entity)
{
    if (governance_infos[list->kind].entity != ENTITY_MODEL_LIMIT)
        return true;
    return governance_is_provider(entity) == (list->kind == GOVERNANCE_PROVIDER);
}

static void put_entity(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                       const struct json *entity)
{
    struct list *list = walk->ctx;

    (void)kind;
    if (!is_of_kind(list, entity))
        return;
    governance_text(ex, &list->w, NULL, list->kind, entity, STR_NONE);
    list->n_rows++;
}

static void end_list(struct entity_walk *walk, struct exchange *ex)
{
    struct list *list = walk->ctx;
    /* Model configs and providers are one kind here: what the master counts is neither. */
    bool is_counted = walk->has_total && governance_infos[list->kind].entity != ENTITY_MODEL_LIMIT;
    uint64_t total = is_counted ? walk->total : walk->skip + list->n_rows;

    writer_array_end(&list->w);
    writer_u64(&list->w, "count", list->n_rows);
    writer_u64(&list->w, "total_count", total);
    writer_u64(&list->w, "limit", walk->limit);
    writer_u64(&list->w, "offset", walk->skip);
    writer_object_end(&list->w);
    exchange_json(ex, 200);
}

/* NULL: answered. */
static struct list *list_begin(struct exchange *ex, const char *member)
{
    struct list *list = arena_zalloc(ex->arena, sizeof(*list));

    if (!params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &list->walk.limit) ||
        !params_u64(ex, "offset", 0, OFFSET_MAX, &list->walk.skip))
        return NULL;
    if (list->walk.limit == 0)
        list->walk.limit = API_PAGE_MAX; /* there, 0 is not told */
    list->walk.ctx = list;
    list->w = (struct writer)WRITER_INIT(&ex->out);
    writer_object(&list->w, NULL);
    writer_array(&list->w, member);
    return list;
}

void api_governance_list(struct exchange *ex, struct str tail)
{
    enum governance_kind kind = governance_kind_of(ex->path);
    struct list *list = list_begin(ex, governance_infos[kind].many);
    struct str search = params_get(ex, "search");
    struct entity_filter filter = {.team = params_get(ex, "team_id"),
                                   .customer = params_get(ex, "customer_id")};

    (void)tail;
    if (list == NULL)
        return;
    if (search.len > 0)
        filter.name = arena_concat(ex->arena, (struct str[]){STR("*"), search, STR("*")}, 3);
    list->kind = kind;
    list->walk.kinds[0] = governance_infos[kind].entity;
    list->walk.n_kinds = 1;
    list->walk.on_entity = put_entity;
    list->walk.on_end = end_list;
    entity_filter_start(ex, &filter, &list->walk);
}

/* --- all budgets, all limits --- */

static const char *owner_field(enum entity_kind kind)
{
    static const char *const fields[ENTITY_KINDS] = {
        [ENTITY_CUSTOMER] = "customer_id",
        [ENTITY_TEAM] = "team_id",
        [ENTITY_KEY] = "virtual_key_id",
        [ENTITY_MODEL_LIMIT] = "model_config_id",
    };

    return fields[kind];
}

typedef uint64_t put_rules_fn(struct exchange *ex, struct writer *w, const struct json *entity,
                              const struct governance_owner *owner);

static uint64_t put_budgets(struct exchange *ex, struct writer *w, const struct json *entity,
                            const struct governance_owner *owner)
{
    const struct json *budgets = json_get(entity, "budgets");
    uint64_t n = 0;

    for (const struct json *b = budgets != NULL ? budgets->child : NULL; b != NULL; b = b->next) {
        governance_budget_text(ex, w, b, owner);
        n++;
    }
    return n;
}

static uint64_t put_limit(struct exchange *ex, struct writer *w, const struct json *entity,
                          const struct governance_owner *owner)
{
    return governance_limit_text(ex, w, NULL, entity, owner) ? 1 : 0;
}

static void put_owner(struct list *list, struct exchange *ex, enum entity_kind kind,
                      const struct json *entity, put_rules_fn *put)
{
    const struct json *providers = json_get(entity, "providers");
    struct governance_owner owner = {owner_field(kind), json_str(json_get(entity, "id"))};
    size_t number = 0;

    list->n_rows += put(ex, &list->w, entity, &owner);
    for (const struct json *p = providers != NULL ? providers->child : NULL; p != NULL;
         p = p->next) {
        const struct governance_owner config = {
            "provider_config_id",
            arena_printf(ex->arena, "%.*s/%zu", STR_ARGS(owner.id), ++number)};

        list->n_rows += put(ex, &list->w, p, &config);
    }
}

static void put_owner_budgets(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                              const struct json *entity)
{
    put_owner(walk->ctx, ex, kind, entity, put_budgets);
}

static void put_owner_limits(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                             const struct json *entity)
{
    put_owner(walk->ctx, ex, kind, entity, put_limit);
}

/* These lists go over all owners; the cursor says where to go on, `limit` counts owners. */
static void end_rules(struct entity_walk *walk, struct exchange *ex)
{
    struct list *list = walk->ctx;
    struct str next = entity_walk_next(ex, walk);

    writer_array_end(&list->w);
    writer_u64(&list->w, "count", list->n_rows);
    if (next.len > 0)
        writer_str(&list->w, "next", next);
    else
        writer_null(&list->w, "next");
    writer_object_end(&list->w);
    exchange_json(ex, 200);
}

static void start_rules(struct exchange *ex, const char *member, walk_entity_fn *put)
{
    struct list *list = list_begin(ex, member);

    if (list == NULL)
        return;
    for (uint32_t k = 0; k < ENTITY_KINDS; k++)
        list->walk.kinds[list->walk.n_kinds++] = k;
    list->walk.cursor = params_get(ex, "cursor");
    list->walk.on_entity = put;
    list->walk.on_end = end_rules;
    entity_walk_start(ex, &list->walk);
}

void api_governance_budgets(struct exchange *ex, struct str tail)
{
    (void)tail;
    start_rules(ex, "budgets", put_owner_budgets);
}

void api_governance_rate_limits(struct exchange *ex, struct str tail)
{
    (void)tail;
    start_rules(ex, "rate_limits", put_owner_limits);
}

/* --- what a key may know of itself --- */

static void on_own(struct exchange *ex, const struct json *reply)
{
    const struct json *key = json_get(reply, "entity");
    const struct governance_owner owner = {"virtual_key_id", json_str(json_get(key, "id"))};
    struct writer w = WRITER_INIT(&ex->out);
    bool active = true;

    (void)json_bool(json_get(key, "active"), &active); /* not told: it is */
    writer_object(&w, NULL);
    writer_str(&w, "virtual_key_name", json_str(json_get(key, "name")));
    writer_bool(&w, "is_active", active);
    governance_rules_text(ex, &w, key, &owner);
    governance_providers_text(ex, &w, key);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static struct str own_key(const struct exchange *ex)
{
    struct str given = ex->authorization;

    if (ex->virtual_key.len > 0)
        return ex->virtual_key;
    if (given.len > 7 && str_eq_nocase((struct str){given.p, 7}, STR("bearer ")))
        return str_trim(str_skip(given, 7));
    return STR_NONE;
}

void api_governance_quota(struct exchange *ex, struct str tail)
{
    struct str text = own_key(ex);
    uint8_t hash[SHA256_BYTES];
    struct virtual_key key;
    struct scope scope;

    (void)tail;
    crypto_sha256(text, hash);
    if (text.len == 0 || !keys_find(&ex->admin->regions->published, hash, ex->arena, &key)) {
        exchange_error(ex, 401, text.len == 0 ? "virtual_key_required" : "access_not_found", NULL,
                       "give the virtual key itself, as x-bf-vk or Authorization: Bearer");
        return;
    }
    /* The old text of a rotated key, in its grace, is the new one's. */
    if (scope_decode(key.scope, &scope) == 0 && scope.books_as != 0)
        key.id = scope.books_as;
    entity_ask(ex, ENTITY_KEY, arena_printf(ex->arena, "%016llx", (unsigned long long)key.id),
               on_own);
}
