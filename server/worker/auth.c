#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/worker/controls.h"
#include "server/worker/explain.h"
#include "server/worker/fail.h"
#include "server/worker/origin.h"
#include "server/worker/parse.h"
#include "server/worker/request.h"
#include "server/worker/worker.h"

#define KEY_TEXT_MAX 512 /* ours have 49 bytes; a file may give others */

/* `Authorization: Bearer KEY`; other schemes carry no virtual key. */
static struct str bearer(struct str header)
{
    static const struct str scheme = {"Bearer ", 7};

    if (header.len < scheme.len || !str_eq_nocase((struct str){header.p, scheme.len}, scheme))
        return STR_NONE;
    return str_trim(str_skip(header, scheme.len));
}

/* LiteLLM's own header; some of its clients write "Bearer " there, too. */
static struct str litellm_key(struct str header)
{
    struct str key = bearer(header);

    return key.len > 0 ? key : header;
}

/*
 * x-bf-vk first, and LiteLLM's header below its prefix: whoever sets them means us, while Authorization
 * may be an SDK's filler.
 */
static struct str find_key(const struct http_exchange *ex)
{
    static const struct str headers[] = {
        {"x-api-key", 9},
        {"api-key", 7},
        {"x-goog-api-key", 14},
    };
    struct str key = str_trim(http_find(ex, STR("x-bf-vk")));

    if (key.len == 0 && controls_are_asked(ex))
        key = litellm_key(str_trim(http_find(ex, STR("x-litellm-api-key"))));
    if (key.len > 0)
        return key;
    key = bearer(http_find(ex, STR("authorization")));
    for (size_t i = 0; key.len == 0 && i < ARRAY_LEN(headers); i++)
        key = str_trim(http_find(ex, headers[i]));
    if (key.len == 0)
        key = query_find(ex->query, STR("key"));
    return key;
}

static enum step_result refuse(struct request *r, const struct fail *f, struct str detail)
{
    stat_add(r->worker->slot, STAT_AUTH_FAILURES, 1);
    r->key = (struct virtual_key){.id = 0};
    r->payers = (struct payers){.team_id = 0};
    r->scope = (struct key_scope){.n_providers = 0};
    return request_fail(r, f, detail, STR_NONE);
}

/* No virtual key, and none is needed. */
static enum step_result admit_stranger(struct request *r)
{
    if (origin_is_foreign(r->ex))
        return refuse(r, &FAIL_FORBIDDEN,
                      STR("a web page of another origin needs a virtual key here"));
    r->admitted = true;
    return STEP_NEXT;
}

static struct str tell_expired(struct request *r)
{
    if ((r->key.flags & KEY_ALIAS) == 0)
        return r->key.name;
    return arena_printf(r->arena, "%.*s has another text now, and the grace of this one is over",
                        STR_ARGS(r->key.name));
}

/* It is one of ours: is it good, here and now? */
static enum step_result enter(struct request *r)
{
    const struct fail *wrong;
    struct str detail = STR_NONE;

    scope_be_itself(r);
    if ((r->key.flags & KEY_ACTIVE) == 0)
        return refuse(r, &FAIL_KEY_INACTIVE, r->key.name);
    if (r->key.expires_ms != 0 && r->key.expires_ms <= r->begun_ms)
        return refuse(r, &FAIL_KEY_EXPIRED, tell_expired(r));
    wrong = payers_walk(r, &detail);
    if (wrong == NULL)
        wrong = scope_enter(r, &detail);
    if (wrong != NULL)
        return refuse(r, wrong, detail);
    r->admitted = true;
    return STEP_NEXT;
}

enum step_result auth_step(struct request *r)
{
    struct worker *w = r->worker;
    bool required = (w->view.image->flags & PUB_REQUIRE_KEY) != 0;
    struct str key;
    uint8_t hash[SHA256_BYTES];

    if (r->explain != NULL && r->explain->has_key)
        return keys_find(&w->in->regions.published, r->explain->key_hash, r->arena, &r->key)
                   ? enter(r)
                   : refuse(r, &FAIL_BAD_KEY, STR_NONE);
    key = find_key(r->ex);
    if (key.len == 0) {
        if (required)
            return refuse(r, &FAIL_NO_KEY, STR_NONE);
        return admit_stranger(r);
    }
    crypto_sha256(key, hash);
    if (key.len > KEY_TEXT_MAX || !keys_find(&w->in->regions.published, hash, r->arena, &r->key)) {
        r->key = (struct virtual_key){.id = 0};
        /* Where no key is needed SDKs still send something; only what claims to be ours must be. */
        if (required || str_starts(key, STR("sk-bf-")))
            return refuse(r, &FAIL_BAD_KEY, STR_NONE);
        return admit_stranger(r);
    }
    return enter(r);
}
