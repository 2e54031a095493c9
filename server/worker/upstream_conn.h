/*
 * upstream_conn - connections of the plain transport: opened, kept, closed.
 *
 * Runs in:  worker (upstream_plain.c, upstream_conn.c).   Writes: its own slot (counters).
 * Kept by host and port or socket path, the newest is taken first. A kept connection stays wanted for
 * reading, so that its end is seen when it comes and nothing has to be asked before it is used
 * again; bytes that come unasked close it as well.
 * Does not: send, receive or understand anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_UPSTREAM_CONN_H
#define WORKER_UPSTREAM_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/worker/upstream_io.h"

struct conn {
    struct conns *conns;
    struct upstream_call *call; /* NULL: kept */
    struct loop_fd *watch;
    int fd;
    struct tries *tries;  /* NULL: connected */
    bool is_kept;         /* it has carried a call before this one */
    bool is_spoilt;       /* not to be used again, whatever its answer says */
    uint64_t sent, total; /* of the request */
    struct framing framing;
    struct buf stash; /* what came with a read in whose middle the call was paused */

    struct conn *next, **prev; /* kept ones of its bucket */
    struct conn *older, *newer;
    uint64_t kept_ms; /* since when */
    uint32_t hash;
    size_t key_len;
    char key[];
};

/* A kept one for the call, or NULL. */
struct conn *conn_take(struct upstream_call *call);
/* Connect for the call: plain_on_connected or plain_on_refused follow, perhaps before it returns. */
void conn_connect(struct upstream_call *call, const struct addresses *to);
void conn_connect_unix(struct upstream_call *call);
/* Its call is over: keep it for another one if it can be used again, else close it. */
void conn_leave(struct conn *c);

/* upstream_plain.c */
void plain_on_connected(struct conn *c);
void plain_on_refused(struct upstream_call *call, int error); /* the connection is gone */
void plain_on_ready(struct conn *c, bool readable, bool writable);

#endif
