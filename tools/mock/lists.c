#include "tools/mock/lists.h"

#include <inttypes.h>

#include "server/base/crypto.h"
#include "tools/mock/multipart.h"

/* --- models --- */

static void put_openai(struct buf *out, struct str name)
{
    buf_cstr(out, "{\"id\":");
    buf_json(out, name);
    buf_cstr(out, ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}");
}

static void put_anthropic(struct buf *out, struct str name)
{
    buf_cstr(out, "{\"type\":\"model\",\"id\":");
    buf_json(out, name);
    buf_cstr(out, ",\"display_name\":");
    buf_json(out, name);
    buf_cstr(out, ",\"created_at\":\"2026-01-01T00:00:00Z\"}");
}

static void put_gemini(struct buf *out, struct str name)
{
    /* `name` is checked: nothing in it needs escaping */
    buf_printf(out, "{\"name\":\"models/%.*s\",\"version\":\"1\",\"displayName\":\"%.*s\",",
               STR_ARGS(name), STR_ARGS(name));
    buf_cstr(out, "\"inputTokenLimit\":1048576,\"outputTokenLimit\":65536,"
                  "\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\","
                  "\"embedContent\"]}");
}

static void put_cohere(struct buf *out, struct str name)
{
    buf_cstr(out, "{\"name\":");
    buf_json(out, name);
    buf_cstr(out, ",\"endpoints\":[\"chat\",\"embed\",\"rerank\"],\"finetuned\":false,"
                  "\"context_length\":128000}");
}

static const struct {
    void (*put)(struct buf *out, struct str name);
    const char *begin, *end;
} SHAPES[DIALECTS] = {
    [DIALECT_OPENAI] = {put_openai, "{\"object\":\"list\",\"data\":[", "]}\n"},
    [DIALECT_ANTHROPIC] = {put_anthropic, "{\"data\":[",
                           "],\"has_more\":false,\"first_id\":\"echo\",\"last_id\":\"flaky-10\"}"},
    [DIALECT_GEMINI] = {put_gemini, "{\"models\":[", "]}"},
    [DIALECT_COHERE] = {put_cohere, "{\"models\":[", "]}"},
};

/* Nothing that would have to be escaped. */
static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '"' || name.p[i] == '\\')
            return false;
    }
    return name.len > 0;
}

void lists_models(struct mock_call *call, struct str tail)
{
    struct buf *out = call->answer->body;
    enum dialect_id dialect = SHAPES[call->dialect].put != NULL ? call->dialect : DIALECT_OPENAI;
    struct str name = str_skip(tail, 1);
    struct model m;

    if (name.len > 0) {
        if (is_plain(name) && model_parse(name, &m))
            SHAPES[dialect].put(out, name);
        else
            answer_refuse_status(call, 404);
        return;
    }
    buf_cstr(out, SHAPES[dialect].begin);
    for (size_t i = 0; model_listed(i).len > 0; i++) {
        buf_cstr(out, i > 0 ? "," : "");
        SHAPES[dialect].put(out, model_listed(i));
    }
    buf_cstr(out, SHAPES[dialect].end);
}

/* --- what is relayed --- */

static void put_batch(struct mock_call *call)
{
    buf_printf(
        call->answer->body,
        "{\"id\":\"msgbatch_mock%" PRIu64
        "\",\"type\":\"message_batch\",\"processing_status\":\"in_progress\",\"request_counts\":{"
        "\"processing\":1,\"succeeded\":0,\"errored\":0,\"canceled\":0,\"expired\":0},"
        "\"ended_at\":null,\"created_at\":\"2026-01-01T00:00:00Z\","
        "\"expires_at\":\"2026-01-02T00:00:00Z\",\"archived_at\":null,"
        "\"cancel_initiated_at\":null,\"results_url\":null}",
        call->number);
}

static void put_file(struct mock_call *call, const struct multipart_field *file)
{
    struct buf *out = call->answer->body;

    buf_printf(out,
               "{\"id\":\"file_mock%" PRIu64 "\",\"type\":\"file\",\"filename\":", call->number);
    buf_json(out, file->filename);
    buf_printf(out,
               ",\"mime_type\":\"application/octet-stream\",\"size_bytes\":%zu,"
               "\"created_at\":\"2026-01-01T00:00:00Z\",\"downloadable\":false}",
               file->value.len);
}

/* Whatever it was: what came, so that a test sees that all of it did. */
static void put_seen(struct mock_call *call)
{
    struct buf *out = call->answer->body;
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    crypto_sha256(call->req->body, hash);
    crypto_hex(hash, sizeof(hash), hex);
    buf_printf(out, "{\"id\":\"mock%" PRIu64 "\",\"object\":", call->number);
    buf_json(out, str_of(call->path.endpoint));
    buf_cstr(out, ",\"method\":");
    buf_json(out, call->req->method);
    buf_cstr(out, ",\"path\":");
    buf_json(out, call->path.tail);
    buf_printf(out, ",\"body_bytes\":%zu,\"body_sha256\":\"%s\",\"status\":\"completed\"}",
               call->req->body.len, hex);
}

void lists_relay(struct mock_call *call)
{
    bool is_post = str_eq(call->req->method, STR("POST"));
    bool is_list = str_eq(call->req->method, STR("GET"));
    struct multipart_field file;

    if (call->dialect == DIALECT_ANTHROPIC && call->path.op == OP_FILES && is_post) {
        if (multipart_find(http1_find(call->req, STR("content-type")), call->req->body, STR("file"),
                           &file))
            put_file(call, &file);
        else
            answer_refuse_text(call, 400, "file: Field required");
    } else if (call->dialect == DIALECT_ANTHROPIC && is_list &&
               (str_eq(call->path.tail, STR("/files")) ||
                str_eq(call->path.tail, STR("/messages/batches")))) {
        buf_cstr(call->answer->body,
                 "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    } else if (call->dialect == DIALECT_ANTHROPIC &&
               str_starts(call->path.tail, STR("/messages/batches"))) {
        put_batch(call);
    } else {
        put_seen(call);
    }
}
