#include "tools/mock/answer.h"

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

struct str answer_content_text(struct arena *a, const struct json *content)
{
    struct str parts[2 * 64];
    size_t n = 0;

    if (content == NULL || content->type != JSON_ARRAY)
        return json_str(content);
    for (const struct json *part = content->child; part != NULL; part = part->next) {
        struct str text = json_str(json_get(part, "text"));

        if (text.len == 0 || n + 2 > ARRAY_LEN(parts))
            continue;
        if (n > 0)
            parts[n++] = STR("\n");
        parts[n++] = text;
    }
    return n == 1 ? parts[0] : arena_concat(a, parts, n);
}
