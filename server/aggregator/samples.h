/*
 * samples - health samples in, weights out.
 *
 * Runs in:  aggregator.   Reads: sample pipes, region published.   Writes: region weights.
 * Keeps health.c up to date with the published routes, feeds it and publishes what it tells.
 * Does not: judge (health.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_SAMPLES_H
#define AGGREGATOR_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/tables.h"
#include "shm/region.h"

struct samples;

/* The regions and the counters must outlive it. */
struct samples *samples_create(const struct region *published, struct region *weights,
                               struct agg_counters *counters);
void samples_free(struct samples *s); /* takes NULL */

/* What came over a sample pipe: whole samples; a part of one at the end is garbage. */
void samples_feed(struct samples *s, const void *bytes, size_t len, uint64_t mono_ms);

/* A route was shut since the last publication: workers should hear of it at once. */
bool samples_are_urgent(const struct samples *s);

/*
 * Publish rows that changed, and that this process is alive. `all`: also those that only faded.
 * True: some rows will change by themselves.
 */
bool samples_publish(struct samples *s, bool all, uint64_t mono_ms);

#endif
