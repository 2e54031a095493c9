#include "server/worker/forward.h"

#include "server/base/crypto.h"
#include "server/worker/fail.h"
#include "server/worker/send.h"
#include "server/worker/worker.h"

#define HEADERS_MAX 128
#define CONNECT_MS 2000     /* a local socket: longer means that nobody is there */
#define FIRST_BYTE_MS 60000 /* a reload of a long file waits for the workers */

static bool starts_with_one(struct str path, const struct str *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_starts(path, prefixes[i]))
            return true;
    }
    return false;
}

/* LiteLLM's management routes, also below /litellm. None of them is a path of a dialect. */
static bool is_litellm(struct str path)
{
    static const struct str whole[] = {
        {"/v2/key/info", 12},       {"/model/info", 11},      {"/v1/model/info", 14},
        {"/health/liveliness", 18}, {"/health/liveness", 16}, {"/health/readiness", 17},
        {"/global/spend", 13},
    };
    static const struct str below[] = {
        {"/key/", 5},           {"/user/", 6},          {"/team/", 6},
        {"/customer/", 10},     {"/end_user/", 10},     {"/spend/", 7},
        {"/organization/", 14}, {"/global/spend/", 14}, {"/budget/", 8},
    };

    if (str_starts(path, STR("/litellm/")))
        path = str_skip(path, sizeof("/litellm") - 1);
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        if (str_eq(path, whole[i]))
            return true;
    }
    return starts_with_one(path, below, ARRAY_LEN(below));
}

/* A key's view of itself, behind whatever prefix its SDK has in its base URL. */
static bool is_own_key(struct str path)
{
    static const struct str prefixes[] = {
        {"/v1/key", 7},      {"/openai/", 8},      {"/anthropic/", 11},
        {"/genai/", 7},      {"/bedrock/", 9},     {"/cohere/", 8},
        {"/langchain/", 11}, {"/pydanticai/", 12}, {"/litellm/", 9},
    };

    return str_ends(path, STR("/v1/key")) && starts_with_one(path, prefixes, ARRAY_LEN(prefixes));
}

bool forward_wants(struct str path)
{
    static const struct str whole[] = {
        {"/", 1},    {"/healthz", 8}, {"/readyz", 7}, {"/metrics", 8}, {"/favicon.ico", 12},
        {"/api", 4}, {"/ui", 3},
    };

    if (path.len > 4 && str_starts(path, STR("/api/")))
        return true;
    if (path.len > 3 && str_starts(path, STR("/ui/")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        if (str_eq(path, whole[i]))
            return true;
    }
    return is_own_key(path) || is_litellm(path);
}

/* The connection's own headers, and what only we may say. */
static bool passes(struct str name)
{
    static const struct str credentials[] = {
        {"authorization", 13}, {"x-api-key", 9}, /* with the next two: a virtual key that asks for its own state */
        {"api-key", 7},        {"x-goog-api-key", 14}, {"cookie", 6},
        {"forwarded", 9},      {"x-real-ip", 9},
    };

    if (send_header_passes(name))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        if (str_eq(name, credentials[i]))
            return true;
    }
    return str_starts(name, STR("x-forwarded-")) ||
           (str_starts(name, STR("x-bf-")) && !str_starts(name, STR("x-bf-peer")));
}

static size_t body_max(struct str path)
{
    return str_eq(path, STR(ADMIN_IMPORT_PATH)) ? ADMIN_IMPORT_MAX : ADMIN_BODY_MAX;
}

static bool is_token(const struct pub_image *image, struct str given)
{
    uint8_t hash[SHA256_BYTES];

    static_assert(sizeof(hash) == sizeof(image->admin_hash), "of the same kind");
    crypto_sha256(given, hash);
    return crypto_equal(hash, image->admin_hash, sizeof(hash));
}

/*
 * Might admin let them in? Only admin decides; a "no" here means that it will refuse, and needs no
 * body for that. All headers in which LiteLLM's clients send the token count.
 */
static bool may_be_let_in(const struct request *r)
{
    static const struct str bare[] = {
        {"x-bf-vk", 7}, {"x-api-key", 9},       {"x-litellm-api-key", 17},
        {"api-key", 7}, {"x-goog-api-key", 14},
    };
    const struct pub_image *image = r->worker->view.image;
    struct str bearer = str_trim(http_find(r->ex, STR("authorization")));

    if (image == NULL)
        return false; /* nothing was published yet: the admin API answers 503 */
    if ((image->flags & PUB_API_OPEN_LOOPBACK) != 0 && r->ex->peer_is_loopback)
        return true;
    if (bearer.len > 7 && str_eq_nocase((struct str){bearer.p, 7}, STR("bearer ")) &&
        is_token(image, str_trim(str_skip(bearer, 7))))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(bare); i++) {
        struct str value = http_find(r->ex, bare[i]);

        if (value.len > 0 && is_token(image, value))
            return true;
    }
    return false;
}

static struct str line_of(struct request *r, struct str name, struct str value)
{
    return arena_concat(r->arena, (struct str[]){name, STR(": "), value}, 3);
}

enum step_result forward_step(struct request *r)
{
    struct http_exchange *ex = r->ex;
    struct attempt *a = &r->attempt;
    struct str *lines = arena_alloc(r->arena, HEADERS_MAX * sizeof(*lines));
    struct http_header h;
    size_t n = 0;

    if (ex->body.len > body_max(ex->path))
        return request_fail(r, &FAIL_BODY_TOO_LARGE, STR("the management API takes 1 MiB"),
                            STR_NONE);
    *a = (struct attempt){.row = UINT32_MAX};
    for (size_t i = 0; http_header_at(ex, i, &h) && n < HEADERS_MAX - 4; i++) {
        if (passes(h.name))
            lines[n++] = line_of(r, h.name, h.value);
    }
    /* Never the "localhost" of our own URL, which the management API trusts. */
    lines[n++] = line_of(r, STR("host"), ex->authority.len > 0 ? ex->authority : STR("unknown"));
    lines[n++] = line_of(r, STR("x-bf-peer"), ex->peer);
    lines[n++] = line_of(r, STR("x-bf-peer-loopback"), ex->peer_is_loopback ? STR("1") : STR("0"));
    lines[n++] = line_of(r, STR("x-bf-request-id"), str_of(r->id_text));
    if (ex->body.len > 0 && (ex->body.len <= ADMIN_STRANGER_BODY_MAX || may_be_let_in(r)))
        a->parts = (struct openai_parts){{ex->body}, 1, ex->body.len};
    a->upstream = (struct upstream_request){
        .arena = r->arena,
        .method = ex->method,
        .url = arena_concat(r->arena,
                            (struct str[]){STR("http://localhost"), ex->path,
                                           ex->query.len > 0 ? STR("?") : STR_NONE, ex->query},
                            4),
        .unix_socket = str_of(r->worker->in->admin_socket),
        .headers = lines,
        .n_headers = n,
        .body = a->parts.parts,
        .n_body = a->parts.n,
        .body_bytes = a->parts.bytes,
        .http1_only = true,
        .connect_ms = CONNECT_MS,
        .first_byte_ms = FIRST_BYTE_MS,
    };
    stat_add(r->worker->slot, STAT_FORWARDED, 1);
    attempt_begin(r);
    return STEP_NEXT;
}
