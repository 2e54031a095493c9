/*
 * http_conn - the inside of the HTTP server: the server, a client's connection, an exchange.
 *
 * Runs in:  worker (http*.c only).   Writes: its own slot (connection counters).
 *   http_accept.c  listeners, the first bytes, TLS; limits; drain
 *   http_conn.c    a connection's life and its time limits
 *   http_read.c    HTTP/1 requests are read and checked here, whole, before h2o
 *   http_frames.c  HTTP/2 connections: their frames are counted before h2o takes them
 *   http_refuse.c  answers to what never becomes a request
 *   http.c         exchanges: h2o's request on one side, http.h on the other
 * h2o's read callback of a connection is kept in `h2o_read` and called when its input is fit to be
 * seen; that is the one place where we reach under h2o's surface (socket._cb).
 * Does not: get used by the steps; they see http.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HTTP_CONN_H
#define WORKER_HTTP_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>

#include "server/base/base.h"
#include "server/inherit.h"
#include "server/worker/http.h"
#include "server/worker/http_guard.h"
#include "server/worker/http_server.h"
#include "server/worker/loop_io.h"
#include "server/worker/tls.h"

#define ACCEPTS_MAX 4        /* in one turn: the other workers want some, too */
#define ACCEPT_PAUSE_MS 100  /* when the process is out of descriptors */
#define SHARE_WAIT_MS 1      /* for workers with fewer connections to take a new one first */
#define SHARE_BEAT_MS 2000   /* a worker that was silent for so long takes none */
#define LINGER_MS 2000       /* for a refused client to read why */
#define SEND_CHECK_MS 10000  /* how often a slow reader is looked at */
#define SEND_STALL_MS 120000 /* without one byte acknowledged: it is gone */
#define GONE_CHECK_MS 100    /* a client that sent more than we read: is it still there? */
#define FRAMES_CHECK_MS 1000 /* HTTP/2: overdue heads and bodies */
#define CHUNK_OVERHEAD 65536 /* framing of a chunked body, beside twice its size */

struct client;
struct fail;

struct listener {
    struct http_server *server;
    h2o_socket_t *sock;
    struct listener_tls *tls; /* NULL: plain */
};

struct http_limits {
    struct http_guard_limits guard;
    uint64_t body_max_bytes, buffered_max_bytes;
    uint32_t connections_max;
    uint64_t idle_ms;
    bool has_http2;
};

struct http_server {
    struct worker *worker;
    struct loop *loop;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept_ctx;
    struct http_limits limits;
    struct listener listeners[LISTENERS_MAX];
    uint32_t n_listeners;
    struct timer accept_timer;
    struct client *clients;
    uint32_t n_clients;
    uint64_t held; /* bytes of request bodies, whole or coming */
    bool is_draining;
    char scratch[262144]; /* see fill(); not touched by usual requests */
};

enum client_phase {
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_IDLE,      /* nothing of a request is here */
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_BUSY,   /* h2o has the request */
    CLIENT_LINGER, /* refused: what still comes is thrown away */
    CLIENT_FRAMES, /* HTTP/2 */
    CLIENT_CUT,    /* shut down; the loop will tell */
};

struct client {
    struct http_server *server;
    h2o_socket_t *sock; /* NULL: closed */
    struct client *next, **prev;
    h2o_socket_cb h2o_read; /* h2o's own callback; NULL: h2o does not know the connection yet */
    h2o_socket_cb h2o_written;
    struct timer timer;
    uint64_t deadline_ms;
    enum client_phase phase;
    uint32_t entered;     /* calls into h2o on the stack: the struct must outlive them */
    uint32_t n_exchanges; /* under way */
    uint32_t n_sending;   /* of them waiting for the client to take bytes */
    bool is_tls, is_http2, is_loopback, is_continuing, ends_here;
    uint32_t usual_len; /* of the last request, bounded */
    struct http_guard_head head;
    struct http_guard_chunks chunks;
    size_t checked;      /* bytes of a chunked body that were looked at */
    uint64_t held;       /* counted in server->held for a body that is coming */
    h2o_buffer_t *stash; /* what came behind the request that is being handled; or NULL */
    char *refusal;       /* until it is written */
    struct http_guard_frames *frames; /* HTTP/2 */
    uint64_t acked_bytes, acked_ms;
    uint32_t peer_len;
    char peer[INET6_ADDRSTRLEN];
};

/* http_conn.c */
struct client *client_open(struct http_server *s, h2o_socket_t *sock, bool is_tls);
struct client *client_of(h2o_socket_t *sock);
bool client_enter(struct client *c, const char *err); /* h2o reads; false: it closed, c is gone */
bool client_left(struct client *c); /* behind c->entered++ and h2o; false: c is gone */
void client_hold(struct client *c, uint64_t bytes); /* of the body that is coming: so many now */
void client_close(struct client *c);                /* at once, without a word */
void client_cut(struct client *c, const char *why); /* by a guard: counted and logged */
void client_deadline(struct client *c, uint64_t ms, bool is_sooner);
void server_hold(struct http_server *s, int64_t bytes);

/* http_read.c */
void client_begin(struct client *c); /* clear text, or TLS with its handshake done */
void client_on_read(h2o_socket_t *sock, const char *err);
void client_watch(struct client *c); /* h2o has read all: see when the client goes */
void client_answering(struct client *c, bool is_last); /* h2o has the last bytes */

/* http_frames.c */
void frames_begin(struct client *c);
void frames_check(struct client *c);
void frames_aborted(struct client *c);

/* http_refuse.c */
void client_refuse(struct client *c, const struct fail *f, const char *detail);
void client_refuse_size(struct client *c);  /* of its request's body */
void refuse_register(h2o_pathconf_t *path); /* h2o's own errors get our shape */

/* http.c */
void exchange_register(h2o_pathconf_t *path, struct http_server *s);
bool exchange_is_ours(const h2o_generator_t *generator);

#endif
