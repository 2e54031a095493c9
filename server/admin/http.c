/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/http.h"

#include <h2o.h>
#include <stdlib.h>

#include "server/admin/api.h"
#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/base/reason.h"
#include "server/inherit.h"

#define ARENA_CHUNK 16384
#define ACCEPTS_PER_TURN 16

struct admin_http {
    struct admin *admin;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    h2o_evloop_t *loop;
    h2o_socket_t *listener;
    uint32_t n_connections, n_open;
    bool listening, draining;
};

/* The handler finds its server through this. */
struct admin_handler {
    h2o_handler_t super;
    struct admin_http *http;
};

/* A request's memory. It outlives the h2o request when the master's answer comes after the client
 * has gone. */
struct admin_request {
    struct exchange ex;
    struct admin_http *http;
    h2o_req_t *req; /* NULL: the client has gone */
    h2o_generator_t generator;
};

static void request_free(struct admin_request *r)
{
    buf_fini(&r->ex.out);
    arena_free(r->ex.arena);
    free(r);
}

/* h2o's pool is going: the answer is sent or the client has gone. */
static void on_request_gone(void *holder)
{
    struct admin_request *r = *(struct admin_request **)holder;

    r->http->n_open--;
    r->req = NULL;
    r->ex.is_gone = true;
    if (r->ex.body.len > ADMIN_BODY_MAX)
        r->ex.body = STR_NONE; /* it was h2o's */
    if (r->ex.finished)
        request_free(r);
}

static void add_header(h2o_req_t *req, const char *name, const char *value)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, value,
                          strlen(value));
}

static void add_security_headers(h2o_req_t *req, const char *policy, bool cacheable)
{
    add_header(req, "content-security-policy",
               policy != NULL ? policy : "default-src 'none'; frame-ancestors 'none'");
    add_header(req, "x-content-type-options", "nosniff");
    add_header(req, "x-frame-options", "DENY");
    add_header(req, "referrer-policy", "no-referrer");
    add_header(req, "cross-origin-resource-policy", "same-origin");
    add_header(req, "cross-origin-opener-policy", "same-origin");
    if (!cacheable)
        add_header(req, "cache-control", "no-store");
}

static void send_answer(struct admin_request *r)
{
    h2o_req_t *req = r->req;
    struct exchange *ex = &r->ex;
    h2o_iovec_t body = h2o_iovec_init(ex->out.data, ex->out.len);

    req->res.status = ex->status;
    req->res.reason = reason_of(ex->status);
    req->res.content_length = ex->out.len;
    add_header(req, "content-type", ex->content_type_out);
    if (ex->allow != NULL)
        add_header(req, "allow", ex->allow);
    if (ex->challenge != NULL)
        add_header(req, "www-authenticate", ex->challenge);
    if (ex->is_replayed)
        add_header(req, "idempotent-replayed", "true");
    add_security_headers(req, ex->policy, ex->cacheable);
    if (r->http->draining)
        req->http1_is_persistent = 0;
    h2o_start_response(req, &r->generator);
    if (str_eq(ex->method, STR("HEAD")) || body.len == 0)
        h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
    else
        h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
}

static void on_finished(struct exchange *ex)
{
    struct admin_request *r = ex->impl;

    if (r->req != NULL)
        send_answer(r);
    else
        request_free(r);
}

static struct str str_of_iovec(h2o_iovec_t v)
{
    return (struct str){v.base, v.len};
}

/* Copied: a handler that waits for the master may outlive h2o's request. */
static struct str keep(struct exchange *ex, struct str s)
{
    return arena_str(ex->arena, s);
}

/* The headers that a handler may need. A repeated one keeps its first value; x-bf-peer-loopback
 * must be "1" each time it is there. */
static void take_headers(struct exchange *ex, const h2o_req_t *req)
{
    struct {
        const char *name;
        struct str *to;
    } wanted[] = {{"origin", &ex->origin},
                  {"authorization", &ex->authorization},
                  {"content-type", &ex->content_type},
                  {"sec-fetch-site", &ex->fetch_site},
                  {"x-bf-vk", &ex->virtual_key},
                  {"x-api-key", &ex->virtual_key},
                  {"x-litellm-api-key", &ex->virtual_key},
                  {"api-key", &ex->virtual_key},
                  {"x-goog-api-key", &ex->virtual_key},
                  {"idempotency-key", &ex->idempotency},
                  {"x-bf-peer", &ex->peer}};
    static const char *const proxy_marks[] = {"forwarded", "x-forwarded-for", "x-forwarded-host",
                                              "x-real-ip", "via"};
    bool refused = false, said = false;

    for (size_t i = 0; i < req->headers.size; i++) {
        struct str name = str_of_iovec(*req->headers.entries[i].name);
        struct str value = str_of_iovec(req->headers.entries[i].value);

        for (size_t j = 0; j < ARRAY_LEN(wanted); j++) {
            if (wanted[j].to->p == NULL && str_eq(name, str_of(wanted[j].name)))
                *wanted[j].to = keep(ex, value);
        }
        for (size_t j = 0; j < ARRAY_LEN(proxy_marks); j++)
            ex->is_proxied |= str_eq(name, str_of(proxy_marks[j]));
        ex->has_peer |= str_starts(name, STR("x-bf-peer"));
        if (str_eq(name, STR("x-bf-peer-loopback"))) {
            said |= str_eq(value, STR("1"));
            refused |= !str_eq(value, STR("1"));
        }
    }
    ex->peer_is_loopback = said && !refused;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct admin_http *h = ((struct admin_handler *)(void *)self)->http;
    struct admin_request *r = xcalloc(1, sizeof(*r));
    struct exchange *ex = &r->ex;
    struct admin_request **holder =
        h2o_mem_alloc_shared(&req->pool, sizeof(struct admin_request *), on_request_gone);
    size_t path_len = req->input.query_at == SIZE_MAX ? req->input.path.len : req->input.query_at;

    *holder = r;
    h->n_open++;
    r->http = h;
    r->req = req;
    ex->impl = r;
    ex->admin = h->admin;
    ex->arena = arena_create(ARENA_CHUNK);
    ex->on_finished = on_finished;
    ex->method = keep(ex, str_of_iovec(req->input.method));
    ex->path = keep(ex, (struct str){req->input.path.base, path_len});
    ex->query = keep(ex, str_skip(str_of_iovec(req->input.path), path_len + 1));
    ex->host = keep(ex, str_of_iovec(req->input.authority));
    ex->body = str_of_iovec(req->entity);
    if (ex->body.len <= ADMIN_BODY_MAX)
        ex->body = keep(ex, ex->body);
    take_headers(ex, req);
    api_handle(ex);
    return 0;
}

/* --- errors that h2o answers by itself --- */

struct error_stream {
    h2o_ostream_t super;
    bool sent;
};

static const char *error_body(int status)
{
    return status == 413 ? "{\"error\":{\"message\":\"the request body is larger than the 64 MiB "
                           "that the management API takes\",\"type\":\"invalid_request_error\","
                           "\"param\":null,\"code\":\"body_too_large\"}}\n"
                         : "{\"error\":{\"message\":\"this is not a request that can be read\","
                           "\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
                           "\"bad_request\"}}\n";
}

static void on_error_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t n,
                          h2o_send_state_t state)
{
    struct error_stream *s = (struct error_stream *)(void *)self;
    const char *text = error_body(req->res.status);
    h2o_iovec_t body = h2o_iovec_init(text, strlen(text));

    (void)bufs; /* h2o's plain text, replaced */
    (void)n;
    h2o_ostream_send_next(self, req, &body, s->sent ? 0 : 1, state);
    s->sent = true;
}

static void on_error_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (req->res.status >= 400) {
        req->res.content_length = strlen(error_body(req->res.status));
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                       H2O_STRLIT("application/json"), 1);
        add_security_headers(req, NULL, false);
        struct error_stream *s =
            (struct error_stream *)(void *)h2o_add_ostream(req, sizeof(*s), slot);
        s->sent = false;
        s->super.do_send = on_error_send;
        slot = &s->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

/* --- connections --- */

static void listen_resume(struct admin_http *h);

static void on_connection_closed(void *data)
{
    struct admin_http *h = data;

    h->n_connections--;
    if (!h->listening && !h->draining)
        listen_resume(h);
}

static void on_acceptable(h2o_socket_t *listener, const char *err)
{
    struct admin_http *h = listener->data;

    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (h->n_connections >= ADMIN_CONNECTIONS_MAX) {
            log_warn("connections_full", "n=%u", h->n_connections);
            h2o_socket_read_stop(listener);
            h->listening = false;
            return;
        }
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL)
            return;
        h->n_connections++;
        sock->on_close.cb = on_connection_closed;
        sock->on_close.data = h;
        h2o_accept(&h->accept, sock);
    }
}

static void listen_resume(struct admin_http *h)
{
    h->listening = true;
    h2o_socket_read_start(h->listener, on_acceptable);
}

struct admin_http *admin_http_create(int listen_fd, struct admin *admin)
{
    struct admin_http *h = xcalloc(1, sizeof(*h));

    h->admin = admin;
    h2o_config_init(&h->conf);
    h->conf.server_name = h2o_iovec_init(H2O_STRLIT("bowfin"));
    h->conf.max_request_entity_size = ADMIN_IMPORT_MAX;
    h->conf.http1.req_timeout = ADMIN_IDLE_MS;
    h->conf.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&h->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct admin_handler *handler =
        (struct admin_handler *)(void *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = on_request;
    handler->http = h;
    h2o_filter_t *filter = h2o_create_filter(&host->fallback_path, sizeof(*filter));
    filter->on_setup_ostream = on_error_setup;

    h->loop = h2o_evloop_create();
    h2o_context_init(&h->ctx, h->loop, &h->conf);
    h->accept.ctx = &h->ctx;
    h->accept.hosts = h->conf.hosts;
    h->listener = h2o_evloop_socket_create(h->loop, listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    h->listener->data = h;
    listen_resume(h);
    return h;
}

struct watch {
    admin_http_watch_fn *fn;
    void *ctx;
};

static void on_watched(h2o_socket_t *sock, const char *err)
{
    struct watch *w = sock->data;

    (void)err; /* whoever reads the descriptor finds out */
    w->fn(w->ctx);
}

void admin_http_watch(struct admin_http *h, int fd, admin_http_watch_fn *fn, void *ctx)
{
    h2o_socket_t *sock = h2o_evloop_socket_create(h->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    struct watch *w = xalloc(sizeof(*w)); /* for the process's life */

    *w = (struct watch){fn, ctx};
    sock->data = w;
    h2o_socket_read_start(sock, on_watched);
}

void admin_http_turn(struct admin_http *h, int32_t max_ms)
{
    (void)h2o_evloop_run(h->loop, max_ms); /* -1 is EINTR: the caller comes again */
}

void admin_http_drain(struct admin_http *h)
{
    if (h->draining)
        return;
    h->draining = true;
    h2o_socket_read_stop(h->listener);
    h2o_context_request_shutdown(&h->ctx);
}

uint32_t admin_http_open(const struct admin_http *h)
{
    return h->n_open;
}
