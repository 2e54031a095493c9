/*
 * records - usage records from the workers to the journal, each exactly once.
 *
 * Runs in:  aggregator.   Reads: record pipes, outboxes (region live).   Writes: the journal
 * (usage_store), and per slot in region weights what is safe.
 * Numbers of a slot have no gaps. One that was seen is dropped; when one is missing, it and what
 * follows is read from the outbox; what a pipe brings after that is known already. So it does not
 * matter what was lost, repeated or garbled on the way. A number is told to be stored only after
 * its commit.
 * Does not: wait, log, retry by itself (aggregator.c opens the journal again).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_RECORDS_H
#define AGGREGATOR_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/tables.h"
#include "server/aggregator/usage_store.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/region.h"

/* A record that the outbox has for this long and the pipe has not brought is fetched. */
#define RECORDS_LATE_MS 250
/* Bytes fetched from outboxes in one go, so that weights are published in time meanwhile. */
#define RECORDS_FETCH_BYTES (2u << 20)

struct records;

/* The regions, the store and the counters must outlive it. Begins behind what is stored. */
struct records *records_create(const struct region *live, struct region *weights,
                               struct usage_store *store, struct agg_counters *counters);
void records_free(struct records *r); /* takes NULL */

/* What came over the pipe of a slot. -1: the journal failed and must be opened again. */
BF_MUST_CHECK int records_feed(struct records *r, uint32_t slot, struct str bytes, uint64_t real_ms,
                               struct error *err);

/*
 * Fetch what is late from all outboxes; `all`: whatever is there, late or not. 1: there is more than
 * one go may take, call again soon; 0: that was all; -1 as above.
 */
BF_MUST_CHECK int records_sweep(struct records *r, bool all, uint64_t mono_ms, uint64_t real_ms,
                                struct error *err);

/* Commit the batch and tell the workers. */
BF_MUST_CHECK int records_commit(struct records *r, uint64_t real_ms, struct error *err);

#endif
