/*
 * latency - how long a route takes to its first byte: a histogram that fades, and its percentiles.
 *
 * Runs in:  aggregator, below health.c.   Reads, writes: the struct it is given, nothing else.
 * Sixteen buckets for each power of two, from LATENCY_UNIT_US on: a percentile is off by no more than
 * one bucket, 1/16 of its value, or LATENCY_UNIT_US where that is more. A sample is one increment. Every
 * LATENCY_HALF_MS, and when LATENCY_MOST samples are in it, all counts are halved, so that the last
 * hour or so counts, and of a busy route the last 16,000 to 32,000 answers.
 * An attempt that was given up while it was silent would have taken at least so long: it counts as that
 * when it is longer than the median, else it says too little. (Were it left out, a route that is
 * hedged at its p95 would lose its slowest answers from its history, and be hedged sooner and sooner.)
 * Does not: know routes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_LATENCY_H
#define AGGREGATOR_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/sample.h"
#include "shm/weights.h"

#define LATENCY_UNIT_US 64
#define LATENCY_PER_OCTAVE 16
#define LATENCY_BUCKETS 368 /* up to UINT32_MAX microseconds */
#define LATENCY_MOST 32768u
#define LATENCY_HALF_MS 600000ull
#define LATENCY_SEED_MOST 100u /* what a predecessor told counts as so many samples at most */

struct latency { /* zeroed: nothing was seen */
    uint64_t halve_at_ms;
    uint32_t n;
    uint32_t median_us; /* as told last; 0: not yet */
    bool is_new;        /* something was added since it was told */
    uint16_t counts[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint32_t us, uint64_t now_ms);
/* It was silent for so long, and then given up. */
void latency_add_at_least(struct latency *l, uint32_t us, uint64_t now_ms);
/*
 * Good answers count, and those that were given up for their silence. *l is made by the first one; free()
 * is its owner's.
 */
void latency_sample(struct latency **l, const struct sample *s, uint64_t now_ms);
/* Of what a predecessor told: its percentiles, good enough to go on with. Made, if it told any. */
void latency_seed(struct latency **l, const struct weight *told);
/* The value that `permille` of the samples do not exceed; 0: there are none. */
uint32_t latency_quantile_us(const struct latency *l, uint32_t permille);
/* Fade, and put the percentiles into *now; *was was told last. NULL: nothing is known. */
void latency_tell(struct latency *l, uint64_t now_ms, const struct weight *was, struct weight *now);
bool latency_is_same(const struct weight *a, const struct weight *b); /* their percentiles */

#endif
