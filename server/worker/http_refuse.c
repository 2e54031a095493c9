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

static void write_id(char out[UUID_TEXT_LEN + 1])
{
    uint8_t id[16];

    crypto_uuid(clock_real_ms(), id);
    crypto_uuid_format(id, out);
}

static void write_body(struct buf *b, const struct fail *f, struct str detail)
{
    struct buf text = BUF_INIT;

    buf_cstr(&text, f->text);
    if (detail.len > 0)
        buf_printf(&text, ": %.*s", STR_ARGS(detail));
    buf_cstr(b, "{\"error\":{\"message\":");
    buf_json(b, buf_view(&text));
    buf_printf(b, ",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}\n", f->type, f->name);
    buf_fini(&text);
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

void client_refuse(struct client *c, const struct fail *f, const char *detail)
{
    struct buf body = BUF_INIT;
    struct buf answer = BUF_INIT;
    char id[UUID_TEXT_LEN + 1];

    stat_add(c->server->worker->slot, f->status >= 500 ? STAT_ANSWERS_5XX : STAT_ANSWERS_4XX, 1);
    client_hold(c, 0);
    h2o_buffer_consume(&c->sock->input, c->sock->input->size);
    if (h2o_socket_is_writing(c->sock)) { /* "100 Continue" is still on its way */
        client_close(c);
        return;
    }
    write_id(id);
    write_body(&body, f, str_of(detail));
    buf_printf(&answer,
               "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
               "connection: close\r\nx-bf-request-id: %s\r\nx-bf-error: %s\r\n\r\n",
               f->status, reason_of(f->status), body.len, id, f->name);
    buf_str(&answer, buf_view(&body));
    buf_fini(&body);
    c->phase = CLIENT_LINGER;
    free(c->refusal);
    c->refusal = answer.data;
    client_deadline(c, LINGER_MS, true);
    h2o_iovec_t out = h2o_iovec_init(answer.data, answer.len);
    h2o_socket_write(c->sock, &out, 1, on_refused);
}

/* --- on HTTP/2, and what h2o refuses by itself: its plain text in our shape --- */

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

static void on_answer(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (!exchange_is_ours(req->_generator)) {
        struct reshape *r = (struct reshape *)h2o_add_ostream(req, sizeof(*r), slot);
        const struct fail *f = fail_of(req->res.status);
        struct buf body = BUF_INIT;
        char id[UUID_TEXT_LEN + 1];
        char detail[64];

        write_id(id);
        write_body(&body, f,
                   f == &FAIL_BODY_TOO_LARGE ? size_allowed(server_of(req), detail) : STR_NONE);
        r->super.do_send = on_reshape_send;
        r->body = h2o_strdup(&req->pool, body.data, body.len);
        buf_fini(&body);
        req->res.status = f->status;
        req->res.content_length = r->body.len;
        req->res.headers = (h2o_headers_t){NULL, 0, 0};
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("application/json"));
        h2o_iovec_t text = h2o_strdup(&req->pool, id, UUID_TEXT_LEN);
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-bf-request-id"), 0, NULL,
                              text.base, text.len);
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-bf-error"), 0, NULL,
                              f->name, strlen(f->name));
        slot = &r->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void refuse_register(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = on_answer;
}
