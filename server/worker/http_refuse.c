/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/reason.h"
#include "server/worker/fail.h"
#include "server/worker/http_conn.h"
#include "server/worker/worker.h"
#include "shm/live.h"

#define REFUSAL_BYTES 2048 /* what one takes, usually */

static void write_id(char out[UUID_TEXT_LEN + 1])
{
    uint8_t id[16];

    crypto_uuid(clock_real_ms(), id);
    crypto_uuid_format(id, out);
}

/* The path of a request that begins with these bytes; empty when it is not whole. */
static struct str path_of_line(struct str bytes)
{
    struct str path = STR_NONE;
    struct str line;
    struct str target;

    if (!str_next(&bytes, '\n', &line) || !str_next(&line, ' ', &target)) /* the method */
        return STR_NONE;
    if (!str_next(&line, ' ', &target) || line.len == 0)
        return STR_NONE;
    if (str_starts(target, STR("http://")) || str_starts(target, STR("https://"))) {
        struct str host = str_skip(target, 8);
        ptrdiff_t slash = str_index(host, '/');

        target = slash >= 0 ? str_skip(host, (size_t)slash) : STR_NONE;
    }
    (void)str_next(&target, '?', &path);
    return path;
}

static void on_refused(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);

    if (err != NULL) {
        client_close(c);
        return;
    }
    /* Closing at once, with bytes unread, would reset the connection and lose the answer. */
    if (!c->is_tls)
        (void)shutdown(h2o_socket_get_fd(sock), SHUT_WR);
}

static struct str size_allowed(const struct http_server *s, char out[64])
{
    int n = snprintf(out, 64, "at most %ju bytes", (uintmax_t)s->limits.body_max_bytes);

    return (struct str){out, (size_t)n};
}

void client_refuse_size(struct client *c)
{
    char detail[64];

    (void)size_allowed(c->server, detail);
    client_refuse(c, &FAIL_BODY_TOO_LARGE, detail);
}

static void write_answer(struct arena *a, struct str input, const struct fail *f,
                         const char *detail, struct buf *out)
{
    char id[UUID_TEXT_LEN + 1];
    struct fail_text t = {.id = id};

    write_id(id);
    fail_write(a, path_of_line(input), f, str_of(detail), &t);
    buf_printf(out,
               "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
               "connection: close\r\nx-bf-request-id: %s\r\n",
               f->status, reason_of(f->status), t.body.len, id);
    for (size_t i = 0; i < t.n_headers; i++)
        buf_printf(out, "%.*s: %.*s\r\n", STR_ARGS(t.headers[i].name),
                   STR_ARGS(t.headers[i].value));
    buf_cstr(out, "\r\n");
    buf_str(out, t.body);
}

void client_refuse(struct client *c, const struct fail *f, const char *detail)
{
    struct buf answer = BUF_INIT;
    struct arena *a;

    stat_add(c->server->worker->slot, f->status >= 500 ? STAT_ANSWERS_5XX : STAT_ANSWERS_4XX, 1);
    client_hold(c, 0);
    if (h2o_socket_is_writing(c->sock)) { /* "100 Continue" is still on its way */
        client_close(c);
        return;
    }
    a = arena_create(REFUSAL_BYTES);
    write_answer(a, (struct str){c->sock->input->bytes, c->sock->input->size}, f, detail, &answer);
    arena_free(a);
    h2o_buffer_consume(&c->sock->input, c->sock->input->size);
    c->phase = CLIENT_LINGER;
    free(c->refusal);
    c->refusal = answer.data;
    client_deadline(c, LINGER_MS, true);
    h2o_iovec_t out = h2o_iovec_init(answer.data, answer.len);
    h2o_socket_write(c->sock, &out, 1, on_refused);
}

/* --- on HTTP/2, and what h2o refuses by itself: its plain text in the client's shape --- */

struct reshape {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void on_reshape_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t n,
                            h2o_send_state_t state)
{
    struct reshape *r = (struct reshape *)self;

    (void)bufs;
    (void)n;
    h2o_ostream_send_next(self, req, &r->body, 1, state);
}

static const struct fail *fail_of(int status)
{
    return status == 413   ? &FAIL_BODY_TOO_LARGE
           : status == 431 ? &FAIL_HEAD_TOO_LARGE
                           : &FAIL_BAD_HTTP;
}

static const struct http_server *server_of(h2o_req_t *req)
{
    return client_of(req->conn->callbacks->get_socket(req->conn))->server;
}

static h2o_iovec_t pooled(h2o_req_t *req, struct str s)
{
    return h2o_strdup(&req->pool, s.p, s.len);
}

static void set_header(h2o_req_t *req, struct str name, struct str value)
{
    h2o_iovec_t n = pooled(req, name);
    h2o_iovec_t v = pooled(req, value);

    h2o_add_header_by_str(&req->pool, &req->res.headers, n.base, n.len, 0, NULL, v.base, v.len);
}

static h2o_ostream_t **reshape(h2o_req_t *req, h2o_ostream_t **slot)
{
    struct reshape *r = (struct reshape *)h2o_add_ostream(req, sizeof(*r), slot);
    const struct fail *f = fail_of(req->res.status);
    struct arena *a = arena_create(REFUSAL_BYTES);
    struct str path = {req->path.base, min_u64(req->path.len, req->query_at)};
    char id[UUID_TEXT_LEN + 1];
    char detail[64];
    struct fail_text t = {.id = id};

    write_id(id);
    fail_write(a, path, f,
               f == &FAIL_BODY_TOO_LARGE ? size_allowed(server_of(req), detail) : STR_NONE, &t);
    r->super.do_send = on_reshape_send;
    r->body = pooled(req, t.body);
    req->res.status = f->status;
    req->res.content_length = r->body.len;
    req->res.headers = (h2o_headers_t){NULL, 0, 0};
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    set_header(req, STR("x-bf-request-id"), str_of(id));
    for (size_t i = 0; i < t.n_headers; i++)
        set_header(req, t.headers[i].name, t.headers[i].value);
    arena_free(a);
    return &r->super.next;
}

static void on_answer(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (!exchange_is_ours(req->_generator))
        slot = reshape(req, slot);
    h2o_setup_next_ostream(req, slot);
}

void refuse_register(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = on_answer;
}
