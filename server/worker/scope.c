#include "server/worker/scope.h"

#include "providers/paths.h"
#include "server/worker/admit.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/translate_task.h"
#include "shm/scope.h"

/* --- routes --- */

static bool is_endpoint(const struct request *r, const char *endpoint)
{
    return str_eq(str_of(r->path.endpoint), str_of(endpoint));
}

/* What is only relayed says what it is by its endpoint alone. */
static uint32_t route_of_relayed(const struct request *r)
{
    static const struct {
        const char *endpoint;
        uint32_t route;
    } relayed[] = {
        {"images", SCOPE_IMAGES},
        {"audio", SCOPE_AUDIO},
        {"batches", SCOPE_BATCHES},
        {"batchGenerateContent", SCOPE_BATCHES},
        {"chat.completions", SCOPE_CHAT},
        {"chat.v1", SCOPE_CHAT},
        {"complete", SCOPE_COMPLETIONS},
        {"responses", SCOPE_RESPONSES},
        {"embed.v1", SCOPE_EMBEDDINGS},
        {"embed-jobs", SCOPE_EMBEDDINGS},
        {"asyncBatchEmbedContent", SCOPE_EMBEDDINGS},
        {"rerank.v1", SCOPE_RERANK},
    };

    for (size_t i = 0; i < ARRAY_LEN(relayed); i++) {
        if (is_endpoint(r, relayed[i].endpoint))
            return relayed[i].route;
    }
    return SCOPE_OTHER;
}

uint32_t scope_route(const struct request *r)
{
    bool is_responses = r->path.dialect == DIALECT_RESPONSES;

    switch (r->path.op) {
    case OP_CHAT:
    case OP_COUNT_TOKENS: /* of a chat that is to be */
        return is_responses ? SCOPE_RESPONSES : SCOPE_CHAT;
    case OP_INVOKE:
        return task_of(r) == OP_EMBEDDINGS ? SCOPE_EMBEDDINGS : SCOPE_CHAT;
    case OP_COMPLETIONS:
        return SCOPE_COMPLETIONS;
    case OP_EMBEDDINGS:
    case OP_EMBEDDINGS_BATCH:
        return SCOPE_EMBEDDINGS;
    case OP_RERANK:
        return SCOPE_RERANK;
    case OP_FILES:
        return SCOPE_FILES;
    case OP_MODELS:
        return SCOPE_MODELS;
    default:
        return route_of_relayed(r);
    }
}

static struct str tell_routes(struct request *r, uint32_t allowed)
{
    struct str list = STR("this key may use: ");
    const char *between = "";

    for (uint32_t i = 0; i < SCOPE_ROUTES; i++) {
        if ((allowed & 1u << i) == 0)
            continue;
        list = arena_concat(r->arena,
                            (struct str[]){list, str_of(between), str_of(scope_route_names[i])}, 3);
        between = ", ";
    }
    return list;
}

/* --- entering --- */

static void keep(struct request *r, const struct scope *s)
{
    struct scope_provider *copies;

    r->scope.denied = s->denied_models;
    r->scope.aliases = s->aliases;
    r->scope.n_providers = s->n_providers;
    if (s->n_providers == 0)
        return;
    copies = arena_alloc(r->arena, s->n_providers * sizeof(*copies));
    memcpy(copies, s->providers, s->n_providers * sizeof(*copies));
    r->scope.providers = copies;
}

void scope_be_itself(struct request *r)
{
    struct scope *s;

    if ((r->key.flags & KEY_ALIAS) == 0)
        return;
    s = arena_alloc(r->arena, sizeof(*s));
    if (scope_decode(r->key.scope, s) != 0)
        return; /* scope_enter refuses it */
    if (s->books_as != 0)
        r->key.id = s->books_as;
    if (s->books_name.len > 0)
        r->key.name = s->books_name;
}

const struct fail *scope_enter(struct request *r, struct str *detail)
{
    static struct scope
        s; /* 5 KB, of which a usual key needs a hundred: not on every request's way */

    if (r->key.scope.len == 0)
        return NULL;
    if (scope_decode(r->key.scope, &s) != 0) {
        /* It was written by the master: nobody knows what it would have forbidden. */
        *detail = STR("its restrictions cannot be read");
        return &FAIL_KEY_INACTIVE;
    }
    if (!scope_is_from(&s, r->ex->peer)) {
        *detail = r->ex->peer;
        return &FAIL_NETWORK_NOT_ALLOWED;
    }
    if (s.routes != 0 && (s.routes & scope_route(r)) == 0) {
        *detail = tell_routes(r, s.routes);
        return &FAIL_ROUTE_NOT_ALLOWED;
    }
    keep(r, &s);
    return NULL;
}

/* --- targets --- */

struct str scope_alias(const struct request *r, struct str name)
{
    struct str rest = r->scope.aliases;
    struct str from, to;

    while (rest.len > 0 && str_next(&rest, '\0', &from) && str_next(&rest, '\0', &to)) {
        if (str_eq(from, name))
            return to;
    }
    return name;
}

bool scope_denies_name(const struct request *r, struct str name)
{
    return r->scope.denied.len > 0 && glob_list_denies(r->scope.denied, name);
}

const struct scope_provider *scope_provider_of(const struct request *r, struct str provider)
{
    for (uint32_t i = 0; i < r->scope.n_providers; i++) {
        if (str_eq(r->scope.providers[i].name, provider))
            return &r->scope.providers[i];
    }
    return NULL;
}

bool scope_has_provider(const struct request *r, struct str provider)
{
    return r->scope.n_providers == 0 || scope_provider_of(r, provider) != NULL;
}

bool scope_allows(const struct request *r, struct str provider, struct str model)
{
    const struct scope_provider *own = scope_provider_of(r, provider);
    char text[ADMIT_TARGET_MAX];
    struct str target;

    if (r->scope.n_providers > 0) {
        if (own == NULL || (own->models.len > 0 && !glob_list_match(own->models, model)))
            return false;
        if (own->denied.len > 0 && glob_list_denies(own->denied, model))
            return false;
    }
    if (r->scope.denied.len == 0)
        return true;
    if (!admit_target_text(provider, model, text, &target))
        return false;
    return !glob_list_denies(r->scope.denied, target) && !glob_list_denies(r->scope.denied, model);
}
