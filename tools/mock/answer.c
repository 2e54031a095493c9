#include "tools/mock/answer.h"

#include <inttypes.h>

#include "server/base/base.h"

static const struct {
    int status;
    const char *type, *code, *text;
} STATUSES[] = {
    {400, "invalid_request_error", "bad_request", "The mock was asked to refuse this request."},
    {401, "authentication_error", "invalid_api_key", "Incorrect API key provided."},
    {403, "permission_error", "forbidden", "This key may not do that."},
    {404, "not_found_error", "model_not_found", "The model does not exist."},
    {422, "invalid_request_error", "unprocessable", "The request cannot be processed."},
    {429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached for requests."},
    {500, "server_error", "server_error", "The server had an error processing your request."},
    {503, "server_error", "overloaded", "The engine is currently overloaded."},
};

static const char *type_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        if (STATUSES[i].status == status)
            return STATUSES[i].type;
    }
    return status < 500 ? "invalid_request_error" : "server_error";
}

static void add_or_null(struct buf *out, const char *text)
{
    if (text != NULL)
        buf_json(out, str_of(text));
    else
        buf_cstr(out, "null");
}

void answer_error(struct answer *a, int status, const char *code, const char *param,
                  const char *text)
{
    a->status = status;
    a->next = NULL;
    buf_clear(a->body);
    buf_cstr(a->body, "{\"error\":{\"message\":");
    buf_json(a->body, str_of(text));
    buf_cstr(a->body, ",\"type\":\"");
    buf_cstr(a->body, type_of(status));
    buf_cstr(a->body, "\",\"param\":");
    add_or_null(a->body, param);
    buf_cstr(a->body, ",\"code\":");
    add_or_null(a->body, code);
    buf_cstr(a->body, "}}\n");
}

void answer_status(struct answer *a, int status)
{
    const char *code = NULL;
    const char *text = "The mock was asked for this status.";

    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        if (STATUSES[i].status == status) {
            code = STATUSES[i].code;
            text = STATUSES[i].text;
        }
    }
    answer_error(a, status, code, NULL, text);
    if (status == 429 || status == 503)
        a->headers = STR("retry-after: 1\r\nx-ratelimit-limit-requests: 10000\r\n"
                         "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1s\r\n");
}

/* --- in the call's dialect --- */

static const struct {
    const char *id_header, *headers, *refused; /* refused: those of 429, 503 and 529 */
} HEADERS[DIALECTS] = {
    [DIALECT_OPENAI] = {"x-request-id",
                        "openai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n"
                        "x-ratelimit-remaining-requests: 9999\r\n"
                        "x-ratelimit-reset-requests: 6ms\r\n",
                        NULL},
    [DIALECT_ANTHROPIC] = {"request-id",
                           "anthropic-organization-id: mock\r\n"
                           "anthropic-ratelimit-requests-limit: 10000\r\n"
                           "anthropic-ratelimit-requests-remaining: 9999\r\n",
                           "retry-after: 1\r\nanthropic-ratelimit-requests-limit: 10000\r\n"
                           "anthropic-ratelimit-requests-remaining: 0\r\n"},
    [DIALECT_GEMINI] = {"x-request-id", "server-timing: gfet4t7; dur=1\r\n", "retry-after: 1\r\n"},
    [DIALECT_BEDROCK] = {"x-amzn-requestid", "", "retry-after: 1\r\n"},
    [DIALECT_COHERE] = {"x-request-id", "x-api-warning: none\r\n", "retry-after: 1\r\n"},
};

/* The two dialects of OpenAI have the same. */
static enum dialect_id family(enum dialect_id dialect)
{
    return dialect == DIALECT_NONE || dialect == DIALECT_RESPONSES ? DIALECT_OPENAI : dialect;
}

void answer_headers(struct mock_call *call)
{
    enum dialect_id dialect = family(call->dialect);

    call->answer->id_header = HEADERS[dialect].id_header;
    call->answer->headers = str_of(HEADERS[dialect].headers);
}

static struct str error_headers(struct mock_call *call, const struct dialect *d,
                                const struct chat_error *err)
{
    bool busy = err->status == 429 || err->status == 503 || err->status == 529;
    const char *more = HEADERS[call->dialect].refused;
    struct str type = STR_NONE;

    if (d->error_header != NULL)
        type = arena_printf(call->arena, "%s: %s\r\n", d->error_header, d->error_type(err));
    return arena_concat(call->arena, (struct str[]){busy ? str_of(more) : STR_NONE, type}, 2);
}

void answer_refuse(struct mock_call *call, const struct chat_error *err)
{
    const struct dialect *d = dialect_get(family(call->dialect));
    struct answer *a = call->answer;

    a->status = err->status;
    a->next = NULL;
    a->content_type = "application/json";
    buf_clear(a->body);
    if (d->id == DIALECT_OPENAI) {
        struct str message = json_unescape_inside(call->arena, err->message);
        const char *param = err->param.len > 0 ? arena_cstr(call->arena, err->param) : NULL;
        const char *code = err->code.len > 0 ? arena_cstr(call->arena, err->code) : NULL;

        answer_error(a, err->status, code, param, message.len > 0 ? message.p : "");
        return;
    }
    a->headers = error_headers(call, d, err);
    d->encode_error(err, arena_printf(call->arena, "req_mock%" PRIu64, call->number), a->body);
}

void answer_refuse_text(struct mock_call *call, int status, const char *text)
{
    struct chat_error err = {
        .kind = chat_error_kind_of(status), .status = status, .message = str_of(text)};

    answer_refuse(call, &err);
}

void answer_refuse_status(struct mock_call *call, int status)
{
    const char *text = "The mock was asked for this status.";

    if (family(call->dialect) == DIALECT_OPENAI) {
        answer_status(call->answer, status);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        if (STATUSES[i].status == status)
            text = STATUSES[i].text;
    }
    answer_refuse_text(call, status, status == 529 ? "Overloaded" : text);
}
