#include "server/worker/sign.h"

#include <stdlib.h>

#include "providers/auth/credential.h"
#include "providers/auth/sigv4.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/worker/worker.h"
#include "shm/tokens.h"

#define SIGNERS 8 /* a signer notices by itself when it is used for another key: that costs 3 us */
#define SIGNED_MAX 16
#define SERVICE "bedrock" /* the only one whose requests are signed; also of bedrock-runtime */

struct signers {
    struct sigv4_signer items[SIGNERS];
};

void sign_free(struct signers *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SIGNERS; i++)
        sigv4_fini(&s->items[i]);
    free(s);
}

static bool has_row(const struct pub_key *key)
{
    return key->kind == PUB_KEY_TOKEN || key->kind == PUB_KEY_AWS_TOKEN;
}

bool sign_is_ready(const struct worker *w, const struct pub_key *key)
{
    const struct region *tokens = &w->in->regions.tokens;
    struct token t;

    if (!has_row(key))
        return true;
    /* a row that cannot be read for the moment is being renewed: there is a token */
    return tokens->base != NULL && (!tokens_look(tokens, key->token, &t) ||
                                    (t.token_for == key->token_for && t.access_len > 0));
}

/* --- AWS --- */

static bool is_signed(struct str name)
{
    return str_eq_nocase(name, STR("content-type")) || str_starts(name, STR("x-amz-"));
}

/* host, and those of the other headers that AWS wants signed. */
static size_t signed_headers(struct str host, const struct str *lines, size_t n_lines,
                             struct sigv4_header out[SIGNED_MAX])
{
    size_t n = 0;

    out[n++] = (struct sigv4_header){STR("host"), host};
    for (size_t i = 0; i < n_lines && n < SIGNED_MAX; i++) {
        ptrdiff_t colon = str_index(lines[i], ':');
        struct str name = {lines[i].p, colon > 0 ? (size_t)colon : 0};

        if (is_signed(name))
            out[n++] = (struct sigv4_header){name, str_trim(str_skip(lines[i], name.len + 1))};
    }
    return n;
}

static struct sigv4_signer *signer_for(struct worker *w, const struct pub_key *key)
{
    if (w->signers == NULL)
        w->signers = xcalloc(1, sizeof(*w->signers));
    return &w->signers->items[key->secret_offset / 64 % SIGNERS];
}

static size_t sign(struct request *r, const struct pub_key *key,
                   const struct credential_token *keys, const struct str *lines, size_t n_lines,
                   struct str out[SIGN_LINES])
{
    struct attempt *a = &r->attempt;
    struct sigv4_signer *s = signer_for(r->worker, key);
    struct sigv4_header headers[SIGNED_MAX];
    struct sigv4_signature signature;
    struct sigv4_request req = {.method = a->upstream.method,
                                .headers = headers,
                                .body = a->upstream.body,
                                .n_body = a->upstream.n_body};
    struct url_parts url;
    size_t n = 0;

    if (!credential_url(a->upstream.url, &url))
        return 0; /* base URLs begin with a scheme: the configuration has looked */
    req.path = url.path;
    req.query = url.query;
    req.n_headers = signed_headers(url.host, lines, n_lines, headers);
    s->access_key = keys->access;
    s->secret_key = keys->secret;
    s->session_token = keys->session;
    s->region = pub_text(&r->worker->view, key->region);
    s->service = STR(SERVICE);
    sigv4_sign(s, &req, clock_real_ms() / 1000, r->arena, &signature);
    out[n++] =
        arena_concat(r->arena, (struct str[]){STR("x-amz-date: "), str_of(signature.date)}, 2);
    out[n++] =
        arena_concat(r->arena, (struct str[]){STR("authorization: "), signature.authorization}, 2);
    if (keys->session.len > 0) {
        a->secret =
            arena_concat(r->arena, (struct str[]){STR("x-amz-security-token: "), keys->session}, 2);
        out[n++] = a->secret;
    }
    s->access_key = s->secret_key = s->session_token = s->region = STR_NONE;
    return n;
}

static size_t sign_with_static(struct request *r, const struct pub_key *key,
                               const struct str *lines, size_t n_lines, struct str out[SIGN_LINES])
{
    struct credential c;
    struct credential_token keys;

    if (r->worker->view.secrets == NULL ||
        !credential_unpack(pub_secret(&r->worker->view, key), &c))
        return 0;
    keys = (struct credential_token){c.fields[CRED_ACCESS_KEY], c.fields[CRED_SECRET_KEY],
                                     c.fields[CRED_SESSION_TOKEN], 0};
    return sign(r, key, &keys, lines, n_lines, out);
}

/* --- tokens --- */

static size_t show_token(struct request *r, const struct pub_key *key, const struct token *t,
                         struct str out[SIGN_LINES])
{
    struct attempt *a = &r->attempt;

    (void)key;
    a->secret = arena_concat(
        r->arena, (struct str[]){STR("authorization: Bearer "), {t->text, t->access_len}}, 2);
    out[0] = a->secret;
    return 1;
}

size_t sign_lines(struct request *r, const struct pub_key *key, const struct str *lines,
                  size_t n_lines, struct str out[SIGN_LINES])
{
    const struct region *tokens = &r->worker->in->regions.tokens;
    struct token t;
    size_t n = 0;

    if (key->kind == PUB_KEY_AWS)
        return sign_with_static(r, key, lines, n_lines, out);
    if (!has_row(key) || tokens->base == NULL ||
        !tokens_read(tokens, key->token, key->token_for, &t))
        return 0; /* the provider will say that it wants one */
    if (key->kind == PUB_KEY_AWS_TOKEN) {
        struct credential_token keys = {{t.text, t.access_len},
                                        {t.text + t.access_len, t.secret_len},
                                        {t.text + t.access_len + t.secret_len, t.session_len},
                                        0};

        n = sign(r, key, &keys, lines, n_lines, out);
    } else {
        n = show_token(r, key, &t, out);
    }
    crypto_wipe(t.text,
                min_u64((uint64_t)t.access_len + t.secret_len + t.session_len, sizeof(t.text)));
    return n;
}
