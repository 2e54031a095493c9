/*
 * upstream_io - the inside of upstream: the multi handle on the loop, and one call.
 *
 * Runs in:  worker (upstream*.c; worker.c creates and frees).   Writes: its own slot (counters).
 *   upstream.c       the calls: start, pause, cancel, time limits, results
 *   upstream_curl.c  curl's sockets and timer on the loop; the options of an easy handle
 *   upstream_head.c  an answer's head from curl's header lines
 * Does not: get used by the steps; they see upstream.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_UPSTREAM_IO_H
#define WORKER_UPSTREAM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/worker/loop_io.h"
#include "server/worker/upstream.h"

#define UPSTREAM_HEAD_MAX 65536   /* of an answer; real ones are below 4 KiB */
#define UPSTREAM_HEADERS_MAX 256  /* lines in it */
#define UPSTREAM_IDLE_MAX 1024    /* kept-alive connections; pinned, or curl follows its handles */
#define UPSTREAM_POOL_MAX 256     /* easy handles kept for reuse */
#define UPSTREAM_SEND_MAX 262144  /* ... so much at once */
#define UPSTREAM_INLINE_MAX 65536 /* larger bodies are read by curl part by part */
struct slot;

struct upstream_fd {
    struct loop_fd *watch; /* NULL: curl never asked about it */
    bool is_ours;          /* opened and closed through us; else curl's own (its resolver's) */
};

struct upstream {
    struct loop *loop;
    struct slot *slot;
    CURLM *multi;
    struct upstream_fd *fds; /* by descriptor */
    size_t n_fds;
    struct timer curl_timer;
    struct timer start_timer;    /* 0 ms: starts what is queued */
    struct upstream_call *queue; /* to be started */
    struct upstream_call *pool;
    struct upstream_call *cancelled; /* inside a callback: given back when it has returned */
    struct timer cancel_timer;
    uint32_t n_pool;
    bool inside_curl;
};

enum call_state { CALL_FREE, CALL_QUEUED, CALL_RUNNING, CALL_ENDED, CALL_CANCELLED };

/* Pooled with its easy handle, which keeps what was set and is the same in the next call. */
struct upstream_call {
    struct upstream *upstream;
    CURL *easy;
    struct upstream_call *next, **prev; /* in the queue, the pool or among the cancelled */
    enum call_state state;
    const struct upstream_ops *ops;
    void *ctx;
    struct upstream_request req;

    struct timer limit; /* the next time limit that may have passed */
    struct timer turn;  /* 0 ms: applies a pause or resume */
    uint64_t begun_us, connected_us, first_byte_us;
    uint64_t begun_ms, connected_ms, last_byte_ms;
    bool wants_pause, is_paused; /* asked for; told to curl */
    bool in_callback;            /* one of ops is running */
    bool in_multi;
    bool has_head;
    bool is_second; /* on a fresh connection, after a kept-alive one had died */
    int fresh_set;  /* as set in the handle */

    struct buf head; /* of the answer, line by line */
    uint32_t n_lines;
    int status;
    char error[CURL_ERROR_SIZE];

    size_t sent_part, sent_at;       /* how far curl has read the body's parts */
    struct buf url, proxy, ca, path; /* as set in the handle */
    CURLU *parsed;                   /* url */
    long room_set;                   /* upload buffer */
    int flags_set;                   /* insecure, http1_only, h2c */
};

/* upstream_curl.c */
int upstream_multi_open(struct upstream *u, struct error *err);
void upstream_multi_close(struct upstream *u);
CURL *upstream_easy_create(struct upstream_call *call);
void upstream_easy_prepare(struct upstream_call *call);           /* from call->req */
void upstream_run(struct upstream *u);                            /* let curl do what is due */
void upstream_on_done(struct upstream_call *call, CURLcode code); /* upstream.c; out of curl */

/* upstream_head.c */
/* A line of the answer's head. False: too large, or nonsense. */
bool upstream_head_line(struct upstream_call *call, struct str line);

/* upstream.c: body bytes from curl. */
void upstream_on_body(struct upstream_call *call, struct str bytes);

#endif
