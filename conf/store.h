/*
 * store - the LMDB environment `config`: what the file said last, what the API created, stable
 * numbers.
 *
 * Runs in:  master only.   Reads, writes: <state>/config (LMDB).   One of the doors to lmdb.
 * Opened for the length of a load or a change and closed again; the master never forks while it is
 * open. Entities of the file are a mirror (replaced at each load, not synced: the file is the
 * record); what has origin `api` is the record itself and is on disk before the call returns.
 * Does not: know shared memory or JSON; values are the encodings given by the caller or below.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_STORE_H
#define CONF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

struct store;

/* Opens (creates) <state_dir>/config. Anything not sound in it is an error naming the path. */
BF_MUST_CHECK int store_open(const char *state_dir, struct store **out, struct error *err);
void store_close(struct store *s); /* takes NULL */

/*
 * One write transaction at a time; nothing is visible or kept before commit. With `sync` it is on
 * disk before the call returns; without, a power failure may undo it, but never harms what was
 * synced. Reads outside of one see the last commit.
 */
BF_MUST_CHECK int store_begin(struct store *s, struct error *err);
BF_MUST_CHECK int store_commit(struct store *s, bool sync, struct error *err);
void store_abort(struct store *s); /* harmless when none is open */

/* Tables. Keys are at most 511 bytes. Values are borrowed until the transaction's next change. */
enum store_table {
    STORE_FILE,  /* "provider/openai", "key/<name>", ...: what the file declared, as JSON without
                    secrets */
    STORE_KEYS,  /* uint64_t id (big endian): virtual keys of origin api, encoded by the caller */
    STORE_INDEX, /* "route/...", "provider/...": stable number, uint32_t */
    STORE_META,  /* "version"; "mirror": what the last change of STORE_FILE is known by */
    STORE_CUSTOMERS, /* id (big endian): of origin api, as the keys; likewise the next two */
    STORE_TEAMS,
    STORE_LIMITS,
    STORE_ACCOUNTS, /* "key/<name>", ...: which accounts the file's owners have */
    STORE_ONCE,     /* answers that are given again to who asks again */
    STORE_RULES,    /* id (big endian): routing rules of origin api, as JSON */
    STORE_TABLES
};
BF_MUST_CHECK int store_put(struct store *s, enum store_table t, struct str key, struct str value,
                            struct error *err);
BF_MUST_CHECK int store_delete(struct store *s, enum store_table t, struct str key,
                               struct error *err); /* deleting what is not there is fine */
/* 1 found, 0 not, -1 error. */
BF_MUST_CHECK int store_get(struct store *s, enum store_table t, struct str key, struct str *out,
                            struct error *err);
/* Each row in key order until fn returns false. fn may not change the table. */
typedef bool store_row_fn(void *ctx, struct str key, struct str value);
BF_MUST_CHECK int store_each(struct store *s, enum store_table t, store_row_fn *fn, void *ctx,
                             struct error *err);
struct store_rows {
    enum store_table table;
    struct str prefix; /* those whose keys start with it */
};
BF_MUST_CHECK int store_each_below(struct store *s, const struct store_rows *rows, store_row_fn *fn,
                                   void *ctx, struct error *err);

/*
 * The stable number of an identity ("route/openai/main/gpt-4o"), below `limit`; a new identity
 * takes the lowest number not in use by others of its kind (the text up to the first slash). Needs
 * a write transaction.
 */
BF_MUST_CHECK int store_number(struct store *s, struct str identity, uint32_t limit, uint32_t *out,
                               struct error *err);
/* Give back the numbers under `prefix` whose identity `keep` refuses. */
typedef bool store_keep_fn(void *ctx, struct str identity);
BF_MUST_CHECK int store_retire(struct store *s, struct str prefix, store_keep_fn *keep, void *ctx,
                               struct error *err);

#endif
