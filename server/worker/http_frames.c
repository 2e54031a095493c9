/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/base/alloc.h"
#include "server/worker/http_conn.h"

static void on_frames(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);
    struct http_server *s = c->server;
    const char *why = NULL;

    if (err == NULL && c->phase == CLIENT_CUT) { /* what had come before it was shut down */
        h2o_buffer_consume(&sock->input, sock->input->size);
        return;
    }
    if (err == NULL) {
        struct str input = {sock->input->bytes, sock->input->size};
        enum http_guard_result r =
            http_guard_frames(c->frames, &s->limits.guard, input, loop_now_ms(s->loop), &why);

        client_hold(c, c->frames->held);
        if (r == GUARD_OK && c->held > 0 && s->held > s->limits.buffered_max_bytes) {
            r = GUARD_BAD;
            why = "too many request bodies at once";
        }
        if (r == GUARD_BAD) {
            h2o_buffer_consume(&sock->input, sock->input->size);
            client_cut(c, why);
            return;
        }
    }
    if (err != NULL)
        c->phase = CLIENT_CUT; /* the streams that end now were not reset one by one */
    if (!client_enter(c, err) || err != NULL)
        return;
    if (!h2o_socket_is_reading(sock) && c->phase == CLIENT_FRAMES) {
        /* h2o stops at half a megabyte of answers to control frames that nobody takes. */
        h2o_socket_read_start(sock, on_frames);
        client_cut(c, "does not take the answers to its frames");
    }
}

void frames_begin(struct client *c)
{
    h2o_buffer_t *input = c->sock->input;
    struct timeval now = *h2o_get_timestamp(&c->server->ctx, NULL, NULL);

    c->frames = xcalloc(1, sizeof(*c->frames));
    c->is_http2 = true;
    c->phase = CLIENT_FRAMES;
    h2o_socket_read_stop(c->sock);
    h2o_socket_dont_read(c->sock, 0);
    h2o_buffer_init(&c->sock->input, &h2o_socket_buffer_prototype);
    h2o_http2_accept(&c->server->accept_ctx, c->sock, now);
    c->sock->input = input;
    c->h2o_read = c->sock->_cb.read;
    c->sock->_cb.read = on_frames;
    client_deadline(c, FRAMES_CHECK_MS, true);
    if (input->size > 0)
        on_frames(c->sock, NULL);
}

void frames_check(struct client *c)
{
    /* Where h2o had stopped reading it has started again with its own callback. */
    if (c->sock->_cb.read == c->h2o_read)
        c->sock->_cb.read = on_frames;
    if (http_guard_is_late(c->frames, &c->server->limits.guard, loop_now_ms(c->server->loop)))
        client_cut(c, "a request's head or body is overdue");
    else
        client_deadline(c, FRAMES_CHECK_MS, true);
}

void frames_aborted(struct client *c)
{
    if (c->phase == CLIENT_FRAMES && http_guard_abort(c->frames, &c->server->limits.guard,
                                                      loop_now_ms(c->server->loop)) != GUARD_OK)
        client_cut(c, "too many streams ended early a second");
}
