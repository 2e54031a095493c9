#include "server/worker/send.h"

#include "providers/dialects/anthropic.h"
#include "providers/vendor.h"
#include "server/base/buf.h"
#include "server/worker/controls.h"
#include "server/worker/fail.h"
#include "server/worker/header.h"
#include "server/worker/parse.h"
#include "server/worker/relay.h"
#include "server/worker/shadow.h"
#include "server/worker/sign.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define ANTHROPIC_VERSION "anthropic-version: 2023-06-01" /* what its SDKs send */
#define HEADERS_MAX 160 /* http.c takes 100 from a client; the rest is for the provider's own */

bool send_header_passes(struct str name)
{
    static const struct str hidden[] = {
        {"host", 4},
        {"cookie", 6},
        {"expect", 6},
        {"api-key", 7},
        {"x-api-key", 9},
        {"x-real-ip", 9},
        {"xi-api-key", 10},
        {"forwarded", 9},
        {"authorization", 13},
        {"http2-settings", 14},
        {"x-goog-api-key", 14},
        {"accept-encoding", 15}, /* so that usage can be read in the answer */
        {"x-amz-date", 10}, /* with the next two: of a signature that is not for this provider */
        {"x-amz-security-token", 20},
        {"x-amz-content-sha256", 20},
    };

    if (name.len == 0 || name.p[0] == ':')
        return false;
    if (name.p[0] == 'x' &&
        (str_starts(name, STR("x-bf-")) || str_starts(name, STR("x-forwarded-"))))
        return false;
    return !header_is_hop(name) && !header_is_one_of(name, hidden, ARRAY_LEN(hidden));
}

/* Headers that `Connection:` names belong to the connection too (RFC 9110, section 7.6.1). */
static bool is_nominated(struct str connection, struct str name)
{
    struct str one;

    while (str_next(&connection, ',', &one)) {
        if (str_eq_nocase(str_trim(one), name))
            return true;
    }
    return false;
}

/* Does the provider's configuration set this header itself? */
static bool is_configured(struct str configured, struct str name)
{
    struct str line;

    while (str_next(&configured, '\0', &line)) {
        if (line.len > name.len && line.p[name.len] == ':' &&
            str_eq_nocase((struct str){line.p, name.len}, name))
            return true;
    }
    return false;
}

/* What only the client's own kind of provider understands. */
static bool is_dialects(struct str name)
{
    static const struct str prefixes[] = {
        {"anthropic-", 10}, {"x-goog-", 7}, {"openai-", 7},   {"x-stainless-", 12}, {"x-amz", 5},
        {"amz-sdk-", 8},    {"x-fern-", 7}, {"x-cohere-", 9}, {"x-client-", 9},
    };
    static const struct str names[] = {
        {"accept", 6}, {"content-type", 12},    {"content-md5", 11},
        {"digest", 6}, {"idempotency-key", 15},
    };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (str_starts(name, prefixes[i]))
            return true;
    }
    return header_is_one_of(name, names, ARRAY_LEN(names));
}

struct lines {
    struct str items[HEADERS_MAX];
    size_t n;
};

static void add_line(struct lines *lines, struct str line)
{
    if (lines->n < HEADERS_MAX && line.len > 0)
        lines->items[lines->n++] = line;
}

static void add_client_headers(struct request *r, struct str configured, struct lines *lines)
{
    const struct attempt *a = &r->attempt;
    struct str connection = http_find(r->ex, STR("connection"));
    bool is_litellm = controls_are_asked(r->ex);
    bool has_type = false;
    bool has_version = is_configured(configured, STR("anthropic-version"));
    struct http_header h;

    for (size_t i = 0; http_header_at(r->ex, i, &h); i++) {
        struct str parts[] = {h.name, STR(": "), h.value};

        if (!send_header_passes(h.name) || is_nominated(connection, h.name) ||
            is_configured(configured, h.name) || (a->is_abroad && is_dialects(h.name)) ||
            (is_litellm && str_starts(h.name, STR("x-litellm-"))))
            continue;
        has_type = has_type || str_eq(h.name, STR("content-type"));
        has_version = has_version || str_eq(h.name, STR("anthropic-version"));
        add_line(lines, arena_concat(r->arena, parts, 3));
    }
    if (!has_type && (a->is_abroad || (r->ex->body.len > 0 && r->path.op != OP_FILES)))
        add_line(lines, STR("content-type: application/json"));
    if (a->face->dialect == DIALECT_ANTHROPIC && !has_version)
        add_line(lines, STR(ANTHROPIC_VERSION));
}

static void add_credential(struct request *r, const struct pub_key *key, struct lines *lines)
{
    static const struct str before[] = {
        [AUTH_BEARER] = {"authorization: Bearer ", 22},
        [AUTH_X_API_KEY] = {"x-api-key: ", 11},
        [AUTH_X_GOOG_API_KEY] = {"x-goog-api-key: ", 16},
        [AUTH_API_KEY] = {"api-key: ", 9},
        [AUTH_XI_API_KEY] = {"xi-api-key: ", 12},
        [AUTH_TOKEN] = {"authorization: Token ", 21},
    };
    struct attempt *a = &r->attempt;
    enum vendor_auth auth = vendor_auth(a->vendor, a->face);
    struct str secret = {(const char *)r->worker->view.secrets + key->secret_offset,
                         key->secret_len};

    if ((size_t)auth >= ARRAY_LEN(before) || before[auth].len == 0 || secret.len == 0 ||
        r->worker->view.secrets == NULL)
        return;
    /* the whole line counts as the secret, so that one wipe gets it */
    a->secret = arena_concat(r->arena, (struct str[]){before[auth], secret}, 2);
    add_line(lines, a->secret);
}

static void add_signed(struct request *r, const struct pub_key *key, struct lines *lines)
{
    struct str more[SIGN_LINES];
    size_t n = sign_lines(r, key, lines->items, lines->n, more);

    for (size_t i = 0; i < n; i++)
        add_line(lines, more[i]);
}

/* Only these endpoints end their streams with usage when asked, and Mistral's does unasked. */
static bool asks_for_usage(const struct request *r)
{
    const uint32_t untold = QUIRK_TELLS_USAGE | QUIRK_NO_STREAM_OPTIONS;

    return r->openai.stream && !r->openai.include_usage &&
           (r->attempt.vendor->quirks & untold) == 0 && r->path.dialect == DIALECT_OPENAI &&
           (r->path.op == OP_CHAT || r->path.op == OP_COMPLETIONS);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Azure's clients may leave the model to the path, where other providers do not look for it. */
static void put_model(struct request *r, struct openai_parts *out)
{
    struct str body = r->ex->body;
    ptrdiff_t brace = str_index(body, '{');
    struct buf name = BUF_INIT;
    struct str member;
    size_t next;

    must(brace >= 0); /* the scan saw an object */
    next = (size_t)brace + 1;
    while (next < body.len && is_blank(body.p[next]))
        next++;
    buf_cstr(&name, "{\"model\":");
    buf_json(&name, r->attempt.model);
    if (next < body.len && body.p[next] != '}')
        buf_char(&name, ',');
    member = arena_str(r->arena, buf_view(&name));
    buf_fini(&name);
    *out = (struct openai_parts){.n = 2};
    out->parts[0] = member;
    out->parts[1] = str_skip(body, (size_t)brace + 1);
    out->bytes = member.len + out->parts[1].len;
}

static void prepare_home(struct request *r)
{
    struct attempt *a = &r->attempt;
    struct str model = a->model;

    if (r->multipart_model.p != NULL) {
        openai_multipart_splice(r->ex->body, r->multipart_model, model, &a->parts);
    } else if (r->openai.model_raw.p != NULL && (r->path.is_azure || !r->path.has_model)) {
        r->withhold_usage = asks_for_usage(r);
        openai_splice(&r->openai, r->arena, model, r->withhold_usage, &a->parts);
    } else if (r->path.is_azure && r->openai.body.len > 0) {
        put_model(r, &a->parts);
    } else if (r->ex->body.len > 0) {
        a->parts = (struct openai_parts){{r->ex->body}, 1, r->ex->body.len};
    }
}

/* Claude at Vertex: the model is in the URL only, the version in the body. */
static bool is_vertex_claude(const struct request *r)
{
    const struct attempt *a = &r->attempt;

    return a->face->dialect == DIALECT_ANTHROPIC && (a->vendor->quirks & QUIRK_VERTEX) != 0 &&
           r->path.op != OP_FILES && r->path.op != OP_RELAY;
}

static enum step_result prepare_vertex(struct request *r)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    struct buf *body;
    struct json_error err;

    relay_take(r);
    body = &r->buffers->body;
    buf_clear(body);
    if (anthropic_host(&codec, r->ex->body, QUIRK_VERTEX, body, &err) != 0)
        return request_fail(r, &FAIL_NOT_JSON, str_of(err.text), STR_NONE);
    r->attempt.parts = (struct openai_parts){{buf_view(body)}, 1, body->len};
    return STEP_NEXT;
}

static enum step_result prepare_body(struct request *r)
{
    struct attempt *a = &r->attempt;

    r->withhold_usage = false;
    if (a->is_abroad) {
        enum step_result result;

        relay_take(r);
        result = translate_request(r, &r->buffers->body);
        if (result != STEP_NEXT)
            return result;
        a->parts = (struct openai_parts){{buf_view(&r->buffers->body)}, 1, r->buffers->body.len};
    } else if (is_vertex_claude(r) && r->path.op == OP_CHAT) {
        if (prepare_vertex(r) != STEP_NEXT)
            return STEP_FAIL;
    } else {
        prepare_home(r);
    }
    a->upstream.body = a->parts.parts;
    a->upstream.n_body = a->parts.n;
    a->upstream.body_bytes = a->parts.bytes;
    return STEP_NEXT;
}

static bool ends_with_version(struct str base)
{
    return str_ends(base, STR("/v1")) || str_ends(base, STR("/v1beta")) ||
           str_ends(base, STR("/v1alpha"));
}

/* ".../v1beta" becomes ".../upload/v1beta". */
static struct str upload_base(struct arena *a, struct str base)
{
    struct str version = STR_NONE;

    if (ends_with_version(base)) {
        version = str_skip(base, (size_t)((const char *)memrchr(base.p, '/', base.len) - base.p));
        base.len -= version.len;
    }
    return arena_concat(a, (struct str[]){base, STR("/upload"), version}, 3);
}

/* Azure's dated versions: deployments in the path, where a model is asked for. */
static struct str azure_url(struct request *r, const struct str base[2], struct str version)
{
    const struct attempt *a = &r->attempt;
    struct str tail = a->is_abroad ? translate_path(r) : r->path.tail;
    struct path path = {.before = STR("/deployments/"), .after = tail};
    bool is_of_model = a->face->dialect == DIALECT_OPENAI && a->model.len > 0;
    struct str query = a->is_abroad ? STR_NONE : query_for_upstream(r->arena, r->ex->query, true);
    struct str parts[] = {base[0],
                          base[1],
                          is_of_model ? path_with_model(r->arena, &path, a->model) : tail,
                          query.len > 0 ? query : STR("?"),
                          query.len > 0 ? STR("&api-version=") : STR("api-version="),
                          version};
    struct str *last = base[1].len > 0 ? &parts[1] : &parts[0];

    if (str_ends(*last, STR("/v1")))
        last->len -= strlen("/v1");
    return arena_concat(r->arena, parts, 6);
}

/*
 * Below the face's base: as the client wrote it at home, with the upstream's name of the model; the
 * operation's own path abroad.
 */
static struct str url_of(struct request *r, const struct pub_provider *p)
{
    const struct attempt *a = &r->attempt;
    struct str parts[5] = {STR_NONE};
    struct str base[2];
    struct str text = pub_text(&r->worker->view, p->base_url);

    /* route.c has seen that it can be told */
    must(vendor_face_base(a->vendor, p->dialect, a->face, text, base));
    parts[0] = base[0];
    parts[1] = base[1];
    if (is_vertex_claude(r)) {
        bool stream = a->is_abroad ? translate_streams(r) : r->openai.stream;
        bool counts = r->path.op == OP_COUNT_TOKENS;
        struct path at = {.before = STR("/models/"),
                          .after =
                              stream && !counts ? STR(":streamRawPredict") : STR(":rawPredict")};

        parts[2] = path_with_model(r->arena, &at, counts ? STR("count-tokens") : a->model);
        return arena_concat(r->arena, parts, 3);
    }
    if (p->api_version.len > 0)
        return azure_url(r, base, pub_text(&r->worker->view, p->api_version));
    if (a->face->dialect == DIALECT_ANTHROPIC &&
        !ends_with_version(base[1].len > 0 ? base[1] : base[0]))
        parts[2] = STR("/v1"); /* as its SDKs add it to their base URL */
    if (a->is_abroad) {
        parts[3] = translate_path(r);
        return arena_concat(r->arena, parts, 4);
    }
    parts[3] =
        r->path.before.len > 0 ? path_with_model(r->arena, &r->path, a->model) : r->path.tail;
    parts[4] = query_for_upstream(r->arena, r->ex->query, r->path.is_azure);
    if (r->path.is_upload) {
        parts[0] = upload_base(r->arena, arena_concat(r->arena, base, 2));
        parts[1] = STR_NONE;
    } else if (str_eq(r->path.version, STR("v1alpha"))) {
        struct str *last = base[1].len > 0 ? &parts[1] : &parts[0];

        if (str_ends(*last, STR("/v1beta"))) {
            last->len -= strlen("/v1beta");
            parts[2] = STR("/v1alpha");
        }
    }
    return arena_concat(r->arena, parts, 5);
}

enum step_result send_prepare(struct request *r, const struct pub_provider *p,
                              const struct pub_key *key)
{
    struct str configured = arena_str(r->arena, pub_text(&r->worker->view, p->headers));
    struct str rest = configured;
    struct str line;
    enum step_result result;
    struct attempt *a = &r->attempt;
    struct lines lines = {.n = 0};
    struct str *copy;

    if (a->face->dialect == DIALECT_GEMINI || a->face->dialect == DIALECT_BEDROCK ||
        is_vertex_claude(r) || p->api_version.len > 0) {
        if (a->model.len > 0 && !path_model_is_safe(a->model))
            return request_fail(r, &FAIL_BAD_MODEL, STR_NONE, STR("model"));
    }
    result = prepare_body(r);
    if (result != STEP_NEXT)
        return result;
    add_client_headers(r, configured, &lines);
    while (str_next(&rest, '\0', &line))
        add_line(&lines, line);
    a->upstream.method = r->ex->method;
    a->upstream.url = url_of(r, p);
    if (key->kind == PUB_KEY_PLAIN)
        add_credential(r, key, &lines);
    else
        add_signed(r, key, &lines);
    copy = arena_alloc(r->arena, lines.n * sizeof(*copy));
    memcpy(copy, lines.items, lines.n * sizeof(*copy));
    a->upstream.arena = r->arena;
    a->upstream.headers = copy;
    a->upstream.n_headers = lines.n;
    return STEP_NEXT;
}

enum step_result send_step(struct request *r)
{
    attempt_begin(r);
    if (r->n_attempts == 1)
        shadow_draw(r);
    return STEP_NEXT;
}
