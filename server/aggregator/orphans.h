/*
 * orphans - workers that outlive the master, and what they leave behind.
 *
 * Runs in:  aggregator, when the master has died.   Reads: region live.   Writes: live and counters,
 * of slots whose worker has ended, and only then: until the master's death the MMU keeps this
 * process from it.   Does not: wait for workers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_ORPHANS_H
#define AGGREGATOR_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/region.h"

bool orphans_live(const struct region *live, uint64_t mono_ms);
/* No worker is left: the holds that they left open are returned or settled. Their records are in the
 * outboxes then. */
void orphans_recover(const struct regions *regions, uint64_t real_ms);

#endif
