/*
 * balance - pick one route among those that may serve a request.
 *
 * Runs in:  worker.   Reads: weights (seqlock), its own in-flight counts.   Writes: nothing shared.
 * Two draws weighted by configured x published weight, and of the two the one with less in flight
 * for its weight. Routes that are open, or were told to wait, are left out; if nothing else is left
 * the least bad one is tried: a wrong breaker must not turn into an outage. A row that cannot be
 * read consistently counts as last seen. Does not: resolve names, retry, know providers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_BALANCE_H
#define WORKER_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"

struct weight;
struct worker;

#define BALANCE_MAX                                                                                \
    128 /* routes weighed for one request; more are cut off by whoever gathers them */

struct balance_item {
    uint32_t row;    /* pub_route.row */
    uint64_t weight; /* configured; 0: only when nothing else is left */
    uint64_t spare;  /* the weight instead of it, once none of the others is left */
    uint32_t model;  /* sample_model: the row is for any; 0: it is this model's, or nobody asks */
};

/*
 * The share of the draw that a route gets: configured x published weight; 0 when it is left alone
 * now. `in_flight` is of the worker that asks.
 */
uint64_t balance_share(const struct weight *row, uint64_t configured, uint32_t in_flight,
                       uint64_t mono_ms);
/* What this worker knows of a row: as it reads now, else as it was seen last. */
void balance_look(struct worker *w, uint32_t row, struct weight *out);

/* For balance_item.model of a route for any model; 0 while no single model fares otherwise than its row. */
uint32_t balance_lane(const struct worker *w, struct str model);

/* What each of them gets of a draw now, all together; 0: only the least bad one is tried. */
uint64_t balance_shares(struct worker *w, const struct balance_item *items, size_t n,
                        uint64_t mono_ms, uint64_t out[BALANCE_MAX]);

/* Is any of them to be asked by its own right, not only because nothing else is left? n may be 0. */
bool balance_has_well(struct worker *w, const struct balance_item *items, size_t n,
                      uint64_t mono_ms);

/* The index of the chosen one; n must be 1 .. BALANCE_MAX. */
size_t balance_choose(struct worker *w, const struct balance_item *items, size_t n,
                      uint64_t mono_ms);

/*
 * The same one for the same number, as long as it is healthy: by rendezvous hashing with the configured
 * weights, so that a route more or less moves no one but those whom it takes or had.
 */
size_t balance_stick(struct worker *w, const struct balance_item *items, size_t n, uint64_t number,
                     uint64_t mono_ms);

#endif
