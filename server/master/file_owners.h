/*
 * file_owners - customers, teams, model limits and providers with budgets, as the file declares them.
 *
 * Runs in:  master.   Reads: a checked configuration, LMDB config (which accounts they have).
 * Writes: LMDB config within the caller's transaction; then owner and account rows, the directory.
 * An id is a hash of kind and name, so that it stays the same over reloads and restarts. Planned while
 * the store's transaction is open; committed after it was, or aborted with it.
 * Does not: keys (keyring.h does), publish model limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_FILE_OWNERS_H
#define MASTER_FILE_OWNERS_H

#include <stdint.h>

#include "conf/config.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/money.h"

struct store;

struct file_item {
    struct place *place;
    bool is_new;
    uint64_t parent;
    struct rows_plan rows;
    const char *name; /* in the configuration */
    struct conf_origin origin;
};

struct file_plan {
    struct arena *arena;
    struct file_item *items;
    size_t n;
    struct place **gone;
    size_t n_gone;
    bool changed;            /* accounts were made or given up */
    uint32_t *provider_rows; /* by index in the configuration; ROW_NONE: no limits */
    uint32_t *target_rows;   /* of targets, model after model; likewise */
    size_t n_targets;
};

/* -1: nothing is taken; `out` needs no file_abort, only file_plan_fini. */
BF_MUST_CHECK int file_plan(struct money *m, const struct config *conf, struct store *s,
                            struct file_plan *out, struct error *err);
/*
 * Do they go beside what the API has? After the API's were loaded. With `may_orphan` (at a start) what
 * belongs to something that the file no longer has is refused later, by requests; else it is an error here.
 */
BF_MUST_CHECK int file_check(struct money *m, const struct file_plan *plan, bool may_orphan,
                             struct error *err);
void file_commit(struct money *m, struct file_plan *plan);
/* What the file no longer has; after the keys that belonged to it have changed. */
void file_drop_gone(struct money *m, struct file_plan *plan);
void file_abort(struct money *m, struct file_plan *plan);
void file_plan_fini(struct file_plan *plan); /* takes a zeroed one */

uint64_t file_id(enum place_kind kind, struct str name);
/* An owner that refuses all, for what belongs to something that is gone. */
BF_MUST_CHECK struct place *file_ghost(struct money *m, enum place_kind kind, uint64_t id,
                                       struct error *err);

/* --- which accounts a thing of the file has: table STORE_ACCOUNTS --- */

struct file_marks {
    struct str key; /* "key/<name>" */
    const char *kind;
    struct str name;
    const struct marks_part *parts;
    size_t n_parts;
    bool always; /* keep a row also without budgets: it says since when it is there */
};
BF_MUST_CHECK int file_marks(struct store *s, const struct file_marks *what, struct arena *a,
                             struct marks *out, uint64_t *out_created_ms, struct error *err);
/* It is gone: its accounts are given up. */
BF_MUST_CHECK int file_marks_drop(struct store *s, struct str key, struct error *err);

#endif
