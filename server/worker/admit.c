#include "server/worker/admit.h"

#include "server/worker/fail.h"
#include "server/worker/parse.h"
#include "server/worker/refusal.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"
#include "shm/scope.h"

#define TELL_MAX 20   /* patterns named in a refusal */
#define SHOWN_MAX 100 /* bytes of the client's own text in an answer */

bool admit_name(const struct request *r, struct str name)
{
    if (scope_denies_name(r, name))
        return false;
    return r->key.models.len == 0 || glob_list_match(r->key.models, name);
}

bool admit_target_text(struct str provider, struct str model, char room[ADMIT_TARGET_MAX],
                       struct str *out)
{
    if (provider.len > PROVIDER_NAME_MAX || model.len > MODEL_MAX)
        return false;
    memcpy(room, provider.p, provider.len);
    room[provider.len] = '/';
    if (model.len > 0)
        memcpy(room + provider.len + 1, model.p, model.len);
    *out = (struct str){room, provider.len + 1 + model.len};
    return true;
}

bool admit_target(const struct request *r, struct str provider, struct str model)
{
    char text[ADMIT_TARGET_MAX];
    struct str target;

    if (r->key.models.len == 0)
        return true;
    return admit_target_text(provider, model, text, &target) &&
           glob_list_match(r->key.models, target);
}

static bool needs_endpoint(const struct request *r)
{
    return r->path.is_broad || r->asked.len == 0;
}

static bool is_limited(const struct request *r)
{
    return r->key.models.len > 0 || r->scope.n_providers > 0 || r->scope.denied.len > 0;
}

/* What a key may use, or must not: as its owner wrote it. */
static struct str tell(struct request *r, struct str list, struct str globs)
{
    struct str pattern;
    size_t n = 0;

    while (str_next(&globs, '\0', &pattern) && n < TELL_MAX) {
        if (pattern.len == 0)
            continue;
        list =
            arena_concat(r->arena, (struct str[]){list, n > 0 ? STR(", ") : STR_NONE, pattern}, 3);
        n++;
    }
    if (n == TELL_MAX && globs.len > 0)
        list = arena_concat(r->arena, (struct str[]){list, STR(", ...")}, 2);
    return list;
}

static struct str tell_providers(struct request *r)
{
    struct str list = STR("this key may use: ");

    for (uint32_t i = 0; i < r->scope.n_providers && i < TELL_MAX; i++)
        list = arena_concat(
            r->arena,
            (struct str[]){list, i > 0 ? STR(", ") : STR_NONE, r->scope.providers[i].name}, 3);
    return list;
}

static struct str shown(struct str s)
{
    return (struct str){s.p, min_u64(s.len, SHOWN_MAX)};
}

/* Who wrote an alias looks for it in vain in the lists below: it is told what it stands for. */
static struct str tell_alias(struct request *r, struct str list)
{
    if (r->course.said.len == 0 || str_eq(r->course.said, r->course.name))
        return list;
    return arena_printf(r->arena, "\"%.*s\" is this key's alias of \"%.*s\"; %.*s",
                        STR_ARGS(shown(r->course.said)), STR_ARGS(shown(r->course.name)),
                        STR_ARGS(list));
}

enum step_result admit_refuse(struct request *r)
{
    struct str param = needs_endpoint(r) ? STR_NONE : STR("model");
    struct str list;

    if (!route_has_provider(r))
        return request_fail(r, &FAIL_PROVIDER_NOT_ALLOWED, tell_alias(r, tell_providers(r)), param);
    if (r->key.models.len == 0) {
        list = r->scope.denied.len > 0 ? tell(r, STR("this key may not use: "), r->scope.denied)
                                       : STR("its providers were given other models");
        return request_fail(r, &FAIL_MODEL_NOT_ALLOWED, tell_alias(r, list), param);
    }
    list = needs_endpoint(r)
               ? arena_printf(r->arena,
                              "this needs PROVIDER/%s, and this key may use: ", r->path.endpoint)
               : STR("this key may use: ");
    return request_fail(r, &FAIL_MODEL_NOT_ALLOWED, tell_alias(r, tell(r, list, r->key.models)),
                        param);
}

/* Requests and tokens of the key, its team and its customer. */
static enum step_result take_rates(struct request *r)
{
    struct estimate estimate;

    if (!r->payers.has_rates)
        return STEP_NEXT;
    money_estimate(r, &estimate);
    if (rates_take(r, &r->payers.accounts, &estimate, &r->refusal))
        return STEP_NEXT;
    return refusal_fail(r, &r->refusal);
}

bool admit_course(struct request *r)
{
    struct str name = r->course.name;

    r->course.allowed_by_name = false;
    if (!is_limited(r))
        return true;
    if (name.len > 0 && (scope_denies_name(r, name) || scope_denies_name(r, r->course.said)))
        return false;
    r->course.allowed_by_name = name.len > 0 && r->key.models.len > 0 &&
                                (admit_name(r, name) || admit_name(r, r->course.said));
    return route_has_allowed(r);
}

enum step_result admit_step(struct request *r)
{
    enum step_result result = course_begin(r);

    return result == STEP_NEXT ? take_rates(r) : result;
}
