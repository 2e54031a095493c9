#include "server/worker/admit.h"

#include "server/worker/fail.h"
#include "server/worker/parse.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

#define TELL_MAX 20 /* patterns named in a refusal */

bool admit_name(const struct request *r, struct str name)
{
    return r->key.models.len == 0 || glob_list_match(r->key.models, name);
}

bool admit_target(const struct request *r, struct str provider, struct str model)
{
    char text[PROVIDER_NAME_MAX + MODEL_MAX + 2];
    size_t len = 0;

    if (r->key.models.len == 0)
        return true;
    if (provider.len > PROVIDER_NAME_MAX || model.len > MODEL_MAX)
        return false;
    memcpy(text, provider.p, provider.len);
    len = provider.len;
    text[len++] = '/';
    if (model.len > 0)
        memcpy(text + len, model.p, model.len);
    len += model.len;
    return glob_list_match(r->key.models, (struct str){text, len});
}

static bool needs_endpoint(const struct request *r)
{
    return r->path.is_broad || r->asked.len == 0;
}

static enum step_result refuse(struct request *r)
{
    struct str rest = r->key.models;
    struct str list =
        needs_endpoint(r)
            ? arena_printf(r->arena,
                           "this needs PROVIDER/%s, and this key may use: ", r->path.endpoint)
            : STR("this key may use: ");
    struct str pattern;
    size_t n = 0;

    while (str_next(&rest, '\0', &pattern) && n < TELL_MAX) {
        if (pattern.len == 0)
            continue;
        list =
            arena_concat(r->arena, (struct str[]){list, n > 0 ? STR(", ") : STR_NONE, pattern}, 3);
        n++;
    }
    if (n == TELL_MAX && rest.len > 0)
        list = arena_concat(r->arena, (struct str[]){list, STR(", ...")}, 2);
    return request_fail(r, &FAIL_MODEL_NOT_ALLOWED, list,
                        needs_endpoint(r) ? STR_NONE : STR("model"));
}

enum step_result admit_step(struct request *r)
{
    enum step_result result = route_resolve(r);

    if (result != STEP_NEXT || r->key.models.len == 0)
        return result;
    r->allowed_by_name = r->asked.len > 0 && admit_name(r, r->asked);
    if ((r->allowed_by_name && !r->path.is_broad) || route_has_allowed(r))
        return STEP_NEXT;
    return refuse(r);
}
