#include "tools/mock/routes.h"

#include <string.h>

#include "tools/mock/counts.h"
#include "tools/mock/embed.h"
#include "tools/mock/files.h"
#include "tools/mock/journal.h"
#include "tools/mock/lists.h"
#include "tools/mock/media.h"
#include "tools/mock/multipart.h"
#include "tools/mock/talk.h"
#include "tools/mock/totals.h"

/* OpenAI's, beside the chats: by the path behind the version segment. */
static const struct endpoint {
    const char *tail;
    void (*answer)(struct mock_call *call);
    bool multipart, any_model;
} ENDPOINTS[] = {
    {"/moderations", moderations_answer, false, true},
    {"/images/generations", images_answer, false, true},
    {"/images/edits", images_answer, true, true},
    {"/images/variations", images_answer, true, true},
    {"/audio/speech", speech_answer, false, false},
    {"/audio/transcriptions", transcription_answer, true, false},
    {"/audio/translations", transcription_answer, true, false},
};

/* Evenly spread: the n-th call fails when the failures owed grow by one. */
static bool flaky_fails(uint32_t percent)
{
    static uint64_t counts[101];
    uint64_t n = counts[percent]++;

    return (n + 1) * percent / 100 > n * percent / 100;
}

/* True: the model's name has settled the answer. */
static bool model_decides(struct mock_call *call)
{
    struct answer *a = call->answer;

    switch (call->model.kind) {
    case MODEL_ERROR:
        answer_refuse_status(call, (int)call->model.number);
        return true;
    case MODEL_HANG:
        a->hang = true;
        return true;
    case MODEL_FLAKY:
        if (!flaky_fails(call->model.number))
            return false;
        answer_refuse_status(call, 500);
        return true;
    case MODEL_SLOW:
        a->first_ms = call->model.number;
        return false;
    case MODEL_CUT:
        a->cut_after = call->model.number;
        return false;
    default:
        return false;
    }
}

/* A key "error-STATUS", wherever the dialect's SDK puts it. */
static bool credential_refuses(struct mock_call *call)
{
    static const char *const HEADERS[] = {"authorization", "x-api-key", "x-goog-api-key",
                                          "api-key"};
    struct model m;

    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        struct str credential = http1_find(call->req, str_of(HEADERS[i]));

        if (str_starts(credential, STR("Bearer ")))
            credential = str_skip(credential, STR("Bearer ").len);
        if (!str_starts(credential, STR("error-")) || !model_parse(credential, &m))
            continue;
        answer_refuse_status(call, (int)m.number);
        return true;
    }
    return false;
}

static bool read_body(struct mock_call *call)
{
    struct json_error err;

    call->body = json_parse(call->codec.json, call->arena, call->req->body, &err);
    if (call->body != NULL && call->body->type == JSON_OBJECT)
        return true;
    answer_refuse(call, &(struct chat_error){.kind = ERROR_INVALID,
                                             .status = 400,
                                             .message = STR("The body must be a JSON object."),
                                             .code = STR("invalid_json")});
    return false;
}

/* What the model's name asks for; false when the request is refused. */
static bool read_model(struct mock_call *call, bool any)
{
    static const struct chat_error MISSING = {.kind = ERROR_INVALID,
                                              .status = 400,
                                              .message = {"you must provide a model parameter", 34},
                                              .code = {"missing_required_parameter", 26},
                                              .param = {"model", 5}};

    journal_model(call->number, call->model_name);
    if (call->model_name.len == 0 && !any) {
        answer_refuse(call, &MISSING);
        return false;
    }
    if (!model_parse(call->model_name, &call->model)) {
        answer_refuse(
            call, &(struct chat_error){
                      .kind = ERROR_NOT_FOUND,
                      .status = 404,
                      .message = STR(
                          "No such model: one of echo, lorem-N[-MS], slow-MS, error-STATUS, hang, "
                          "cut-N, tool[-N], json, think, refuse, image, flaky-PERCENT."),
                      .code = STR("model_not_found"),
                      .param = STR("model")});
        return false;
    }
    return true;
}

static void run_endpoint(struct mock_call *call, const struct endpoint *endpoint)
{
    struct multipart_field field;

    if (endpoint->multipart) {
        if (multipart_find(http1_find(call->req, STR("content-type")), call->req->body,
                           STR("model"), &field))
            call->model_name = field.value;
    } else {
        if (!read_body(call))
            return;
        call->model_name = json_str(json_get(call->body, "model"));
    }
    if (read_model(call, endpoint->any_model) && !model_decides(call))
        endpoint->answer(call);
}

/* An operation whose body is JSON, with the model there or in the path. */
static void run_json(struct mock_call *call, void (*answer)(struct mock_call *call))
{
    if (!read_body(call))
        return;
    call->model_name =
        call->path.has_model ? call->path.model : json_str(json_get(call->body, "model"));
    if (read_model(call, false) && !model_decides(call))
        answer(call);
}

/* What the mock says of itself: the requests it got, or the sums over its answers. */
static void tell(struct mock_call *call, void (*format)(struct buf *out), void (*clear)(void))
{
    if (str_eq(call->req->method, STR("GET"))) {
        format(call->answer->body);
    } else if (str_eq(call->req->method, STR("DELETE"))) {
        clear();
        buf_cstr(call->answer->body, "{\"cleared\":true}\n");
    } else {
        answer_status(call->answer, 405);
    }
}

/* OpenAI's beside the chats; of what has no endpoint here it is told what came. */
static void run_relay(struct mock_call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS) && call->dialect == DIALECT_OPENAI; i++) {
        if (str_eq(call->path.tail, str_of(ENDPOINTS[i].tail))) {
            run_endpoint(call, &ENDPOINTS[i]);
            return;
        }
    }
    lists_relay(call);
}

static void embed(struct mock_call *call)
{
    if (call->dialect == DIALECT_GEMINI)
        embed_gemini(call);
    else
        embed_cohere(call);
}

static void invoke(struct mock_call *call)
{
    if (embed_is_titan(call))
        embed_titan(call);
    else if (json_get(call->body, "inputText") != NULL || json_get(call->body, "messages") != NULL)
        talk_answer(call);
    else
        answer_refuse_text(call, 400,
                           "Malformed input request: #: required key [messages] not found, please "
                           "reformat your input and try again.");
}

/* What is behind the last part of a path that ends with it, or with it and a name. */
static struct str behind(struct str tail, const char *root)
{
    const char *found = memmem(tail.p, tail.len, root, strlen(root));

    return found != NULL ? str_skip(tail, (size_t)(found - tail.p) + strlen(root)) : STR_NONE;
}

static void run(struct mock_call *call)
{
    bool is_openai = call->dialect == DIALECT_OPENAI;

    switch (call->path.op) {
    case OP_CHAT:
    case OP_COMPLETIONS:
        run_json(call, talk_answer);
        break;
    case OP_EMBEDDINGS:
        run_json(call, is_openai ? embeddings_answer : embed);
        break;
    case OP_EMBEDDINGS_BATCH:
        run_json(call, embed_gemini_batch);
        break;
    case OP_RERANK:
        run_json(call, rerank_answer);
        break;
    case OP_COUNT_TOKENS:
        run_json(call, counts_answer);
        break;
    case OP_INVOKE:
        run_json(call, invoke);
        break;
    case OP_MODELS:
        lists_models(call, behind(call->path.tail, "/models"));
        break;
    case OP_FILES:
        if (is_openai && str_starts(call->path.tail, STR("/files")))
            files_answer(call, behind(call->path.tail, "/files"));
        else
            lists_relay(call);
        break;
    default:
        run_relay(call);
        break;
    }
}

static bool method_is_allowed(const struct mock_call *call)
{
    struct str allow = str_of(call->path.allow);
    struct str one;

    while (str_next(&allow, ',', &one)) {
        if (str_eq(str_trim(one), call->req->method))
            return true;
    }
    return false;
}

/* Whose paths they are, where two dialects have the same. */
static enum dialect_id hint_of(const struct http1_request *req)
{
    if (http1_find(req, STR("anthropic-version")).len > 0)
        return DIALECT_ANTHROPIC;
    if (http1_find(req, STR("x-goog-api-key")).len > 0)
        return DIALECT_GEMINI;
    return DIALECT_NONE;
}

void routes_answer(const struct http1_request *req, const struct chat_codec *codec,
                   struct answer *out, uint64_t connection, uint64_t *journal)
{
    struct mock_call call = {.req = req, .codec = *codec, .answer = out, .arena = out->arena};

    out->status = 200;
    out->content_type = "application/json";
    out->cut_after = ANSWER_NEVER_CUT;
    *journal = 0;
    if (str_eq(req->path, STR("/requests"))) {
        tell(&call, journal_format, journal_clear);
        return;
    }
    if (str_eq(req->path, STR("/totals"))) {
        tell(&call, totals_format, totals_clear);
        return;
    }
    call.number = *journal = journal_add(req, connection);
    if (path_parse(call.arena, req->path, req->query, hint_of(req), &call.path)) {
        call.dialect = call.path.dialect;
        journal_dialect(call.number, dialect_names[call.dialect]);
    }
    answer_headers(&call);
    if (call.dialect == DIALECT_NONE)
        answer_refuse_text(&call, 404, "Unknown request URL.");
    else if (!method_is_allowed(&call))
        answer_refuse_status(&call, 405);
    else if (dialect_get(call.dialect) == NULL)
        answer_error(out, 501, NULL, NULL, "The mock does not speak this dialect.");
    else if (!credential_refuses(&call))
        run(&call);
}
