/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/worker/http_conn.h"
#include "server/worker/worker.h"
#include "shm/live.h"

/* --- accepting --- */

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);

    if (err != NULL) {
        client_close(c);
        return;
    }
    h2o_iovec_t protocol = h2o_socket_ssl_get_selected_protocol(sock);

    if (protocol.len == 2 && memcmp(protocol.base, "h2", 2) == 0)
        frames_begin(c);
    else
        client_begin(c);
}

static void accept_one(struct listener *l, h2o_socket_t *sock)
{
    struct http_server *s = l->server;

    if (s->n_clients >= s->limits.connections_max) {
        stat_add(s->worker->slot, STAT_CONNECTIONS_REFUSED, 1);
        log_warn("connections_full", "open=%u", s->n_clients);
        h2o_socket_close(sock);
        return;
    }
    struct client *c = client_open(s, sock, l->tls != NULL);

    if (l->tls != NULL)
        h2o_socket_ssl_handshake(sock, tls_context(l->tls), NULL, on_handshake);
    else
        client_begin(c);
}

static void on_acceptable(h2o_socket_t *sock, const char *err);

static void resume_accepting(struct http_server *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++)
        if (s->listeners[i].sock != NULL)
            h2o_socket_read_start(s->listeners[i].sock, on_acceptable);
}

static void pause_accepting(struct http_server *s, uint64_t ms, timer_fn *again)
{
    for (uint32_t i = 0; i < s->n_listeners; i++)
        if (s->listeners[i].sock != NULL)
            h2o_socket_read_stop(s->listeners[i].sock);
    loop_timer_start(s->loop, &s->accept_timer, ms, again);
}

static void on_accept_again(struct timer *t)
{
    resume_accepting(container_of(t, struct http_server, accept_timer));
}

/* False: there is nothing more to take now, or it cannot be taken. */
static bool take_one(struct listener *l)
{
    h2o_socket_t *accepted = h2o_evloop_socket_accept(l->sock);

    if (accepted != NULL) {
        accept_one(l, accepted);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_warn("accept_paused", "errno=%d open=%u", errno, l->server->n_clients);
        pause_accepting(l->server, ACCEPT_PAUSE_MS, on_accept_again);
        return false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return false; /* another worker took it */
    }
    return true;
}

/*
 * Whoever wakes first would take all that came at once, and connections stay: one core would do
 * the work of all. So a worker that has more than another lets the others go first.
 */
static bool has_its_share(const struct http_server *s)
{
    const struct region *live = &s->worker->in->regions.live;
    uint64_t now_ms = loop_now_ms(s->loop);
    uint32_t n = live_slots(live);

    for (uint32_t i = 0; i < n; i++) {
        const struct slot *other = live_slot(live, i);

        if (other != s->worker->slot && other->state == SLOT_READY &&
            other->stats[STAT_CONNECTIONS_OPEN] < s->n_clients &&
            now_ms < other->beat_ms + SHARE_BEAT_MS)
            return true;
    }
    return false;
}

/* What is still there is for us: the others are busy, or stuck. */
static void on_share_again(struct timer *t)
{
    struct http_server *s = container_of(t, struct http_server, accept_timer);

    resume_accepting(s);
    for (uint32_t i = 0; i < s->n_listeners; i++)
        for (int n = 0; n < ACCEPTS_MAX && s->listeners[i].sock != NULL; n++)
            if (!take_one(&s->listeners[i]))
                break;
}

static void on_acceptable(h2o_socket_t *sock, const char *err)
{
    struct listener *l = sock->data;

    (void)err;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        if (has_its_share(l->server)) {
            pause_accepting(l->server, SHARE_WAIT_MS, on_share_again);
            return;
        }
        if (!take_one(l))
            return;
    }
}

/* --- the server --- */

static void close_listeners(struct http_server *s)
{
    loop_timer_stop(&s->accept_timer);
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        if (s->listeners[i].sock != NULL)
            h2o_socket_close(s->listeners[i].sock); /* our copy; the other workers go on */
        s->listeners[i].sock = NULL;
    }
}

static void configure_h2o(struct http_server *s)
{
    static const h2o_iovec_t any = {(char *)(uintptr_t) "default", 7};
    h2o_hostconf_t *host;

    h2o_config_init(&s->conf);
    s->conf.server_name = h2o_iovec_init("", 0);
    s->conf.http1.upgrade_to_http2 = 0;     /* we tell prior knowledge from HTTP/1 ourselves */
    s->conf.http1.req_timeout = UINT32_MAX; /* every time limit is a client's own timer */
    host = h2o_config_register_host(&s->conf, any, 65535);
    /* h2o's chunked filter closes the connection behind every answer but 200; we frame chunks. */
    free(host->fallback_path.filters.entries[0]);
    host->fallback_path.filters.size = 0;
    host->fallback_path.error_log.emit_request_errors = 0;
    refuse_register(&host->fallback_path);
    exchange_register(&host->fallback_path, s);
    /* Bodies stay in memory: a worker never touches the disk. */
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
    h2o_context_init(&s->ctx, loop_backend(s->loop), &s->conf);
    s->accept_ctx.ctx = &s->ctx;
    s->accept_ctx.hosts = s->conf.hosts;
}

struct http_server *http_create(struct worker *w, struct error *err)
{
    struct http_server *s = xcalloc(1, sizeof(*s));
    const struct inherit *in = w->in;

    s->worker = w;
    s->loop = w->loop;
    for (; s->n_listeners < in->n_listeners; s->n_listeners++) {
        struct listener *l = &s->listeners[s->n_listeners];

        l->server = s;
        if (in->listeners[s->n_listeners].certificate_pem == NULL)
            continue;
        l->tls = tls_create(&in->listeners[s->n_listeners], err);
        if (l->tls == NULL)
            goto fail;
    }
    configure_h2o(s);
    return s;
fail:
    for (uint32_t i = 0; i < s->n_listeners; i++)
        tls_free(s->listeners[i].tls);
    free(s);
    return NULL;
}

void http_configure(struct http_server *s, const struct pub_image *image)
{
    s->limits = (struct http_limits){
        .guard = {.streams_per_s = image->streams_per_s,
                  .resets_max = image->resets_max,
                  .header_ms = image->header_ms,
                  .body_ms = image->body_ms},
        .body_max_bytes = image->body_max_bytes,
        .buffered_max_bytes = image->buffered_max_bytes,
        .connections_max = image->connections_max,
        .idle_ms = image->idle_ms,
        .has_http2 = (image->flags & PUB_HTTP2_OFF) == 0,
    };
    for (uint32_t i = 0; i < s->n_listeners; i++)
        if (s->listeners[i].tls != NULL)
            tls_offer_http2(s->listeners[i].tls, s->limits.has_http2);
    /*
     * h2o resets an HTTP/2 stream whose body is too long, and the client learns nothing; so it
     * takes twice as much, and the exchange answers 413 up to there. HTTP/1 is stopped before.
     */
    s->conf.max_request_entity_size = 2 * image->body_max_bytes;
    s->conf.http2.max_concurrent_requests_per_connection = image->streams_max;
    s->ctx.http2.idle_timeout.timeout = image->idle_ms;
}

void http_listen(struct http_server *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];

        l->sock = h2o_evloop_socket_create(loop_backend(s->loop), s->worker->in->listeners[i].fd,
                                           H2O_SOCKET_FLAG_DONT_READ);
        l->sock->data = l;
        h2o_socket_read_start(l->sock, on_acceptable);
    }
}

void http_drain(struct http_server *s)
{
    struct client *next;

    if (s->is_draining)
        return;
    s->is_draining = true;
    close_listeners(s);
    h2o_context_request_shutdown(&s->ctx); /* GOAWAY, twice, a second apart */
    for (struct client *c = s->clients; c != NULL; c = next) {
        next = c->next;
        if (c->phase == CLIENT_IDLE)
            client_close(c);
    }
}

bool http_is_drained(const struct http_server *s)
{
    return s->is_draining && s->n_clients == 0;
}

void http_free(struct http_server *s)
{
    if (s == NULL)
        return;
    must(s->n_clients == 0);
    close_listeners(s);
    for (uint32_t i = 0; i < s->n_listeners; i++)
        tls_free(s->listeners[i].tls);
    /* The second GOAWAY may still be due; h2o insists that nothing is when it goes. */
    h2o_timeout_unlink(&s->ctx.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&s->ctx);
    h2o_config_dispose(&s->conf);
    free(s);
}
