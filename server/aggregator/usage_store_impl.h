/*
 * usage_store_impl - what the files of usage_store share.
 *
 * Runs in:  aggregator, inside usage_store*.c only.   Reads, writes: see usage_store.h.
 * Does not: mean anything to other files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_USAGE_STORE_IMPL_H
#define AGGREGATOR_USAGE_STORE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <lmdb.h>

#include "server/aggregator/booked.h"
#include "server/aggregator/sums.h"
#include "server/aggregator/usage_store.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/layout.h"

#define NO_KEY UINT64_MAX

enum dbi { DBI_USAGE, DBI_ACCOUNTS, DBI_LOG, DBI_SEQ, DBI_META, DBI_SHADOWS, DBIS };
static_assert(DBIS == TABLES_MAX, "as the admin process expects");

struct usage_store {
    struct usage_store_options options;
    char path[512];
    MDB_env *env;
    MDB_dbi dbi[DBIS];
    bool in_batch;
    MDB_txn *txn;    /* of the batch */
    MDB_cursor *log; /* of the batch */
    struct sums *sums;
    struct booked *booked;
    struct agg_counters *counters;
    struct agg_counters saved; /* as they were when the batch began */
    uint64_t seq[SLOTS_MAX];   /* committed */
    uint64_t batch_seq[SLOTS_MAX];
    uint32_t pending, added;
    uint64_t last_key, batch_last_key; /* of the log */
    uint64_t oldest_key;               /* NO_KEY: the log is empty */
    uint64_t log_rows;
    uint32_t day, day_rows; /* new rows of `usage` since that day began */
    uint32_t pruned_on;     /* day on which old days were removed last */
    /* Old windows are looked for in a walk over all accounts, a slice a commit, once a day. */
    uint32_t windows_pruned_on;
    struct booking windows_pruned; /* the walk goes on behind this one */
    bool is_synced;
    bool map_was_full; /* the reason of a failure */
};

static inline MDB_val val(const void *p, size_t len)
{
    /* LMDB does not write through it */
    return (MDB_val){len, (void *)(uintptr_t)p};
}

/* Opens the environment and loads what the struct keeps of it. */
BF_MUST_CHECK int store_env_open(struct usage_store *s, struct error *err);

/* The first or last key of the log, and its row. An LMDB code. */
int store_log_end(MDB_cursor *c, MDB_cursor_op which, uint64_t *out, MDB_val *row);

/* A batch is a write transaction with a cursor on the log. Each undoes it when it fails. */
BF_MUST_CHECK int store_batch_begin(struct usage_store *s, struct error *err);
BF_MUST_CHECK int store_batch_end(struct usage_store *s, struct error *err);
void store_batch_abort(struct usage_store *s); /* harmless when there is none */
/* Undo, and say what happened. Returns -1. */
int store_failed(struct usage_store *s, int rc, const char *what, struct error *err);

/* Within a batch: rows too many, rows too old, days too old, a slice of each. LMDB codes. */
int store_retain_log(struct usage_store *s, uint64_t slice, uint64_t too_many, uint64_t real_ms);
int store_prune_days(struct usage_store *s, uint64_t real_ms);
int store_prune_windows(struct usage_store *s, uint64_t real_ms);
/* Likewise: what the batch books, and what leaves the log. After retention. */
int store_write_booked(struct usage_store *s);
/* Likewise: a shadow's record adds to its comparison; others' do nothing. */
int store_add_shadow(struct usage_store *s, const struct record *r, uint64_t ms);
#define STORE_RETAIN_SLICE 256 /* rows deleted by a commit on top of twice what it added */

#endif
