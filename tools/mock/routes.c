#include "tools/mock/routes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/mock/chat.h"
#include "tools/mock/files.h"
#include "tools/mock/journal.h"
#include "tools/mock/media.h"
#include "tools/mock/multipart.h"
#include "tools/mock/responses.h"

static const struct endpoint {
    const char *path;
    void (*answer)(struct mock_call *call);
    bool multipart;
} ENDPOINTS[] = {
    {"/chat/completions", chat_answer, false},
    {"/completions", completions_answer, false},
    {"/responses", responses_answer, false},
    {"/embeddings", embeddings_answer, false},
    {"/moderations", moderations_answer, false},
    {"/images/generations", images_answer, false},
    {"/images/edits", images_answer, true},
    {"/images/variations", images_answer, true},
    {"/audio/speech", speech_answer, false},
    {"/audio/transcriptions", transcription_answer, true},
    {"/audio/translations", transcription_answer, true},
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
        answer_status(a, (int)call->model.number);
        return true;
    case MODEL_HANG:
        a->hang = true;
        return true;
    case MODEL_FLAKY:
        if (!flaky_fails(call->model.number))
            return false;
        answer_status(a, 500);
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

static bool credential_refuses(struct mock_call *call)
{
    struct str credential = http1_find(call->req, STR("authorization"));
    struct model m;

    if (!str_starts(credential, STR("Bearer error-")) ||
        !model_parse(str_skip(credential, STR("Bearer ").len), &m))
        return false;
    answer_status(call->answer, (int)m.number);
    return true;
}

/* What the model is, from JSON or form; false when the request is refused. */
static bool read_call(struct mock_call *call, const struct endpoint *endpoint)
{
    struct multipart_field field;
    struct json_error err;

    if (endpoint->multipart) {
        if (multipart_find(http1_find(call->req, STR("content-type")), call->req->body,
                           STR("model"), &field))
            call->model_name = field.value;
    } else {
        call->body = json_parse(call->parser, call->arena, call->req->body, &err);
        if (call->body == NULL || call->body->type != JSON_OBJECT) {
            answer_error(call->answer, 400, "invalid_json", NULL,
                         "The body must be a JSON object.");
            return false;
        }
        call->model_name = json_str(json_get(call->body, "model"));
    }
    journal_model(call->number, call->model_name);
    if (call->model_name.len == 0 && endpoint->answer != moderations_answer &&
        endpoint->answer != images_answer) {
        answer_error(call->answer, 400, "missing_required_parameter", "model",
                     "you must provide a model parameter");
        return false;
    }
    if (!model_parse(call->model_name, &call->model)) {
        answer_error(
            call->answer, 404, "model_not_found", "model",
            "No such model: one of echo, lorem-N[-MS], slow-MS, error-STATUS, hang, cut-N, "
            "tool, json, flaky-PERCENT.");
        return false;
    }
    return true;
}

static void run_endpoint(struct mock_call *call, const struct endpoint *endpoint)
{
    if (!str_eq(call->req->method, STR("POST"))) {
        answer_status(call->answer, 405);
        return;
    }
    if (credential_refuses(call) || !read_call(call, endpoint) || model_decides(call))
        return;
    endpoint->answer(call);
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

/* "/files" and "/files/x" are under "/files", "/filesx" is not. */
static bool is_under(struct str path, struct str root, struct str *tail)
{
    if (!str_starts(path, root) || (path.len > root.len && path.p[root.len] != '/'))
        return false;
    *tail = str_skip(path, root.len);
    return true;
}

static void find_route(struct mock_call *call, struct str path)
{
    struct str tail;

    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS); i++) {
        if (str_eq(path, str_of(ENDPOINTS[i].path))) {
            run_endpoint(call, &ENDPOINTS[i]);
            return;
        }
    }
    if (is_under(path, STR("/models"), &tail))
        models_answer(call, tail);
    else if (is_under(path, STR("/files"), &tail) && !credential_refuses(call))
        files_answer(call, tail);
    else if (call->answer->status == 200)
        answer_error(call->answer, 404, "unknown_url", NULL, "Unknown request URL.");
}

void routes_answer(const struct http1_request *req, struct json_parser *parser, struct answer *out,
                   uint64_t connection, uint64_t *journal)
{
    struct mock_call call = {.req = req, .parser = parser, .answer = out, .arena = out->arena};
    struct str path = req->path;

    out->status = 200;
    out->content_type = "application/json";
    out->cut_after = ANSWER_NEVER_CUT;
    *journal = 0;
    if (str_eq(path, STR("/requests"))) {
        journal_answer(&call);
        return;
    }
    call.number = *journal = journal_add(req, connection);
    out->headers =
        STR("openai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n"
            "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n");
    if (str_starts(path, STR("/v1/")))
        path = str_skip(path, 3);
    find_route(&call, path);
}
