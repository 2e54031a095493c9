/*
 * lanes - how one model fares on a route that serves any model.
 *
 * Runs in:  aggregator (writes), workers, admin (read).   Region: weights.
 * Providers limit a key model by model. A route of its own has its row for that (weights.h); the models of
 * a route for any model share a row, so a 429 for one of them would bench the others. What differs
 * from the row is kept here: by row and model, in a table of fixed size, only while it matters.
 * Does not: decide; aggregator/lane_book.c does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LANES_H
#define SHM_LANES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/region.h"
#include "shm/seqlock.h"

/* Clients may invent names of models: the table is full at some point, and the least urgent goes. */
#define LANES_MAX 2048u
#define LANES_PROBED 8u /* places where a lane may be */

struct lane_row { /* writer: aggregator.  readers: workers, admin. */
    struct seqlock lock;
    _Atomic uint32_t row;         /* pub_route.row */
    _Atomic uint32_t model;       /* sample_model; 0: nobody's */
    _Atomic uint32_t weight;      /* 0..WEIGHT_FULL: share of the row's weight */
    _Atomic uint64_t retry_at_ms; /* monotonic: not before; 0: at once */
    uint64_t reserved;
};
static_assert(sizeof(struct lane_row) == 32, "two in a line");

struct lane { /* a copy */
    uint32_t row, model, weight;
    uint64_t retry_at_ms;
};

/* The number of the place `i` < LANES_PROBED for this row and model. */
uint32_t lanes_place(uint32_t row, uint32_t model, uint32_t i);
bool lanes_are_used(const struct region *weights); /* one load: else nobody has to look */
/* False: there is none, or its writer is in it. */
BF_MUST_CHECK bool lanes_find(const struct region *weights, uint32_t row, uint32_t model,
                              struct lane *out);
BF_MUST_CHECK bool lanes_read(const struct region *weights, uint32_t place, struct lane *out);

/* --- writing (aggregator) --- */

void lanes_publish(struct region *weights, uint32_t place, const struct lane *lane);
void lanes_set_used(struct region *weights, uint32_t n);

#endif
