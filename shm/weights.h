/*
 * weights - what the aggregator tells the workers: a row per route, and what it has stored.
 *
 * Runs in:  aggregator (writes), everyone (reads).   Region: weights.
 * Row numbers are pub_route.row. A row that was never published reads as full weight, healthy, so a
 * gateway without an aggregator balances by the configured weights alone.
 * Does not: decide; aggregator/health.c does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_WEIGHTS_H
#define SHM_WEIGHTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/layout.h"
#include "shm/region.h"
#include "shm/seqlock.h"

#define WEIGHT_FULL 10000

enum route_state { ROUTE_HEALTHY, ROUTE_DEGRADED, ROUTE_OPEN, ROUTE_HALF_OPEN };

struct weight_row { /* writer: aggregator.  readers: all. */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t weight;        /* 0..WEIGHT_FULL: share of the configured weight */
    _Atomic uint32_t state;         /* enum route_state */
    _Atomic uint32_t reason;        /* enum sample_outcome that weighed most, 0 none */
    _Atomic uint32_t first_byte_us; /* decayed mean */
    _Atomic uint32_t total_us;
    _Atomic uint32_t error_permyriad; /* decayed share of our upstream's faults */
    _Atomic uint32_t requests_per_min;
    _Atomic uint64_t changed_ms;  /* monotonic: last change of state */
    _Atomic uint64_t retry_at_ms; /* monotonic: not before (Retry-After, or the breaker's end) */
    _Atomic uint64_t samples;     /* ever seen */
    /* The second line: to the first byte, of the last hour or so (aggregator/latency.h). */
    _Alignas(CACHE_LINE) _Atomic uint32_t first_byte_n; /* samples behind the percentiles */
    _Atomic uint32_t first_byte_p50_us, first_byte_p90_us, first_byte_p95_us, first_byte_p99_us;
    _Atomic uint32_t
        headroom; /* of its limits, 0..WEIGHT_FULL; WEIGHT_FULL too when none is known */
};
static_assert(sizeof(struct weight_row) == 2 * CACHE_LINE, "what balance reads is in the first");

struct weight { /* a copy */
    uint32_t weight, state, reason, first_byte_us, total_us, error_permyriad, requests_per_min;
    uint64_t changed_ms, retry_at_ms, samples;
    uint32_t first_byte_n, first_byte_p50_us, first_byte_p90_us, first_byte_p95_us,
        first_byte_p99_us;
    uint32_t headroom;
};

/* What a choice needs of a row: it lies in one line, and is looked at for every route. */
struct weight_now {
    uint32_t weight, state, error_permyriad;
    uint64_t retry_at_ms;
};

/* True: *out is consistent. False: the writer is in the row or died there; keep what you had. */
BF_MUST_CHECK bool weights_glance(const struct region *weights, uint32_t row,
                                  struct weight_now *out);
BF_MUST_CHECK bool weights_read(const struct region *weights, uint32_t row, struct weight *out);
void weights_publish(struct region *weights, uint32_t row, const struct weight *w); /* aggregator */

/*
 * Per worker slot: the number of the last usage record that is safe in LMDB; the worker's outbox
 * forgets up to it (live.h, outbox.h).
 */
uint64_t weights_stored(const struct region *weights, uint32_t slot);
void weights_set_stored(struct region *weights, uint32_t slot, uint64_t seq); /* aggregator */

/* Monotonic ms of the last publication: how stale the rows are. */
uint64_t weights_beat_ms(const struct region *weights);
void weights_set_beat(struct region *weights, uint64_t mono_ms); /* aggregator */

#endif
