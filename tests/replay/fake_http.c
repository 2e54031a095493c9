#include "server/worker/http.h"

#include "server/worker/request.h"
#include "tests/replay/fake.h"

struct fake_client client;

void client_reset(void)
{
    struct arena *arena = client.arena;

    buf_fini(&client.answer);
    client = (struct fake_client){.arena = arena};
    if (client.arena == NULL)
        client.arena = arena_create(65536);
    arena_reset(client.arena);
    client.ex.method = STR("GET");
    client.ex.path = STR("/");
    client.ex.authority = STR("gateway.test");
    client.ex.peer = STR("127.0.0.1");
    client.ex.peer_is_loopback = true;
}

struct str http_find(const struct http_exchange *ex, struct str name)
{
    (void)ex;
    for (size_t i = 0; i < client.n_headers; i++) {
        if (str_eq(client.headers[i].name, name))
            return client.headers[i].value;
    }
    return STR_NONE;
}

bool http_header_at(const struct http_exchange *ex, size_t i, struct http_header *out)
{
    (void)ex;
    if (i >= client.n_headers)
        return false;
    *out = client.headers[i];
    return true;
}

void http_start(struct http_exchange *ex, int status, const struct http_header *headers, size_t n,
                int64_t content_length)
{
    must(ex == &client.ex && client.is_open && !client.is_started);
    must(status >= 200 && status <= 599);
    client.is_started = true;
    client.status = status;
    client.content_length = content_length;
    for (size_t i = 0; i < n && i < FAKE_HEADERS_MAX; i++) {
        client.answer_names[i] = arena_str(client.arena, headers[i].name);
        client.answer_values[i] = arena_str(client.arena, headers[i].value);
        client.n_answer_headers = i + 1;
    }
}

void http_send(struct http_exchange *ex, const struct str *parts, size_t n, bool final)
{
    const struct request *r = ex->request;

    must(ex == &client.ex && client.is_open && client.is_started);
    must(!client.is_busy && !client.is_ended && !client.is_aborted);
    for (size_t i = 0; i < n; i++)
        buf_str(&client.answer, parts[i]);
    client.is_busy = true;
    client.is_ended = final;
    /* the gateway's own pages need no record */
    if (final && !r->settled && r->path.op != OP_MODELS && !str_eq(ex->method, STR("OPTIONS")))
        client.was_unsettled = true;
}

bool http_hold(struct http_exchange *ex, size_t bytes)
{
    (void)ex;
    return bytes < 64 << 20; /* of this one request */
}

void http_abort(struct http_exchange *ex)
{
    must(ex == &client.ex && client.is_open && !client.is_ended && !client.is_aborted);
    client.is_aborted = true;
}

void client_begin(struct worker *w)
{
    client.is_open = true;
    client.ex.worker = w;
    request_begin(w, &client.ex);
}

void client_take(void)
{
    while (client.is_busy && client.is_open) {
        client.is_busy = false;
        if (client.is_ended) {
            client_gone();
            return;
        }
        request_on_writable(client.ex.request);
    }
    if (client.is_aborted && client.is_open)
        client_gone();
}

void client_gone(void)
{
    if (!client.is_open)
        return;
    client.is_open = false;
    request_on_gone(client.ex.request);
}
