#include "server/worker/upstream.h"

#include "tests/replay/fake.h"

struct upstream_call {
    const struct upstream_ops *ops;
    void *ctx;
};

struct fake_upstream provider;
static struct upstream_call the_call;
static bool in_callback;

void provider_reset(void)
{
    struct arena *arena = provider.arena;

    buf_fini(&provider.body);
    buf_fini(&provider.headers);
    provider = (struct fake_upstream){.arena = arena};
    if (provider.arena == NULL)
        provider.arena = arena_create(65536);
    arena_reset(provider.arena);
}

static void keep_headers(const struct upstream_request *req)
{
    buf_clear(&provider.headers);
    buf_char(&provider.headers, '\n');
    for (size_t i = 0; i < req->n_headers; i++) {
        static const struct str credential = {"authorization: Bearer ", 22};

        buf_str(&provider.headers, req->headers[i]);
        buf_char(&provider.headers, '\n');
        /* what goes to the admin process is the client's own */
        if (req->unix_socket.len == 0 && str_starts(req->headers[i], credential)) {
            provider.secret = req->headers[i].p;
            provider.secret_len = req->headers[i].len;
        }
    }
}

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *ctx)
{
    (void)u;
    must(provider.call == NULL); /* one attempt at a time */
    provider.request = *req;
    provider.request.url = arena_str(provider.arena, req->url);
    provider.request.method = arena_str(provider.arena, req->method);
    provider.request.unix_socket = arena_str(provider.arena, req->unix_socket);
    buf_clear(&provider.body);
    for (size_t i = 0; i < req->n_body; i++)
        buf_str(&provider.body, req->body[i]);
    must(provider.body.len == req->body_bytes);
    keep_headers(req);
    provider.is_paused = false;
    provider.n_started++;
    the_call = (struct upstream_call){ops, ctx};
    must(world_in_request()); /* a crash in here is told with its request */
    provider.call = &the_call;
    return &the_call;
}

void upstream_rebind(struct upstream_call *call, const struct upstream_ops *ops, void *ctx)
{
    must(call == provider.call);
    the_call = (struct upstream_call){ops, ctx};
}

bool upstream_was_sent(const struct upstream_call *call)
{
    must(call == provider.call);
    return true;
}

void upstream_cancel(struct upstream_call *call)
{
    must(call == provider.call && !in_callback); /* curl cannot be cancelled from inside itself */
    provider.call = NULL;
    provider.n_cancelled++;
}

void upstream_pause(struct upstream_call *call)
{
    must(call == provider.call && !provider.is_paused);
    provider.is_paused = true;
}

void upstream_resume(struct upstream_call *call)
{
    must(call == provider.call && provider.is_paused);
    provider.is_paused = false;
}

const char *upstream_result_name(enum upstream_result r)
{
    static const char *const names[] = {"ok",      "connect", "tls", "first_byte",
                                        "silence", "total",   "cut", "nonsense"};

    must((unsigned)r < ARRAY_LEN(names));
    return names[r];
}

void provider_head(int status)
{
    struct upstream_head head = {status, provider.names, provider.values, provider.n_headers};

    if (provider.call == NULL)
        return;
    in_callback = true;
    provider.call->ops->on_head(provider.call->ctx, &head);
    in_callback = false;
    provider.n_headers = 0;
}

/* The bytes live only during the call: the copy is freed behind it, so that a kept span shows. */
static void deliver(struct str bytes)
{
    struct buf copy = BUF_INIT;

    if (provider.call == NULL || bytes.len == 0)
        return;
    buf_str(&copy, bytes);
    in_callback = true;
    provider.call->ops->on_body(provider.call->ctx, buf_view(&copy));
    in_callback = false;
    buf_fini(&copy);
    time_passes(0);
    if (!client.is_slow)
        client_take();
}

void provider_body(struct str bytes)
{
    size_t at = provider.split_at;

    if (at == SIZE_MAX) {
        for (size_t i = 0; i < bytes.len; i++)
            deliver((struct str){bytes.p + i, 1});
    } else if (at > 0 && at < bytes.len) {
        deliver((struct str){bytes.p, at});
        deliver(str_skip(bytes, at));
    } else {
        deliver(bytes);
    }
}

void provider_done(enum upstream_result result)
{
    struct upstream_call *call = provider.call;

    if (call == NULL)
        return;
    provider.call = NULL;
    call->ops->on_done(call->ctx, result, "as the scenario says");
}
