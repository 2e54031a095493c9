/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm.h"

#include <stdio.h>
#include <string.h>

#include "server/admin/idempotency.h"
#include "server/admin/own_key.h"
#include "server/admin/params.h"
#include "server/inherit.h"

enum access { ACCESS_ADMIN, ACCESS_OWN_KEY, ACCESS_OPEN };

struct route {
    const char *method;
    const char *path; /* one "*" may stand for a segment */
    api_fn *fn;
    const char *const *params;
    enum access access;
};

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARAMS ((const char *const[]){NULL})
#define DATES "start_date", "end_date"

static const struct route routes[] = {
    {"GET", "/health/liveliness", litellm_liveliness, NULL, ACCESS_OPEN},
    {"GET", "/health/liveness", litellm_liveliness, NULL, ACCESS_OPEN},
    {"GET", "/health/readiness", litellm_readiness, NULL, ACCESS_OPEN},
    {"GET", "/model/info", litellm_model_info, PARAMS("litellm_model_id"), ACCESS_ADMIN},
    {"GET", "/v1/model/info", litellm_model_info, PARAMS("litellm_model_id"), ACCESS_ADMIN},

    {"POST", "/key/generate", litellm_key_generate, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/service-account/generate", litellm_key_generate, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/update", litellm_key_update, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/delete", litellm_key_delete, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/block", litellm_key_block, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/unblock", litellm_key_unblock, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/regenerate", litellm_key_regenerate, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/*/regenerate", litellm_key_regenerate, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/key/*/reset_spend", litellm_key_reset, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/key/info", litellm_key_info, PARAMS("key"), ACCESS_OWN_KEY},
    {"POST", "/v2/key/info", litellm_keys_info, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/key/list", litellm_key_list,
     PARAMS("page", "size", "user_id", "team_id", "organization_id", "key_alias",
            "return_full_object", "include_team_keys", "include_created_by_keys", "sort_by",
            "sort_order"),
     ACCESS_ADMIN},

    {"POST", "/user/new", litellm_user_new, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/user/update", litellm_user_update, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/user/delete", litellm_user_delete, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/user/info", litellm_user_info, PARAMS("user_id"), ACCESS_ADMIN},
    {"GET", "/user/list", litellm_user_list, PARAMS("page", "page_size", "role"), ACCESS_ADMIN},

    {"POST", "/team/new", litellm_team_new, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/update", litellm_team_update, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/delete", litellm_team_delete, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/team/info", litellm_team_info, PARAMS("team_id"), ACCESS_ADMIN},
    {"GET", "/team/list", litellm_team_list, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/block", litellm_team_block, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/unblock", litellm_team_unblock, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/member_add", litellm_member_add, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/team/member_delete", litellm_member_delete, NO_PARAMS, ACCESS_ADMIN},

    {"POST", "/customer/new", litellm_customer_new, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/customer/update", litellm_customer_update, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/customer/delete", litellm_customer_delete, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/customer/info", litellm_customer_info, PARAMS("end_user_id"), ACCESS_ADMIN},
    {"GET", "/customer/list", litellm_customer_list, NO_PARAMS, ACCESS_ADMIN},

    {"POST", "/organization/new", litellm_organization_new, NO_PARAMS, ACCESS_ADMIN},
    {"PATCH", "/organization/update", litellm_organization_update, NO_PARAMS, ACCESS_ADMIN},
    {"DELETE", "/organization/delete", litellm_organization_delete, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/organization/info", litellm_organization_info, PARAMS("organization_id"),
     ACCESS_ADMIN},
    {"GET", "/organization/list", litellm_organization_list, NO_PARAMS, ACCESS_ADMIN},

    {"POST", "/budget/new", litellm_budget_new, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/budget/update", litellm_budget_update, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/budget/delete", litellm_budget_delete, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/budget/info", litellm_budget_info, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/budget/list", litellm_budget_list, NO_PARAMS, ACCESS_ADMIN},

    {"GET", "/spend/logs", litellm_spend_logs,
     PARAMS("api_key", "user_id", "request_id", DATES, "summarize"), ACCESS_ADMIN},
    {"GET", "/spend/keys", litellm_spend_keys, NO_PARAMS, ACCESS_ADMIN},
    {"POST", "/spend/calculate", litellm_spend_calculate, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/global/spend", litellm_global_spend, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/global/spend/keys", litellm_global_keys, PARAMS("limit"), ACCESS_ADMIN},
    {"GET", "/global/spend/teams", litellm_global_teams, NO_PARAMS, ACCESS_ADMIN},
    {"GET", "/global/spend/models", litellm_global_models, PARAMS("limit"), ACCESS_ADMIN},
    {"GET", "/global/spend/provider", litellm_global_provider, PARAMS(DATES), ACCESS_ADMIN},
    {"GET", "/global/spend/report", litellm_global_report, PARAMS(DATES, "group_by", "api_key"),
     ACCESS_ADMIN},
};

/* LiteLLM's older name for customers. */
static struct str canonical(struct exchange *ex, struct str path)
{
    static const struct str prefix = {"/litellm", 8};
    static const struct str end_user = {"/end_user/", 10};

    if (str_starts(path, prefix) && path.len > prefix.len && path.p[prefix.len] == '/')
        path = str_skip(path, prefix.len);
    if (str_starts(path, end_user))
        path = arena_printf(ex->arena, "/customer/%.*s", STR_ARGS(str_skip(path, end_user.len)));
    return path;
}

static bool path_matches(const char *pattern, struct str path, struct str *out_tail)
{
    struct str p = str_of(pattern);
    struct str begin = p;
    ptrdiff_t star = str_index(p, '*');

    must(pattern != NULL);
    *out_tail = STR_NONE;
    if (star < 0)
        return str_eq(p, path);
    begin.len = (size_t)star;
    struct str end = str_skip(p, (size_t)star + 1);
    if (!str_starts(path, begin) || !str_ends(path, end) || path.len <= p.len - 1)
        return false;
    *out_tail = (struct str){path.p + star, path.len - (p.len - 1)};
    return str_index(*out_tail, '/') < 0;
}

static bool method_matches(const char *method, struct str given)
{
    return str_eq(str_of(method), given) ||
           (strcmp(method, "GET") == 0 && str_eq(given, STR("HEAD")));
}

/* A prefix that is theirs: an unknown path below it is not the inference API's either. */
static bool is_theirs(struct str path)
{
    static const char *const prefixes[] = {"/key/",          "/user/",        "/team/",
                                           "/customer/",     "/budget/",      "/spend/",
                                           "/organization/", "/global/spend", "/v2/key/"};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (str_starts(path, str_of(prefixes[i])))
            return true;
    }
    return false;
}

/* The route; or only *out_allow when this path takes other methods. */
static const struct route *find_route(struct exchange *ex, struct str path, struct str *out_tail,
                                      const char **out_allow)
{
    *out_allow = NULL;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!path_matches(routes[i].path, path, out_tail))
            continue;
        if (method_matches(routes[i].method, ex->method))
            return &routes[i];
        *out_allow = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method;
    }
    return NULL;
}

/* The administrator; for its own state also a key. A key that is no admin token is told so. */
static bool may_go_on(struct exchange *ex, enum access access)
{
    struct virtual_key key;

    if (access == ACCESS_OPEN)
        return true;
    if (access == ACCESS_OWN_KEY && own_key_find(ex, &key))
        return own_key_may(ex, &key);
    if (ex->authorization.len == 0 && ex->virtual_key.len > 0)
        ex->authorization = arena_printf(ex->arena, "Bearer %.*s", STR_ARGS(ex->virtual_key));
    return api_may_manage(ex);
}

static void refuse_path(struct exchange *ex, struct str path)
{
    const char *paths[ARRAY_LEN(routes)];

    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        paths[i] = routes[i].path;
    const char *nearest = str_nearest(path, paths, ARRAY_LEN(routes));
    exchange_error(ex, 404, "unknown_path", NULL, "there is nothing at this path%s%s",
                   nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "");
}

bool litellm_handle(struct exchange *ex)
{
    struct str path = canonical(ex, ex->path);
    const char *allow;
    struct str tail;
    const struct route *route = find_route(ex, path, &tail, &allow);

    if (route == NULL && allow == NULL && !is_theirs(path))
        return false;
    ex->is_litellm = true;
    if (!may_go_on(ex, route != NULL ? route->access : ACCESS_ADMIN))
        return true;
    if (route == NULL && allow != NULL) {
        ex->allow = allow;
        exchange_error(ex, 405, "method_not_allowed", NULL, "this path takes %s", allow);
    } else if (route == NULL) {
        refuse_path(ex, path);
    } else if (ex->body.len > ADMIN_BODY_MAX) {
        exchange_error(ex, 413, "body_too_large", NULL,
                       "the request body is larger than the 1 MiB that this path takes");
    } else if ((route->params == NULL || params_check(ex, route->params)) &&
               idempotency_begin(ex)) {
        route->fn(ex, tail);
    }
    return true;
}

/* --- errors --- */

/* Our names of what a LiteLLM field became. */
static const struct {
    const char *ours, *theirs;
} names[] = {{"budgets", "max_budget"},
             {"rate_limits", "rpm_limit"},
             {"name", "key_alias"},
             {"value", "key"},
             {"team", "team_id"},
             {"customer", "organization_id"},
             {"expires", "duration"},
             {"concurrency", "max_parallel_requests"},
             {"routes", "allowed_routes"},
             {"metadata", "metadata"},
             {"tags", "tags"},
             {"models", "models"}};

/* `text` begins with one of our names, and `ends` has what follows it. NULL: it does not. */
static const char *their_name(const char *text, const char *ends)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i].ours);

        if (strncmp(text, names[i].ours, len) == 0 &&
            (text[len] == '\0' || strchr(ends, text[len]) != NULL))
            return names[i].theirs;
    }
    return NULL;
}

/* The master's findings begin with where the fault is: "rate_limits[0].requests must be ...". */
static const char *name_for(const char *param, const char *message)
{
    const char *theirs = param != NULL ? their_name(param, "[.") : their_name(message, "[. :");

    return theirs != NULL ? theirs : param;
}

struct litellm_error_shape litellm_error(int status, const char *param, const char *message)
{
    struct litellm_error_shape shape = {status, "bad_request_error", name_for(param, message)};

    if (status == 409) /* a name that is taken, an entity of the file */
        shape.status = 400;
    else if (status == 401 || status == 403)
        shape.type = "auth_error";
    else if (status == 404)
        shape.type = "not_found_error";
    else if (status == 429)
        shape.type = "throttling_error";
    else if (status >= 500)
        shape.type = "internal_server_error";
    return shape;
}
