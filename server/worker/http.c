/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/reason.h"
#include "server/worker/header.h"
#include "server/worker/http_conn.h"
#include "server/worker/worker.h"
#include "shm/live.h"

#define PARTS_MAX 64 /* of one http_send; relay and fail use a handful */

#define HTTP2_HEADERS_MAX 256
#define HTTP2_HEAD_MAX GUARD_HEAD_MAX /* unpacked; on HTTP/1 the guard counts */

/*
 * In h2o's request pool, freed (and the request told) with it. `ex` is what the steps see. An
 * exchange is busy from a call of h2o_send until its proceed.
 */
struct exchange {
    h2o_generator_t generator;
    struct http_exchange ex;
    h2o_req_t *req;
    struct client *client;
    struct timer turn; /* 0 ms: what must not happen on the caller's stack */
    bool is_started, is_head_sent, is_busy, is_final, is_aborted;
    bool owes_writable; /* an http_send is under way */
    bool has_queued;    /* it waits because the head alone is on its way */
    bool is_chunked, has_no_body;
    h2o_iovec_t *queued;
    size_t n_queued;
    size_t held; /* of its body, as it came, and what it was rewritten to */
    char chunk_head[20];
};

struct handler {
    h2o_handler_t super;
    struct http_server *server;
};

static struct exchange *exchange_of(const struct http_exchange *ex)
{
    return ex->impl;
}

static struct str str_from(h2o_iovec_t v)
{
    return (struct str){v.base, v.len};
}

/* --- sending --- */

static void set_busy(struct exchange *x, bool busy)
{
    if (x->is_busy == busy)
        return;
    x->is_busy = busy;
    x->client->n_sending += busy ? 1 : -1u;
}

static void hand_to_h2o(struct exchange *x, h2o_iovec_t *bufs, size_t n, h2o_send_state_t state)
{
    h2o_iovec_t nothing = {(char *)(uintptr_t) "", 0};
    bool is_last = !x->req->http1_is_persistent;

    if (n == 0 && !x->ex.is_http2) { /* h2o would take it for the end, and act at once */
        bufs = &nothing;
        n = 1;
    }
    set_busy(x, true);
    x->is_head_sent = true;
    h2o_send(x->req, bufs, n, state);
    if (state == H2O_SEND_STATE_FINAL && !x->ex.is_http2)
        client_answering(x->client, is_last);
}

static void send_parts(struct exchange *x, const h2o_iovec_t *parts, size_t n)
{
    h2o_iovec_t out[PARTS_MAX + 2];
    size_t n_out = x->is_chunked ? 1 : 0;
    size_t bytes = 0;

    for (size_t i = 0; i < n && !x->has_no_body; i++) {
        if (parts[i].len > 0)
            out[n_out++] = parts[i];
        bytes += parts[i].len;
    }
    if (x->is_chunked && bytes > 0) {
        int len = snprintf(x->chunk_head, sizeof(x->chunk_head), "%zx\r\n", bytes);
        out[0] = h2o_iovec_init(x->chunk_head, (size_t)len);
        out[n_out++] = x->is_final ? h2o_iovec_init(H2O_STRLIT("\r\n0\r\n\r\n"))
                                   : h2o_iovec_init(H2O_STRLIT("\r\n"));
    } else if (x->is_chunked) {
        out[0] = h2o_iovec_init("0\r\n\r\n", x->is_final ? 5 : 0);
    }
    hand_to_h2o(x, out, n_out, x->is_final ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void abort_now(struct exchange *x)
{
    if (!x->ex.is_http2) {
        client_close(x->client);
        return;
    }
    if (x->is_busy) /* h2o still holds something; on_proceed comes back here */
        return;
    if (!x->is_started) {
        x->is_started = true;
        x->req->res.status = 502;
        h2o_start_response(x->req, &x->generator);
    }
    x->is_final = true;
    hand_to_h2o(x, NULL, 0, H2O_SEND_STATE_ERROR); /* RST_STREAM */
}

static void tell_writable(struct exchange *x)
{
    if (!x->owes_writable)
        return;
    x->owes_writable = false;
    request_on_writable(x->ex.request);
}

static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
    struct exchange *x = container_of(self, struct exchange, generator);

    (void)req;
    set_busy(x, false);
    if (x->is_aborted) {
        abort_now(x);
    } else if (x->has_queued) {
        x->has_queued = false;
        send_parts(x, x->queued, x->n_queued);
    } else {
        tell_writable(x);
    }
}

static void on_turn(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, turn);

    if (x->is_aborted)
        abort_now(x);
    else if (!x->is_head_sent)
        hand_to_h2o(x, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
    else if (!x->is_busy)
        tell_writable(x);
}

static void next_turn(struct exchange *x)
{
    loop_timer_start(x->client->server->loop, &x->turn, 0, on_turn);
}

void http_send(struct http_exchange *ex, const struct str *parts, size_t n, bool final)
{
    struct exchange *x = exchange_of(ex);
    h2o_iovec_t bufs[PARTS_MAX];
    size_t bytes = 0;

    must(x->is_started && !x->owes_writable && n <= PARTS_MAX);
    if (x->is_aborted || x->is_final)
        return;
    x->is_final = final;
    x->owes_writable = !final;
    for (size_t i = 0; i < n; i++) {
        bufs[i] = h2o_iovec_init(parts[i].p, parts[i].len);
        bytes += x->has_no_body ? 0 : parts[i].len;
    }
    if (x->is_busy) {
        x->has_queued = true;
        x->n_queued = n;
        x->queued = h2o_mem_alloc_pool(&x->req->pool, n * sizeof(*bufs));
        memcpy(x->queued, bufs, n * sizeof(*bufs));
    } else if (bytes == 0 && !final && x->is_head_sent) {
        next_turn(x);
    } else {
        loop_timer_stop(&x->turn);
        send_parts(x, bufs, n);
    }
}

void http_abort(struct http_exchange *ex)
{
    struct exchange *x = exchange_of(ex);

    if (x->is_aborted || x->is_final)
        return;
    x->is_aborted = true;
    x->owes_writable = false;
    next_turn(x);
}

bool http_hold(struct http_exchange *ex, size_t bytes)
{
    struct exchange *x;
    struct http_server *s;

    if (ex->impl == NULL)
        return true; /* whoever told it has bounds of his own */
    x = exchange_of(ex);
    s = x->client->server;
    if (s->held + bytes > s->limits.buffered_max_bytes)
        return false;
    x->held += bytes;
    server_hold(s, (int64_t)bytes);
    return true;
}

/* --- heads --- */

/* What h2o or this file says itself, or what may not be passed on. */
static bool is_own_header(struct str name)
{
    return str_eq(name, STR("date")) || header_is_hop(name);
}

/* A provider's header must not become two of ours. */
static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return false;
    return true;
}

static void set_headers(h2o_req_t *req, const struct http_header *headers, size_t n)
{
    h2o_iovec_t *names = h2o_mem_alloc_pool(&req->pool, n * sizeof(*names));
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += headers[i].name.len + headers[i].value.len;
    char *copy = h2o_mem_alloc_pool(&req->pool, bytes);

    h2o_vector_reserve(&req->pool, &req->res.headers, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct str name = headers[i].name;
        struct str value = headers[i].value;

        /* Some clients trim "content-length : 5" into what frames the answer. */
        if (is_own_header(name) || !http_guard_is_token(name) || !is_clean(value))
            continue;
        names[i] = h2o_iovec_init(memcpy(copy, name.p, name.len), name.len);
        copy += name.len;
        h2o_header_t *h = &req->res.headers.entries[req->res.headers.size++];
        h->name = &names[i];
        h->orig_name = NULL;
        h->value =
            h2o_iovec_init(value.len > 0 ? memcpy(copy, value.p, value.len) : copy, value.len);
        copy += value.len;
    }
}

void http_start(struct http_exchange *ex, int status, const struct http_header *headers, size_t n,
                int64_t content_length)
{
    struct exchange *x = exchange_of(ex);
    h2o_req_t *req = x->req;

    must(!x->is_started);
    if (x->is_aborted)
        return;
    x->is_started = true;
    x->has_no_body = status == 204 || status == 304 || str_eq(ex->method, STR("HEAD"));
    req->res.status = status;
    req->res.reason = reason_of(status);
    set_headers(req, headers, n);
    if (content_length >= 0 && status != 204) {
        req->res.content_length = (size_t)content_length;
    } else if (!ex->is_http2 && !x->has_no_body) {
        x->is_chunked = req->version >= 0x101;
        if (x->is_chunked)
            h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL,
                           H2O_STRLIT("chunked"));
        else
            req->http1_is_persistent = 0; /* HTTP/1.0: the end of the connection is the end */
    }
    if (x->client->server->is_draining)
        req->http1_is_persistent = 0;
    h2o_start_response(req, &x->generator);
    next_turn(x); /* the head goes alone if nothing of the body comes in this turn */
}

/* --- requests --- */

static struct str find_told(const struct http_exchange *ex, struct str name)
{
    for (size_t i = 0; i < ex->n_told; i++) {
        if (str_eq(ex->told[i].name, name))
            return ex->told[i].value;
    }
    return STR_NONE;
}

struct str http_find(const struct http_exchange *ex, struct str name)
{
    if (ex->impl == NULL)
        return find_told(ex, name);
    const h2o_headers_t *headers = &exchange_of(ex)->req->headers;

    for (size_t i = 0; i < headers->size; i++)
        if (str_eq(str_from(*headers->entries[i].name), name))
            return str_from(headers->entries[i].value);
    return STR_NONE;
}

bool http_header_at(const struct http_exchange *ex, size_t i, struct http_header *out)
{
    if (ex->impl == NULL) {
        if (i < ex->n_told)
            *out = ex->told[i];
        return i < ex->n_told;
    }
    const h2o_headers_t *headers = &exchange_of(ex)->req->headers;

    if (i >= headers->size)
        return false;
    *out = (struct http_header){str_from(*headers->entries[i].name),
                                str_from(headers->entries[i].value)};
    return true;
}

static void on_gone(void *memory)
{
    struct exchange *x = memory;
    struct client *c = x->client;

    loop_timer_stop(&x->turn);
    set_busy(x, false);
    c->n_exchanges--;
    server_hold(c->server, -(int64_t)x->held); /* (its body may be another one by now) */
    if (x->ex.request != NULL)
        request_on_gone(x->ex.request);
    if (!x->is_final && c->frames != NULL)
        frames_aborted(c);
}

/* "/path?query", or "http://authority/path?query" as sent to a proxy. False: neither. */
static bool set_target(struct http_exchange *ex, struct str target, struct str authority)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (target.len < schemes[i].len ||
            !str_eq_nocase((struct str){target.p, schemes[i].len}, schemes[i]))
            continue;
        authority = str_skip(target, schemes[i].len);
        ptrdiff_t slash = str_index(authority, '/');
        target = slash < 0 ? STR("/") : str_skip(authority, (size_t)slash);
        authority.len = slash < 0 ? authority.len : (size_t)slash;
    }
    ptrdiff_t mark = str_index(target, '?');

    ex->authority = authority;
    ex->path = mark < 0 ? target : (struct str){target.p, (size_t)mark};
    ex->query = mark < 0 ? STR_NONE : str_skip(target, (size_t)mark + 1);
    return ex->path.len > 0 && ex->path.p[0] == '/';
}

/* What HTTP/1 requests were checked for before h2o saw them. 0, or the status to refuse with. */
static int check_http2(const struct http_server *s, const h2o_req_t *req, struct str authority)
{
    size_t bytes = req->input.path.len;

    if (!http_guard_is_token(str_from(req->input.method)) ||
        !http_guard_is_target(str_from(req->input.path)) || req->input.path.base[0] != '/' ||
        !http_guard_is_host(authority))
        return 400;
    if (req->entity.len > s->limits.body_max_bytes)
        return 413;
    for (size_t i = 0; i < req->headers.size; i++)
        bytes += req->headers.entries[i].name->len + req->headers.entries[i].value.len;
    return req->headers.size > HTTP2_HEADERS_MAX || bytes > HTTP2_HEAD_MAX ? 431 : 0;
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct http_server *s = container_of(self, struct handler, super)->server;
    struct client *c = client_of(req->conn->callbacks->get_socket(req->conn));
    struct exchange *x = h2o_mem_alloc_shared(&req->pool, sizeof(*x), on_gone);
    struct str authority = str_from(req->input.authority);
    int refused = 0;

    memset(x, 0, sizeof(*x));
    x->generator.proceed = on_proceed;
    x->req = req;
    x->client = c;
    x->ex.worker = s->worker;
    x->ex.impl = x;
    x->ex.method = str_from(req->input.method);
    x->ex.body = str_from(req->entity);
    x->ex.peer = (struct str){c->peer, c->peer_len};
    x->ex.peer_is_loopback = c->is_loopback;
    x->ex.is_tls = c->is_tls;
    x->ex.is_http2 = c->is_http2;
    c->n_exchanges++;
    if (req->entity.len > 0) {
        x->held = req->entity.len;
        server_hold(s, (int64_t)x->held);
        stat_add(s->worker->slot, STAT_BYTES_IN, req->entity.len);
    }
    if (authority.p == req->hostconf->authority.hostport.base) /* h2o's, when there was none */
        authority = STR_NONE;
    if (!set_target(&x->ex, str_from(req->input.path), authority))
        refused = 400;
    else if (c->is_http2)
        refused = check_http2(s, req, authority);
    if (!c->is_http2)
        client_watch(c);
    if (refused == 0) {
        request_begin(s->worker, &x->ex);
    } else {
        x->is_final = true;
        h2o_send_error_generic(req, refused, "Refused", "-", H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
    }
    return 0;
}

bool exchange_is_ours(const h2o_generator_t *generator)
{
    return generator->proceed == on_proceed;
}

void exchange_register(h2o_pathconf_t *path, struct http_server *s)
{
    struct handler *h = (struct handler *)h2o_create_handler(path, sizeof(*h));

    h->super.on_req = on_req;
    h->server = s;
}
