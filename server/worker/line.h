/*
 * line - who waits, and whose turn it is: fair between keys, by their weight.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Stride scheduling: each key has a virtual time that grows by 1 / weight with each place it gets;
 * the key that is behind goes first, its own requests in the order in which they came. A key that
 * comes back soon keeps its time, one that was away joins at the others', so that nobody gains by
 * leaving, or saves up. Those that wait for something which has no room are passed over: the others
 * need not wait for it. Does not: know requests, clocks, accounts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_LINE_H
#define WORKER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"

struct line_key;

struct waiter { /* embedded in its owner; zeroed is "does not wait" */
    struct waiter *next, *prev;
    struct line_key *key;
    uint64_t wants;       /* bits of what it waits for: any of them will do */
    uint64_t deadline_ms; /* monotonic */
    uint64_t round;       /* the last one in which it had a turn */
};

#define LINE_ONE (1u << 20) /* virtual time of a place for a key of weight 1 */

struct line {               /* zeroed is an empty one */
    struct line_key *first; /* by virtual time */
    struct line_key *free;
    uint64_t now;         /* virtual time of who went last */
    uint64_t deadline_ms; /* no waiter's is before this */
    uint32_t n;           /* who wait */
    uint32_t weight;      /* of the keys that wait, together */
};

void line_fini(struct line *l); /* nobody waits any more */
/* `w->wants` and `w->deadline_ms` are set. Weight: 1 or more. */
void line_join(struct line *l, struct waiter *w, uint64_t key, uint32_t weight);
/* Its place at the line is gone; harmless when it does not wait. */
void line_leave(struct line *l, struct waiter *w);
/* It got what it waited for: it leaves, and its key is charged. */
void line_serve(struct line *l, struct waiter *w);
/*
 * The next one that wants something of `room` and had no turn in this round; NULL: there is none.
 * It stays where it is, and has had its turn.
 */
struct waiter *line_next(struct line *l, uint64_t room, uint64_t round);
/* One whose deadline has passed; NULL: there is none. */
struct waiter *line_late(struct line *l, uint64_t now_ms);
static inline bool line_has(const struct waiter *w)
{
    return w->key != NULL;
}

#endif
