/*
 * pipes - the two pipes of each slot, of which the master keeps both ends.
 *
 * Runs in:  master.   Reads, writes: nothing shared; it never reads from or writes to a pipe.
 * So a respawned aggregator finds what was sent to its predecessor, and no worker ever writes to a
 * pipe without a reader. Does not: know what is in them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_PIPES_H
#define MASTER_PIPES_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"

struct master;

/* Makes a slot's pipes unless it has them. */
BF_MUST_CHECK int pipes_open(struct master *m, uint32_t slot, struct error *err);
/* Hand the aggregator the read ends that it does not have yet; what does not go now goes later. */
void pipes_tell(struct master *m);
/* A new aggregator knows none. */
void pipes_forget(struct master *m);
void pipes_close(struct master *m);

#endif
