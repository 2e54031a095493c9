/*
 * upstream_io - the inside of upstream: one call, and the two transports that carry it.
 *
 * Runs in:  worker (upstream*.c; worker.c creates and frees).   Writes: its own slot (counters).
 *   upstream.c        the calls: start, pause, cancel, time limits, results
 *   upstream_head.c   an answer's head from its lines
 *   upstream_plain.c  transport: HTTP/1.1 without TLS or proxy, our own
 *   upstream_conn.c   its connections: opened, kept, closed
 *   upstream_curl.c   transport: all else, by libcurl
 *   upstream_multi.c  curl's sockets and timer on the loop
 * Does not: get used by the steps; they see upstream.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_UPSTREAM_IO_H
#define WORKER_UPSTREAM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/worker/framing.h"
#include "server/worker/loop_io.h"
#include "server/worker/resolve.h"
#include "server/worker/upstream.h"

#define UPSTREAM_HEAD_MAX FRAMING_HEAD_MAX
#define UPSTREAM_HEADERS_MAX FRAMING_LINES_MAX
#define UPSTREAM_IDLE_MAX 1024   /* kept-alive connections; curl has as many of its own */
#define UPSTREAM_POOL_MAX 256    /* calls kept for reuse, with easy handles if they ever had one */
#define UPSTREAM_ERROR_BYTES 256 /* as curl wants it */
struct slot;
struct conn;
struct conns;
struct curl_side; /* the multi handle */
struct curl_easy; /* an easy handle and what was set in it */

/* What carries calls. A call is on one transport from begin to leave. */
struct transport {
    /* Trouble is told through upstream_ended(), perhaps before it returns. */
    void (*begin)(struct upstream_call *call);
    /* Take it off; its connection stays open only if the answer was whole. False: not now, for it
     * is inside the transport; on the next turn. Harmless when it is not on it. */
    bool (*leave)(struct upstream_call *call);
    void (*flow)(struct upstream_call *call); /* let bytes come, or not: call->is_paused */
};

extern const struct transport transport_plain, transport_curl;

struct upstream {
    struct loop *loop;
    struct slot *slot;
    struct curl_side *curl;
    struct resolver *resolver;
    struct conns *conns;
    struct timer start_timer;    /* 0 ms: starts what is queued */
    struct upstream_call *queue; /* to be started */
    struct upstream_call *pool;
    struct upstream_call *cancelled; /* inside a callback: given back when it has returned */
    struct timer cancel_timer;
    uint32_t n_pool;
};

enum call_state { CALL_FREE, CALL_QUEUED, CALL_RUNNING, CALL_ENDED, CALL_CANCELLED };

/* Pooled with what its transports keep for the next call. */
struct upstream_call {
    struct upstream *upstream;
    const struct transport *transport;
    struct upstream_call *next, **prev; /* in the queue, the pool or among the cancelled */
    enum call_state state;
    const struct upstream_ops *ops;
    void *ctx;
    struct upstream_request req;

    struct timer limit; /* the next time limit that may have passed */
    struct timer turn;  /* 0 ms: applies a pause or resume */
    uint64_t begun_us, connected_us, first_byte_us;
    uint64_t begun_ms, connected_ms, last_byte_ms;
    bool wants_pause, is_paused; /* asked for; told to the transport */
    bool in_callback;            /* one of ops is running */
    bool has_head;
    bool is_second; /* on a fresh connection, after a kept-alive one had died */

    struct buf head; /* of the answer, line by line */
    uint32_t n_lines;
    int status;
    char error[UPSTREAM_ERROR_BYTES];

    struct curl_easy *easy; /* NULL until curl has carried it once */

    struct plain_target {
        struct str authority, host, path;
        uint16_t port;
    } target;                    /* plain: in the URL */
    struct conn *conn;           /* plain: NULL before there is one */
    struct resolve_wait resolve; /* plain: waits for addresses */
    struct buf out;              /* plain: the request's head; wiped, for it has a credential */
};

/* upstream.c, for the transports. */
void upstream_on_connected(struct upstream_call *call);
void upstream_on_bytes(struct upstream_call *call); /* some of the answer have come */
/* Tell of the head, of body bytes. The call may have been cancelled when they return. */
void upstream_on_head(struct upstream_call *call, const struct upstream_head *head);
void upstream_on_body(struct upstream_call *call, struct str bytes);
/* The call's end: it leaves the transport, and is gone when this returns. */
void upstream_ended(struct upstream_call *call, enum upstream_result result, const char *detail);
/*
 * It failed. Had a kept-alive connection died before anything came, it is sent once more on a
 * fresh one; else it ends. Gone when this returns.
 */
void upstream_failed(struct upstream_call *call, bool was_kept, enum upstream_result result,
                     const char *detail);

/* upstream_head.c: a line of the answer's head; empty: its end. False: too large, or nonsense. */
bool upstream_head_line(struct upstream_call *call, struct str line);

/* upstream_curl.c */
void curl_call_free(struct upstream_call *call); /* its easy handle, if there is one */

/* upstream_multi.c */
int curl_side_open(struct upstream *u, struct error *err);
void curl_side_close(struct upstream *u); /* harmless when it is not open */
void curl_side_run(struct upstream *u);   /* let curl do what is due, if a call was added */

/* upstream_plain.c: is this a call for our own client? Then its target is set. */
bool plain_takes(struct upstream_call *call);

/* upstream_conn.c */
struct conns *conns_create(struct upstream *u);
void conns_free(struct conns *conns); /* takes NULL */

#endif
