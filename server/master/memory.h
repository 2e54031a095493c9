/*
 * memory - the regions: made new, or taken over from systemd's descriptor store.
 *
 * Runs in:  master, at its start.   Writes: the regions' headers; dead slots in live.
 * Counters, keys, weights and outboxes outlive a restart of the daemon when systemd kept their
 * memfds and this build lays them out the same way. Secrets are never kept. Does not: fill them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_MEMORY_H
#define MASTER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/notify.h"
#include "shm/region.h"

/* *out_fresh: false when they were taken over. Logs why kept ones were not usable. */
BF_MUST_CHECK int memory_open(struct passed *passed, struct regions *out, bool *out_fresh,
                              struct error *err);
/* Hand them to systemd to keep. */
void memory_store(const struct regions *r, const struct notify *n);
/* End the holds of a slot whose worker is dead, before it is wiped. Logs what was ended. */
void memory_recover(const struct regions *r, uint32_t slot);
void memory_close(struct regions *r);

#endif
