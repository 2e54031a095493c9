/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/api.h"

#include <string.h>

#include "server/admin/access.h"
#include "server/admin/admin.h"
#include "server/admin/idempotency.h"
#include "server/admin/litellm.h"
#include "server/admin/own_key.h"
#include "server/admin/params.h"
#include "server/inherit.h"

struct api_route {
    const char *method;
    const char *path; /* one "*" may stand for a segment, or "**" for the rest; never for nothing */
    api_fn *fn;
    const char *const *params; /* NULL: the query is not looked at */
    bool is_open;              /* no token: says nothing that a client may not know */
};

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARAMS ((const char *const[]){NULL})

#define LIST_PARAMS(...) PARAMS("limit", "cursor", "name", "origin", __VA_ARGS__)
#define PAGE_PARAMS(...) PARAMS("limit", "offset", "from_memory", __VA_ARGS__)
/* What every kind of entity has. */
#define ENTITY_ROUTES(path)                                                                        \
    {"GET", path "/*", api_entity_get, NO_PARAMS, false},                                          \
        {"PATCH", path "/*", api_entity_update, NO_PARAMS, false},                                 \
        {"DELETE", path "/*", api_entity_delete, PARAMS("children"), false},                       \
    {                                                                                              \
        "POST", path "/*/reset", api_entity_reset, NO_PARAMS, false                                \
    }
#define GOVERNANCE_ROUTES(path)                                                                    \
    {"GET", path "/*", api_governance_get, PARAMS("from_memory"), false},                          \
        {"PUT", path "/*", api_governance_update, NO_PARAMS, false},                               \
    {                                                                                              \
        "DELETE", path "/*", api_governance_delete, PARAMS("children"), false                      \
    }

#define RULE_ROUTES(path)                                                                          \
    {"GET", path, api_governance_rules, PAGE_PARAMS("search", "scope", "scope_id"), false},        \
        {"POST", path, api_governance_rule_create, NO_PARAMS, false},                              \
        {"GET", path "/*", api_governance_rule, PARAMS("from_memory"), false},                     \
        {"PUT", path "/*", api_governance_rule_update, NO_PARAMS, false},                          \
    {                                                                                              \
        "DELETE", path "/*", api_governance_rule_delete, NO_PARAMS, false                          \
    }

static const struct api_route routes[] = {
    {"GET", "/", api_page, NULL, true},
    {"GET", "/healthz", api_healthz, NULL, true},
    {"GET", "/readyz", api_readyz, NULL, true},
    {"GET", "/metrics", api_metrics, NULL, false},
    {"GET", "/api/status", api_status, NO_PARAMS, false},
    {"POST", "/api/reload", api_reload, NO_PARAMS, false},
    {"GET", "/api/config", api_config, PARAMS("format"), false},
    {"GET", "/api/providers", api_providers, PARAMS("limit", "cursor"), false},
    {"GET", "/api/models", api_models, PARAMS("limit", "cursor"), false},
    {"GET", "/api/routes", api_routes, PARAMS("limit", "cursor", "provider", "model"), false},
    {"POST", "/api/explain", api_explain, NO_PARAMS, false},
    {"GET", "/api/rules", api_rules, PARAMS("limit", "cursor"), false},
    {"POST", "/api/rules", api_rule_create, NO_PARAMS, false},
    {"GET", "/api/rules/*", api_rule, NO_PARAMS, false},
    {"PATCH", "/api/rules/*", api_rule_update, NO_PARAMS, false},
    {"DELETE", "/api/rules/*", api_rule_delete, NO_PARAMS, false},
    {"GET", "/api/keys", api_entity_list,
     LIST_PARAMS("team", "customer", "tag", "active", "hashes"), false},
    {"POST", "/api/keys", api_entity_create, NO_PARAMS, false},
    {"POST", ADMIN_IMPORT_PATH, api_keys_import, NO_PARAMS, false},
    ENTITY_ROUTES("/api/keys"),
    {"POST", "/api/keys/*/rotate", api_keys_rotate, NO_PARAMS, false},
    {"POST", "/api/keys/*/block", api_entity_block, NO_PARAMS, false},
    {"POST", "/api/keys/*/unblock", api_entity_unblock, NO_PARAMS, false},
    {"GET", "/api/teams", api_entity_list, LIST_PARAMS("customer", "tag"), false},
    {"POST", "/api/teams", api_entity_create, NO_PARAMS, false},
    ENTITY_ROUTES("/api/teams"),
    {"POST", "/api/teams/*/block", api_entity_block, NO_PARAMS, false},
    {"POST", "/api/teams/*/unblock", api_entity_unblock, NO_PARAMS, false},
    {"GET", "/api/customers", api_entity_list, LIST_PARAMS("tag"), false},
    {"POST", "/api/customers", api_entity_create, NO_PARAMS, false},
    ENTITY_ROUTES("/api/customers"),
    {"POST", "/api/customers/*/block", api_entity_block, NO_PARAMS, false},
    {"POST", "/api/customers/*/unblock", api_entity_unblock, NO_PARAMS, false},
    {"GET", "/api/model-limits", api_entity_list, PARAMS("limit", "cursor", "name", "origin"),
     false},
    {"POST", "/api/model-limits", api_entity_create, NO_PARAMS, false},
    ENTITY_ROUTES("/api/model-limits"),
    {"GET", "/api/budgets", api_budgets, LIST_PARAMS("kind", "team", "customer", "tag", "active"),
     false},
    /* Bifrost's shapes of the same */
    {"GET", "/api/governance/virtual-keys", api_governance_list,
     PAGE_PARAMS("search", "team_id", "customer_id"), false},
    {"POST", "/api/governance/virtual-keys", api_governance_create, NO_PARAMS, false},
    {"GET", "/api/governance/virtual-keys/quota", api_governance_quota, NO_PARAMS, true},
    {"POST", "/api/governance/virtual-keys/rotate", api_governance_rotate_many, NO_PARAMS, false},
    {"POST", "/api/governance/virtual-keys/*/rotate", api_governance_rotate, NO_PARAMS, false},
    GOVERNANCE_ROUTES("/api/governance/virtual-keys"),
    {"GET", "/api/governance/teams", api_governance_list, PAGE_PARAMS("search", "customer_id"),
     false},
    {"POST", "/api/governance/teams", api_governance_create, NO_PARAMS, false},
    GOVERNANCE_ROUTES("/api/governance/teams"),
    {"GET", "/api/governance/customers", api_governance_list, PAGE_PARAMS("search"), false},
    {"POST", "/api/governance/customers", api_governance_create, NO_PARAMS, false},
    GOVERNANCE_ROUTES("/api/governance/customers"),
    {"GET", "/api/governance/model-configs", api_governance_list, PAGE_PARAMS("search"), false},
    {"POST", "/api/governance/model-configs", api_governance_create, NO_PARAMS, false},
    GOVERNANCE_ROUTES("/api/governance/model-configs"),
    {"GET", "/api/governance/providers", api_governance_list, PAGE_PARAMS("search"), false},
    {"PUT", "/api/governance/providers/*", api_governance_provider_put, NO_PARAMS, false},
    {"DELETE", "/api/governance/providers/*", api_governance_provider_delete, NO_PARAMS, false},
    {"GET", "/api/governance/budgets", api_governance_budgets, PAGE_PARAMS("cursor"), false},
    {"GET", "/api/governance/rate-limits", api_governance_rate_limits, PAGE_PARAMS("cursor"),
     false},
    RULE_ROUTES("/api/governance/routing-rules"),
    RULE_ROUTES("/api/routing/rules"),
    {"GET", "/api/prices", api_prices, PARAMS("limit", "cursor", "provider", "model"), false},
    {"GET", "/api/prices/**", api_price, NO_PARAMS, false},
    {"GET", "/api/usage", api_usage,
     PARAMS("key", "team", "customer", "model", "provider", "since", "until", "group_by"), false},
    {"POST", "/api/usage/reprice", api_reprice,
     PARAMS("key", "team", "customer", "model", "provider", "since", "until", "status", "cursor"),
     false},
    {"GET", "/api/logs", api_logs,
     PARAMS("limit", "cursor", "after", "key", "team", "customer", "model", "provider", "since",
            "until", "status"),
     false},
    {"GET", "/api/shadow", api_shadow, PARAMS("model", "since", "until"), false},
    {"GET", "/api/audit/money", api_audit, NO_PARAMS, false},
};

/* A "*" takes what stands up to the next '/', "**" at the end takes all that is left. */
static bool path_matches(const char *pattern, struct str path, struct str *out_tail)
{
    struct str p = str_of(pattern);
    ptrdiff_t star = str_index(p, '*');

    must(p.p != NULL); /* every row has a path */
    *out_tail = STR_NONE;
    if (star < 0)
        return str_eq(p, path);
    if (!str_starts(path, (struct str){p.p, (size_t)star}))
        return false;
    struct str rest = str_skip(path, (size_t)star);
    struct str end = str_skip(p, (size_t)star + 1);
    if (str_eq(end, STR("*"))) {
        *out_tail = rest;
        return rest.len > 0;
    }
    if (rest.len <= end.len || !str_ends(rest, end))
        return false;
    *out_tail = (struct str){rest.p, rest.len - end.len};
    return str_index(*out_tail, '/') < 0;
}

static bool method_matches(const char *method, struct str given)
{
    return str_eq(str_of(method), given) ||
           (str_eq(str_of(method), STR("GET")) && str_eq(given, STR("HEAD")));
}

/* The route, or the first one with this path in *out_other when only the method is wrong. */
static const struct api_route *find_route(const struct exchange *ex, struct str *out_tail,
                                          const struct api_route **out_other)
{
    *out_other = NULL;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!path_matches(routes[i].path, ex->path, out_tail))
            continue;
        if (method_matches(routes[i].method, ex->method))
            return &routes[i];
        if (*out_other == NULL)
            *out_other = &routes[i];
    }
    return NULL;
}

static void refuse_method(struct exchange *ex, const struct api_route *first)
{
    struct buf allow = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq(str_of(routes[i].path), str_of(first->path)))
            continue;
        if (allow.len > 0)
            buf_cstr(&allow, ", ");
        buf_cstr(&allow, routes[i].method);
        if (str_eq(str_of(routes[i].method), STR("GET")))
            buf_cstr(&allow, ", HEAD");
    }
    ex->allow = arena_cstr(ex->arena, buf_view(&allow));
    buf_fini(&allow);
    exchange_error(ex, 405, "method_not_allowed", NULL, "this path takes %s", ex->allow);
}

static void refuse_path(struct exchange *ex)
{
    const char *paths[ARRAY_LEN(routes)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        paths[n++] = routes[i].path;
    const char *nearest = str_nearest(ex->path, paths, n);
    if (nearest != NULL)
        exchange_error(ex, 404, "unknown_path", NULL,
                       "there is nothing at this path; did you mean %s?", nearest);
    else
        exchange_error(ex, 404, "unknown_path", NULL,
                       "there is nothing at this path; GET / lists what there is");
}

/* Everything but reading counts as a change, unknown methods too. */
bool api_may_manage(struct exchange *ex)
{
    const struct pub_view *view = admin_view(ex->admin);
    struct access_rule rule = {
        .open_loopback = view != NULL && (view->image->flags & PUB_API_OPEN_LOOPBACK) != 0,
        .token = ex->admin->token,
        .is_change = !method_matches("GET", ex->method),
    };
    enum access_result result = access_check(ex, &rule);

    if (result == ACCESS_OK)
        return true;
    const struct access_refusal *refusal = access_refusal(result);
    if (refusal->status == 401)
        ex->challenge = "Bearer realm=\"bowfin\"";
    exchange_error(ex, refusal->status, refusal->code, NULL, "%s", refusal->text);
    return false;
}

static size_t body_max(const struct api_route *route)
{
    return strcmp(route->path, ADMIN_IMPORT_PATH) == 0 ? ADMIN_IMPORT_MAX : ADMIN_BODY_MAX;
}

void api_handle(struct exchange *ex)
{
    const struct api_route *other;
    struct str tail;
    if (own_key_handle(ex) || litellm_handle(ex))
        return;
    const struct api_route *route = find_route(ex, &tail, &other);
    bool is_open = route != NULL ? route->is_open : other != NULL && other->is_open;

    /* Access first: who may not use the API is not told either what it has. */
    if (!is_open && !api_may_manage(ex))
        return;
    if (route == NULL && other != NULL)
        refuse_method(ex, other);
    else if (route == NULL)
        refuse_path(ex);
    else if (ex->body.len > body_max(route))
        exchange_error(ex, 413, "body_too_large", NULL,
                       "the request body is larger than the 1 MiB that this path takes");
    else if ((route->params == NULL || params_check(ex, route->params)) && idempotency_begin(ex))
        route->fn(ex, tail);
}
