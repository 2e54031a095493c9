/*
 * upstream - one call to a provider: our own plain HTTP/1.1, or libcurl.
 *
 * Runs in:  worker.   Reads: nothing shared.   Writes: its own slot (connection counters).
 * Plain http:// and unix sockets are spoken here, straight on the loop; https://, HTTP/2 and proxies
 * by libcurl (upstream_io.h has the map). Connections are kept; one that the provider closed while
 * idle is replaced by a new one, so it costs nothing. Replay tests put fake_upstream.c in its place.
 * Does not: retry, know dialects, keep anything of a call after its on_done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_UPSTREAM_H
#define WORKER_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

struct loop;
struct slot;
struct upstream;      /* a worker's connections and pools */
struct upstream_call; /* one call */

enum upstream_result {
    UPSTREAM_OK,         /* the answer is whole */
    UPSTREAM_CONNECT,    /* refused, no route, DNS, proxy; connect timeout */
    UPSTREAM_TLS,        /* certificate or handshake */
    UPSTREAM_FIRST_BYTE, /* nothing came in time */
    UPSTREAM_SILENCE,    /* it stopped in the middle */
    UPSTREAM_TOTAL,      /* past the total without a byte of life */
    UPSTREAM_CUT,        /* closed or reset before the end */
    UPSTREAM_NONSENSE,   /* not HTTP, head too large */
};
const char *upstream_result_name(enum upstream_result r);

/* All is borrowed until on_done or cancel; `arena` serves for what curl needs copied. */
struct upstream_request {
    struct arena *arena;
    struct str method;
    struct str url;            /* absolute */
    struct str unix_socket;    /* path; empty: TCP */
    const struct str *headers; /* "Name: value", without line ends */
    size_t n_headers;
    const struct str *body; /* parts, sent in order */
    size_t n_body;
    uint64_t body_bytes;
    struct str proxy, ca_file; /* empty: none, the system's */
    bool insecure, http1_only, h2c;
    uint32_t connect_ms, first_byte_ms, between_bytes_ms, total_ms; /* 0: none */
};

struct upstream_head {
    int status;
    const struct str *names; /* lower case, in order; valid during the call */
    const struct str *values;
    size_t n;
};

struct upstream_ops {
    /* Once, when the head is complete (interim 1xx answers are skipped). */
    void (*on_head)(void *ctx, const struct upstream_head *head);
    /* Body bytes, valid during the call. To stop the flow call upstream_pause from here: these
     * bytes count as taken. */
    void (*on_body)(void *ctx, struct str bytes);
    /* Exactly once unless cancelled; the call is gone behind it. `detail`: for logs, static or in
     * the call. */
    void (*on_done)(void *ctx, enum upstream_result result, const char *detail);
};

/* NULL with *err when curl or the resolver cannot start. Called after fork. */
struct upstream *upstream_create(struct loop *loop, struct slot *slot, struct error *err);
void upstream_free(struct upstream *u); /* takes NULL; running calls must have been cancelled */

/*
 * Start a call on the loop's next turn (so that HEADERS + RST in one read never reaches a
 * provider). Never fails at once: trouble comes through on_done, and not before this returns.
 */
struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *ctx);
/* From now on its callbacks are these. */
void upstream_rebind(struct upstream_call *call, const struct upstream_ops *ops, void *ctx);
/* Has it a connection, so that the provider may know of it? */
bool upstream_was_sent(const struct upstream_call *call);
/* No callback follows. The connection is closed unless the answer was whole. */
void upstream_cancel(struct upstream_call *call);
void upstream_pause(struct upstream_call *call); /* no more on_body; the kernel's buffers fill */
void upstream_resume(struct upstream_call *call);

#endif
