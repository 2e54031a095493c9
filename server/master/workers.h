/*
 * workers - how many workers there are, and the change from old ones to new ones.
 *
 * Runs in:  master.   Reads: slots in region live.   Writes: nothing shared.
 * Workers of one epoch inherited the same listeners. New ones take the lowest free slots; old ones
 * drain when the new ones are ready. Does not: fork (spawn.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"

struct master;

/* Start or drain until `settings.workers` of the current epoch are wanted. */
BF_MUST_CHECK int workers_adjust(struct master *m, uint64_t now_ms, struct error *err);
/* Are all that are wanted ready, and have they taken up the current generation? */
bool workers_are_current(const struct master *m);
/* Has every worker that reads the regions taken up the current generation? If not, who. */
bool workers_have_acked(const struct master *m, char who[32]);
/* Drain those of earlier epochs. */
void workers_retire(struct master *m, uint64_t now_ms);
/* The new epoch did not come up: end its workers and keep the older ones. */
void workers_give_up(struct master *m);
uint32_t workers_running(const struct master *m);

#endif
