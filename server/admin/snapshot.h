/*
 * snapshot - what the workers' slots say now, copied for one answer.
 *
 * Runs in:  admin.   Reads: live, weights.   Writes: nothing.
 * Does not: format anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/layout.h"
#include "shm/live.h"
#include "shm/region.h"
#include "shm/stats.h"

#define SNAPSHOT_BEAT_MAX_MS 10000 /* ten missed heartbeats: the worker is stuck */

struct snapshot_worker {
    uint32_t slot, pid, state, restarts; /* state: enum slot_state */
    uint64_t generation, beat_age_ms, started_ms;
    uint64_t stats[STATS_N];
};

struct snapshot {
    uint32_t n;
    struct snapshot_worker workers[SLOTS_MAX]; /* slots that were ever used */
    uint64_t totals[STATS_N];                  /* over all of them */
};

struct snapshot_route {
    uint64_t in_flight, attempts, errors, tokens_in, tokens_out, first_byte_us_sum, total_us_sum;
};

struct snapshot_histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS], sum_us, count;
};

void snapshot_take(const struct region *live, uint64_t mono_ms, struct snapshot *out);
/* Sums over the slots of `s`. */
void snapshot_route(const struct region *live, const struct snapshot *s, uint32_t row,
                    struct snapshot_route *out);
void snapshot_histogram(const struct region *live, const struct snapshot *s,
                        enum stat_histogram which, struct snapshot_histogram *out);
const char *snapshot_state_name(uint32_t state);
/* A worker is there, or missing. A slot whose worker was retired counts in the totals only. */
bool snapshot_is_used(const struct snapshot_worker *w);

/*
 * May clients be sent here: something is published, a worker is ready, and each ready one uses
 * the current generation. A worker that is starting again does not take the whole gateway out.
 * `why` (of `room` bytes) says what is missing, or what is well.
 */
bool snapshot_is_ready(const struct snapshot *s, uint64_t generation, char *why, size_t room);

#endif
