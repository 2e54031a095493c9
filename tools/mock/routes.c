#include "tools/mock/routes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/mock/files.h"
#include "tools/mock/journal.h"
#include "tools/mock/media.h"
#include "tools/mock/multipart.h"
#include "tools/mock/talk.h"

/* OpenAI's, beside the chats: by the path behind the version segment. */
static const struct endpoint {
    const char *tail;
    void (*answer)(struct mock_call *call);
    bool multipart, any_model;
} ENDPOINTS[] = {
    {"/embeddings", embeddings_answer, false, false},
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

static void add_model(struct buf *out, struct str name)
{
    buf_cstr(out, "{\"id\":");
    buf_json(out, name);
    buf_cstr(out, ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}");
}

static void models_answer(struct mock_call *call, struct str tail)
{
    struct buf *out = call->answer->body;
    struct model m;

    if (!str_eq(call->req->method, STR("GET"))) {
        answer_status(call->answer, 405);
    } else if (tail.len > 1) {
        if (model_parse(str_skip(tail, 1), &m))
            add_model(out, str_skip(tail, 1));
        else
            answer_status(call->answer, 404);
    } else {
        buf_cstr(out, "{\"object\":\"list\",\"data\":[");
        for (size_t i = 0; model_listed(i).len > 0; i++) {
            buf_cstr(out, i > 0 ? "," : "");
            add_model(out, model_listed(i));
        }
        buf_cstr(out, "]}\n");
    }
}

static void journal_answer(struct mock_call *call)
{
    if (str_eq(call->req->method, STR("GET"))) {
        journal_format(call->answer->body);
    } else if (str_eq(call->req->method, STR("DELETE"))) {
        journal_clear();
        buf_cstr(call->answer->body, "{\"cleared\":true}\n");
    } else {
        answer_status(call->answer, 405);
    }
}

static void run_relay(struct mock_call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS); i++) {
        if (str_eq(call->path.tail, str_of(ENDPOINTS[i].tail))) {
            run_endpoint(call, &ENDPOINTS[i]);
            return;
        }
    }
    answer_refuse_text(call, 404, "Unknown request URL.");
}

static void run(struct mock_call *call)
{
    switch (call->path.op) {
    case OP_CHAT:
    case OP_COMPLETIONS:
        run_json(call, talk_answer);
        break;
    case OP_MODELS:
        models_answer(call, str_skip(call->path.tail, STR("/models").len));
        break;
    case OP_FILES:
        files_answer(call, str_skip(call->path.tail, STR("/files").len));
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
        journal_answer(&call);
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
