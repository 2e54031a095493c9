/*
 * query_impl - what the files of query share.
 *
 * Runs in:  admin, inside query*.c only.   Reads, writes: see query.h.
 * Does not: mean anything to other files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_QUERY_IMPL_H
#define AGGREGATOR_QUERY_IMPL_H

#include <sys/types.h>

#include <lmdb.h>

#include "server/aggregator/query.h"
#include "server/base/base.h"
#include "server/base/error.h"

enum dbi { DBI_USAGE, DBI_LOG, DBI_SEQ, DBI_META, DBI_ACCOUNTS, DBI_SHADOWS, DBIS };

struct query {
    char path[512]; /* of the environment; empty: the state directory's name was too long */
    char file[528]; /* its data file */
    ino_t inode;    /* of the data file that is open */
    MDB_env *env;   /* NULL: not open */
    MDB_dbi dbi[DBIS];
    bool has_accounts; /* false: only an earlier version has written there */
    bool has_all;      /* ... likewise of those that came later */
};

/* 1: *out is a snapshot (query_end ends it); 0: there is no journal yet; -1 with *err. */
int query_begin(struct query *q, MDB_txn **out, struct error *err);
void query_end(struct query *q, MDB_txn *txn, size_t examined);

#endif
