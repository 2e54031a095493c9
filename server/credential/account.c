#include "server/credential/account.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/alloc.h"
#include "server/base/base.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "shm/tokens.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 60000
#define RENEW_MIN_MS 1000        /* a machine's endpoint may hand out tokens near their end */
#define FOREVER_MS (3600 * 1000) /* what does not expire is looked at again: a file may change */
#define FILE_MAX_BYTES 65536
#define READ_AHEAD ((size_t)128 << 10)
#define ARENA_BYTES 8192
#define REFUSED_MS 10000 /* a wrong secret does not become right, but a clock or a role may */

struct account {
    const struct account_env *env;
    char *provider, *key;
    uint32_t row;
    uint64_t token_for;
    struct buf packed; /* the credential's fields point into it */
    struct credential credential;
    struct arena *arena; /* of the flow under way */
    struct credential_flow flow;
    struct fetch *fetch; /* NULL: none under way */
    uint64_t due_ms;     /* monotonic */
    uint32_t in_a_row;   /* failures */
    struct token told;   /* as in the row, without its text */
};

uint64_t account_renew_in_ms(uint64_t age_ms, uint64_t left_ms, uint64_t random)
{
    uint64_t life_ms = age_ms + left_ms;
    /* 70 to 75 %: not all of a fleet at once */
    uint64_t at_ms = life_ms / 100 * 70 + life_ms / 2000 * (random % 101);

    if (at_ms <= age_ms)
        return left_ms > 0 ? RENEW_MIN_MS : 0;
    return max_u64(at_ms - age_ms, RENEW_MIN_MS);
}

uint64_t account_retry_in_ms(uint32_t failures, uint64_t random)
{
    uint64_t ms = RETRY_FIRST_MS;

    for (uint32_t i = 1; i < failures && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    ms = min_u64(ms, RETRY_MAX_MS);
    return ms / 2 + ms / 200 * (random % 101); /* half of it up to all of it */
}

static uint64_t any_number(void)
{
    uint64_t n;

    crypto_random(&n, sizeof(n));
    return n;
}

static const char *env_of(const char *name)
{
    return getenv(name);
}

static int read_file(void *ctx, const char *path, struct buf *out)
{
    struct error err = ERROR_INIT;
    struct stat st;

    (void)ctx;
    /* a pipe or a device would hold up all the others */
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    buf_reserve(out, FILE_MAX_BYTES + READ_AHEAD); /* no growing: a copy would stay behind */
    return fd_read_file(path, FILE_MAX_BYTES, out, &err);
}

static const struct credential_world world = {env_of, read_file, NULL};

/* --- a predecessor's row --- */

static uint64_t first_due(const struct account *a, uint64_t mono_ms)
{
    uint64_t now_ms = clock_real_ms();
    const struct token *t = &a->told;

    if (t->token_for != a->token_for || t->fetched_ms == 0 || t->fetched_ms > now_ms)
        return mono_ms;
    if (t->expires_ms == 0)
        return mono_ms + FOREVER_MS;
    if (t->expires_ms <= now_ms)
        return mono_ms;
    return mono_ms +
           account_renew_in_ms(now_ms - t->fetched_ms, t->expires_ms - now_ms, any_number());
}

struct account *account_create(const struct account_env *env, const struct account_options *o,
                               uint64_t mono_ms)
{
    struct account *a = xcalloc(1, sizeof(*a));

    a->env = env;
    a->provider = xstrndup(o->provider);
    a->key = xstrndup(o->key);
    a->row = o->row;
    a->token_for = o->token_for;
    buf_reserve(&a->packed, o->packed.len + 1);
    buf_str(&a->packed, o->packed);
    a->arena = arena_create(ARENA_BYTES);
    if (!credential_unpack(buf_view(&a->packed), &a->credential)) {
        log_error("credential_unsound", "provider=%s key=%s", a->provider, a->key);
        account_free(a);
        return NULL;
    }
    /* it died in the row: its text may be torn, so it counts as empty */
    if (!tokens_look(env->tokens, a->row, &a->told) || a->told.token_for != a->token_for) {
        a->told = (struct token){.token_for = a->token_for};
        tokens_publish(env->tokens, a->row, &a->told);
    }
    a->due_ms = first_due(a, mono_ms);
    return a;
}

void account_free(struct account *a)
{
    if (a == NULL)
        return;
    fetch_cancel(a->fetch);
    arena_wipe(a->arena);
    arena_free(a->arena);
    if (a->packed.data != NULL)
        crypto_wipe(a->packed.data, a->packed.cap);
    buf_fini(&a->packed);
    free(a->provider);
    free(a->key);
    free(a);
}

bool account_is(const struct account *a, const struct account_options *o)
{
    return a->row == o->row && a->token_for == o->token_for;
}

/* --- fetching --- */

static void end_flow(struct account *a)
{
    arena_wipe(a->arena);
    arena_reset(a->arena);
    memset(&a->flow, 0, sizeof(a->flow));
}

static void failed(struct account *a, uint32_t error, const char *text)
{
    a->in_a_row++;
    a->told.error = error;
    a->told.failures++;
    tokens_tell(a->env->tokens, a->row, &a->told);
    a->due_ms = clock_mono_ms() + account_retry_in_ms(a->in_a_row, any_number());
    if (error >= 400 && error < 500)
        a->due_ms = max_u64(a->due_ms, clock_mono_ms() + REFUSED_MS);
    log_warn("token_failed", "provider=%s key=%s failures=%u text=\"%s\"", a->provider, a->key,
             a->in_a_row, text);
    end_flow(a);
}

static void got(struct account *a)
{
    const struct credential_token *t = &a->flow.token;
    struct token token = a->told;
    uint64_t now_ms = clock_real_ms();

    if (t->access.len + t->secret.len + t->session.len > TOKEN_TEXT_MAX) {
        failed(a, TOKEN_UNSOUND, "the token is too long");
        return;
    }
    if (t->expires_s != 0 && t->expires_s * 1000 <= now_ms) {
        failed(a, TOKEN_UNSOUND, "the token has expired already; is the clock right?");
        return;
    }
    token.access_len = (uint32_t)t->access.len;
    token.secret_len = (uint32_t)t->secret.len;
    token.session_len = (uint32_t)t->session.len;
    memcpy(token.text, t->access.p, t->access.len);
    if (t->secret.len > 0)
        memcpy(token.text + t->access.len, t->secret.p, t->secret.len);
    if (t->session.len > 0)
        memcpy(token.text + t->access.len + t->secret.len, t->session.p, t->session.len);
    token.fetched_ms = now_ms;
    token.expires_ms = t->expires_s * 1000;
    token.error = TOKEN_OK;
    token.renewals++;
    tokens_publish(a->env->tokens, a->row, &token);
    crypto_wipe(token.text, sizeof(token.text));
    a->told = token;
    a->in_a_row = 0;
    a->due_ms =
        clock_mono_ms() + (token.expires_ms == 0
                               ? FOREVER_MS
                               : account_renew_in_ms(0, token.expires_ms - now_ms, any_number()));
    log_info("token_renewed", "provider=%s key=%s life_s=%llu", a->provider, a->key,
             (unsigned long long)(token.expires_ms == 0 ? 0 : (token.expires_ms - now_ms) / 1000));
    end_flow(a);
}

static void follow(struct account *a, enum credential_next next, int status);

static void on_answer(void *ctx, int status, struct str body, const char *problem)
{
    struct account *a = ctx;

    a->fetch = NULL;
    if (status == 0)
        failed(a, TOKEN_UNREACHABLE, problem);
    else
        follow(a, credential_answer(&a->flow, status, body), status);
}

static void follow(struct account *a, enum credential_next next, int status)
{
    switch (next) {
    case CREDENTIAL_CALL:
        a->fetch = fetch_start(a->env->fetcher, &a->flow.request, on_answer, a);
        if (a->fetch == NULL)
            failed(a, TOKEN_UNREACHABLE, "libcurl has no memory");
        break;
    case CREDENTIAL_GOT:
        got(a);
        break;
    case CREDENTIAL_FAILED:
        failed(a, status >= 300 ? (uint32_t)status : TOKEN_UNSOUND, a->flow.error);
        break;
    }
}

uint64_t account_turn(struct account *a, uint64_t mono_ms)
{
    if (a->fetch != NULL)
        return UINT64_MAX; /* fetcher_wait tells */
    if (mono_ms < a->due_ms)
        return a->due_ms;
    a->flow = (struct credential_flow){.credential = &a->credential,
                                       .world = &world,
                                       .arena = a->arena,
                                       .json = a->env->json,
                                       .now_s = clock_real_ms() / 1000};
    follow(a, credential_begin(&a->flow), 0);
    return a->fetch != NULL ? UINT64_MAX : a->due_ms;
}
