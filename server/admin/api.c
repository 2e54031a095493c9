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
    {"GET", "/api/routes", api_routes, PARAMS("limit", "cursor", "provider"), false},
    {"GET", "/api/keys", api_keys_list, PARAMS("limit", "cursor", "name", "origin", "hashes"),
     false},
    {"POST", "/api/keys", api_keys_create, NO_PARAMS, false},
    {"GET", "/api/keys/*", api_keys_get, NO_PARAMS, false},
    {"PATCH", "/api/keys/*", api_keys_update, NO_PARAMS, false},
    {"DELETE", "/api/keys/*", api_keys_delete, NO_PARAMS, false},
    {"GET", "/api/prices", api_prices, PARAMS("limit", "cursor", "provider", "model"), false},
    {"GET", "/api/prices/**", api_price, NO_PARAMS, false},
    {"GET", "/api/usage", api_usage,
     PARAMS("key", "model", "provider", "since", "until", "group_by"), false},
    {"GET", "/api/logs", api_logs,
     PARAMS("limit", "cursor", "after", "key", "model", "provider", "since", "until", "status"),
     false},
};

/* A "*" takes what stands up to the next '/', "**" at the end takes all that is left. */
static bool path_matches(const char *pattern, struct str path, struct str *out_tail)
{
    struct str p = str_of(pattern);
    ptrdiff_t star = str_index(p, '*');

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
