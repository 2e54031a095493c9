#include "server/worker/answer.h"

#include "server/worker/worker.h"

static void answer(struct request *r, int status, struct str body,
                   const struct http_header *headers, size_t n)
{
    bool no_body = str_eq(r->ex->method, STR("HEAD")) || body.len == 0;

    must(!r->answer_begun && r->ex != NULL);
    r->status = status;
    r->answer_begun = true;
    r->answer_closing = true;
    r->answer_ended = true;
    r->client_busy = true;
    r->first_byte_us = loop_now_us(r->worker->loop) - r->begun_us;
    http_start(r->ex, status, headers, n, (int64_t)body.len);
    if (!no_body && !r->settled)
        r->bytes_out += body.len;
    http_send(r->ex, &body, no_body ? 0 : 1, true);
}

void answer_json(struct request *r, int status, struct str body, const struct http_header *headers,
                 size_t n)
{
    struct http_header all[ANSWER_HEADERS_MAX + 2];
    size_t count = 0;

    must(n <= ANSWER_HEADERS_MAX);
    all[count++] = (struct http_header){STR("content-type"), STR("application/json")};
    all[count++] = (struct http_header){STR("x-bf-request-id"), str_of(r->id_text)};
    for (size_t i = 0; i < n; i++)
        all[count++] = headers[i];
    answer(r, status, body, all, count);
}

void answer_empty(struct request *r, int status, const struct http_header *headers, size_t n)
{
    struct http_header all[ANSWER_HEADERS_MAX + 1];
    size_t count = 0;

    must(n <= ANSWER_HEADERS_MAX);
    all[count++] = (struct http_header){STR("x-bf-request-id"), str_of(r->id_text)};
    for (size_t i = 0; i < n; i++)
        all[count++] = headers[i];
    answer(r, status, STR_NONE, all, count);
}
