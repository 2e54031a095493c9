/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/worker/fail.h"
#include "server/worker/http_conn.h"
#include "server/worker/worker.h"
#include "shm/live.h"

static void on_timer(struct timer *t);

void server_hold(struct http_server *s, int64_t bytes)
{
    s->held += (uint64_t)bytes;
    stat_add(s->worker->slot, STAT_BODY_BYTES_HELD, (uint64_t)bytes);
}

void client_hold(struct client *c, uint64_t bytes)
{
    if (bytes == c->held)
        return;
    server_hold(c->server, (int64_t)(bytes - c->held));
    c->held = bytes;
}

struct client *client_of(h2o_socket_t *sock)
{
    return sock->on_close.data;
}

/*
 * The timer is left alone while a client only gets more time: it looks at the deadline when it
 * fires. So the usual request costs no timer at all.
 */
void client_deadline(struct client *c, uint64_t ms, bool is_sooner)
{
    c->deadline_ms = loop_now_ms(c->server->loop) + ms;
    if (is_sooner || c->timer.prev == NULL)
        loop_timer_start(c->server->loop, &c->timer, ms, on_timer);
}

static void on_closed(void *ctx)
{
    struct client *c = ctx;
    struct http_server *s = c->server;

    c->sock = NULL;
    client_hold(c, 0);
    loop_timer_stop(&c->timer);
    *c->prev = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->n_clients--;
    stat_add(s->worker->slot, STAT_CONNECTIONS_OPEN, (uint64_t)-1);
    if (c->stash != NULL)
        h2o_buffer_dispose(&c->stash);
    free(c->refusal);
    free(c->frames);
    c->refusal = NULL;
    c->frames = NULL;
    if (c->entered == 0)
        free(c);
}

static void find_peer(struct client *c)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    const char *text = NULL;

    if (getpeername(h2o_socket_get_fd(c->sock), (struct sockaddr *)&sa, &len) != 0) {
        text =
            inet_ntop(AF_INET, &(struct in_addr){0}, c->peer, sizeof(c->peer)); /* gone already */
    } else if (sa.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&sa;
        text = inet_ntop(AF_INET, &in->sin_addr, c->peer, sizeof(c->peer));
        c->is_loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (sa.ss_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)&sa)->sin6_addr;
        const uint8_t *v4 = &a->s6_addr[12];
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(a);
        text = is_v4 ? inet_ntop(AF_INET, v4, c->peer, sizeof(c->peer))
                     : inet_ntop(AF_INET6, a, c->peer, sizeof(c->peer));
        c->is_loopback = is_v4 ? v4[0] == 127 : IN6_IS_ADDR_LOOPBACK(a);
    } else {
        memcpy(c->peer, "unix", 5);
        c->is_loopback = true;
        text = c->peer;
    }
    c->peer_len = text != NULL ? (uint32_t)strlen(text) : 0;
}

struct client *client_open(struct http_server *s, h2o_socket_t *sock, bool is_tls)
{
    struct client *c = xcalloc(1, sizeof(*c));

    c->server = s;
    c->sock = sock;
    c->is_tls = is_tls;
    c->next = s->clients;
    if (c->next != NULL)
        c->next->prev = &c->next;
    c->prev = &s->clients;
    s->clients = c;
    s->n_clients++;
    stat_add(s->worker->slot, STAT_CONNECTIONS, 1);
    stat_add(s->worker->slot, STAT_CONNECTIONS_OPEN, 1);
    sock->on_close.cb = on_closed;
    sock->on_close.data = c;
    find_peer(c);
    client_deadline(c, s->limits.guard.header_ms, true);
    return c;
}

bool client_left(struct client *c)
{
    c->entered--;
    if (c->sock != NULL)
        return true;
    if (c->entered == 0)
        free(c);
    return false;
}

/* Let h2o make its connection without seeing the input yet. */
static void meet_h2o(struct client *c)
{
    h2o_buffer_t *input = c->sock->input;
    struct timeval now = *h2o_get_timestamp(&c->server->ctx, NULL, NULL);

    h2o_buffer_init(&c->sock->input, &h2o_socket_buffer_prototype);
    h2o_http1_accept(&c->server->accept_ctx, c->sock, now);
    c->sock->input = input;
    c->h2o_read = c->sock->_cb.read;
    c->sock->_cb.read = client_on_read;
}

bool client_enter(struct client *c, const char *err)
{
    c->entered++;
    if (c->h2o_read == NULL)
        meet_h2o(c);
    c->h2o_read(c->sock, err);
    return client_left(c);
}

void client_close(struct client *c)
{
    if (c->phase == CLIENT_FRAMES || c->phase == CLIENT_CUT) {
        /* h2o closes it when the loop tells that reading and writing fail. */
        c->phase = CLIENT_CUT;
        (void)shutdown(h2o_socket_get_fd(c->sock), SHUT_RDWR);
        client_deadline(c, SEND_CHECK_MS, false);
    } else if (c->h2o_read != NULL) {
        (void)client_enter(c, h2o_socket_error_closed);
    } else {
        h2o_socket_close(c->sock);
    }
}

void client_cut(struct client *c, const char *why)
{
    if (c->phase == CLIENT_CUT)
        return;
    stat_add(c->server->worker->slot, STAT_CONNECTIONS_CUT, 1);
    log_warn("client_cut", "peer=%s why=\"%s\"", c->peer, why);
    client_close(c);
}

/* --- time --- */

/* Has it taken nothing of what waits for it for SEND_STALL_MS? */
static bool is_stalled(struct client *c, uint64_t now_ms)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (c->n_sending == 0 ||
        getsockopt(h2o_socket_get_fd(c->sock), IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        info.tcpi_bytes_acked != c->acked_bytes || c->acked_ms == 0) {
        c->acked_bytes = info.tcpi_bytes_acked;
        c->acked_ms = now_ms;
        return false;
    }
    return now_ms - c->acked_ms >= SEND_STALL_MS;
}

static bool has_hung_up(const struct client *c)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(c->sock), .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void on_busy_time(struct client *c, uint64_t now_ms)
{
    bool sent_more = !h2o_socket_is_reading(c->sock); /* see on_busy_read */

    if ((sent_more && has_hung_up(c)) || is_stalled(c, now_ms)) {
        client_close(c);
        return;
    }
    client_deadline(c, sent_more ? GONE_CHECK_MS : SEND_CHECK_MS, true);
}

static void on_timer(struct timer *t)
{
    struct client *c = container_of(t, struct client, timer);
    uint64_t now_ms = loop_now_ms(c->server->loop);

    if (now_ms < c->deadline_ms) {
        loop_timer_start(c->server->loop, t, c->deadline_ms - now_ms, on_timer);
        return;
    }
    switch (c->phase) {
    case CLIENT_HANDSHAKE:
    case CLIENT_IDLE:
    case CLIENT_LINGER:
    case CLIENT_CUT:
        client_close(c);
        break;
    case CLIENT_HEAD:
    case CLIENT_BODY:
        client_refuse(c, &FAIL_TOO_SLOW, c->phase == CLIENT_HEAD ? "the head" : "the body");
        break;
    case CLIENT_BUSY:
        on_busy_time(c, now_ms);
        break;
    case CLIENT_FRAMES:
        if (is_stalled(c, now_ms))
            client_cut(c, "takes no bytes");
        else
            frames_check(c);
        break;
    }
}
