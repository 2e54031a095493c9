/*
 * usage_store - the writer of LMDB <state>/usage: totals, booked money, log and record numbers in
 * one transaction.
 *
 * Runs in:  aggregator.   Reads, writes: LMDB <state>/usage (tables.h).   A door to lmdb.
 * Records are added to an open transaction and summed in memory; a commit writes the sums, the
 * numbers, the counters and a slice of retention, and only then is anything of it true. Whatever
 * fails, everything since the last commit is undone and the environment must be opened again: the
 * records are still in the workers' outboxes.
 * Does not: log, know pipes or outboxes, wait for readers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_USAGE_STORE_H
#define AGGREGATOR_USAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/tables.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/record.h"

/* A batch: dirty pages are the heap's, some 300 bytes a record, so the count bounds memory. */
#define USAGE_BATCH_RECORDS 2048
#define USAGE_BATCH_SUMS 512    /* different rows of totals in one batch */
#define USAGE_BATCH_BOOKED 8192 /* different (account, window) after which a batch is full */
/* Different names a day; what comes on top is booked as "(other)" of its key and provider, so that
 * a client that makes up model names cannot fill the disk. */
#define USAGE_DAY_ROWS_MAX 100000
#define USAGE_OTHER_MODEL "(other)"
#define USAGE_DAYS_KEPT 400   /* a year, and the month to compare it with */
#define ACCOUNT_DAYS_KEPT 400 /* since the last booking of a window; then it has long ended */

struct usage_store_options {
    const char *state_dir;
    uint64_t boot_id;         /* of region live; numbers of other boots are forgotten */
    uint64_t log_max_records; /* 0: no log is kept */
    uint64_t log_max_age_ms;  /* 0: no limit by age */
    uint64_t map_bytes;       /* 0: enough for log_max_records of any size */
    uint32_t day_rows_max;    /* 0: USAGE_DAY_ROWS_MAX */
    bool strict;              /* what was committed is on the disk when the commit returns */
};

struct usage_store;

/* Opens (creates) the environment. `counters` goes on from what is stored, unless it has counted
 * commits itself; it must outlive the store. */
BF_MUST_CHECK int usage_store_open(const struct usage_store_options *options,
                                   struct agg_counters *counters, struct usage_store **out,
                                   struct error *err);
/* Nothing that is not committed is kept. Takes NULL. */
void usage_store_close(struct usage_store *s);

/* Number of the last record of the slot that is committed; 0: none of this boot. */
uint64_t usage_store_seq(const struct usage_store *s, uint32_t slot);

struct usage_entry {
    uint32_t slot;
    uint64_t seq;                /* grows within a slot */
    const struct record *record; /* NULL: it is not sound, only its number is noted */
    struct str bytes;            /* its encoding */
};

BF_MUST_CHECK int usage_store_add(struct usage_store *s, const struct usage_entry *entry,
                                  uint64_t real_ms, struct error *err);
uint32_t usage_store_pending(const struct usage_store *s); /* records in the open batch */
bool usage_store_is_full(const struct usage_store *s);     /* the batch: commit it now */
/* The batch, if any, and retention. 0: it is in the file, in the order that keeps it whole. */
BF_MUST_CHECK int usage_store_commit(struct usage_store *s, uint64_t real_ms, struct error *err);
/* Is there something that retention should remove though nothing new comes? */
bool usage_store_is_overdue(const struct usage_store *s, uint64_t real_ms);

/* What was committed is on the disk when it returns. Cheap when there is nothing new. */
BF_MUST_CHECK int usage_store_sync(struct usage_store *s, struct error *err);
bool usage_store_is_synced(const struct usage_store *s);

/* Readers that died without leaving, and mapped pages that only cost memory. For now and then. */
void usage_store_tidy(struct usage_store *s);

/* After a full map (after a full disk it would help nobody): delete old log rows in a transaction of
 * its own. */
bool usage_store_map_was_full(const struct usage_store *s);
BF_MUST_CHECK int usage_store_relieve(struct usage_store *s, struct error *err);

#endif
