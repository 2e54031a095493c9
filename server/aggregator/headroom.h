/*
 * headroom - how much is left of a limit, and what weight that leaves.
 *
 * Runs in:  aggregator, below health.c.   Reads, writes: the structs it is given, nothing else.
 * A limit is a bucket that fills again evenly. What a provider tells of it replaces what was thought;
 * what an operator declared (`capacity`) is counted here instead. While a fifth or more is left, nothing
 * changes; below, weight falls with what is left, so that traffic settles at what flows back in and
 * the limit is not met. Never to nothing: what is told may be wrong, and a real 429 says until when.
 * Does not: know routes, keys or names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_HEADROOM_H
#define AGGREGATOR_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/sample.h"

/* From here down weight falls. Of 500 a minute the last 100 are some ten seconds of warning. */
#define HEADROOM_FREE 0.2
#define HEADROOM_FLOOR 0.02
/* Limits that do not say when they are whole again are by the minute, as nearly all are. */
#define HEADROOM_MINUTE_MS 60000.0

struct bucket {
    double left, most; /* most 0: there is no such limit, or it is not known */
    double per_ms;     /* flows back in */
    uint64_t at_ms;    /* when `left` was right */
};

struct headroom {
    struct bucket requests, tokens;
};

/* What the operator says that a provider key can take; 0: nothing was said. */
struct headroom_capacity {
    uint64_t requests, requests_ms; /* so many in so many milliseconds */
    uint64_t tokens, tokens_ms;
};

/* What a provider told, if it did. What is older than what was told last is passed over. */
void headroom_told(struct headroom *h, const struct sample *s, uint64_t at_ms);
/* A capacity begins full; one that changes keeps what was used of it. */
void headroom_declare(struct headroom *h, const struct headroom_capacity *c);
/* One request, and its tokens, of what was declared. */
void headroom_use(struct headroom *h, const struct sample *s, uint64_t at_ms);
bool headroom_is_known(const struct headroom *h);
/* Of the scarcer limit, 0..1; 1: nothing is known. */
double headroom_share(const struct headroom *h, uint64_t now_ms);
double headroom_factor(double share); /* HEADROOM_FLOOR..1 */

#endif
