/*
 * health_row - a route's health in words.
 *
 * Runs in:  admin.   Reads: weights.   Writes: nothing.
 * Does not: judge; the aggregator did.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_HEALTH_ROW_H
#define ADMIN_HEALTH_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/writer.h"
#include "shm/region.h"
#include "shm/weights.h"

const char *health_row_state_name(uint32_t state); /* "healthy", "degraded", "open", "half_open" */

/* One moment by both clocks: rows are in monotonic time, people are not. */
struct health_clock {
    uint64_t mono_ms, real_ms;
};

/* Members of the open object: state, weight, why (reason, since when, until when), figures. */
void health_row_write(struct writer *w, const struct region *weights, uint32_t row,
                      struct health_clock now);

#endif
