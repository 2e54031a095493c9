/*
 * journal - the usage journal's life: opened, fed, committed in time, opened again when it failed.
 *
 * Runs in:  aggregator.   Reads: record bytes from pipes, outboxes.   Writes: the journal, and
 * through records.c what is stored in region weights.
 * A full disk, a full map or an unreadable file close the journal for a while: records stay in the
 * workers' outboxes, it is tried again each second and told loudly once a minute. Does not: poll.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_JOURNAL_H
#define AGGREGATOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/tables.h"
#include "server/base/str.h"
#include "shm/region.h"

/* A batch is committed when its first record has waited this long, or a fifth of what a power
 * failure may cost: each commit costs a sync of the disk, and totals that are a fifth of a second old
 * are new to people. */
#define JOURNAL_COMMIT_MS 200
#define JOURNAL_RETRY_MS 1000
#define JOURNAL_COMPLAIN_MS 60000
#define JOURNAL_TIDY_MS 1000 /* under load some megabytes of mapped pages come a second */

struct journal;

struct journal_options {
    const char *state_dir;
    uint64_t log_max_records, log_max_age_ms;
    uint64_t durability_ms; /* a settled record is on the disk this much later; 0: the default */
    bool strict; /* commit what there is at once, and tell the workers when it is on the disk */
};
#define JOURNAL_DURABILITY_MS 1000

/* The regions and the counters must outlive it. Never fails: it may begin closed. */
struct journal *journal_create(const struct journal_options *options, const struct region *live,
                               struct region *weights, struct agg_counters *counters);
void journal_free(struct journal *j); /* takes NULL; what is not committed is not kept */

bool journal_is_open(const struct journal *j);
/* What came over a slot's record pipe; only while it is open. */
void journal_feed(struct journal *j, uint32_t slot, struct str bytes);
/* Look into the outboxes for what is late. True: there is more, call again at once. */
bool journal_sweep(struct journal *j);
/* Whatever is due: commit, sync, retention, opening again. */
void journal_turn(struct journal *j, uint64_t mono_ms);
/* Monotonic ms at which journal_turn should be called; UINT64_MAX: nothing is due. */
uint64_t journal_due_ms(const struct journal *j);
/* Everything that is in the outboxes, committed and on the disk. False: it could not be done. */
bool journal_finish(struct journal *j);

#endif
