/*
 * rows - an owner's budgets and limits as rows of the shared tables.
 *
 * Runs in:  master.   Reads: rules of a configuration or entity.   Writes: owner and account rows,
 * calendars (region published).
 * A change is planned first: new rows are taken, which nobody knows of yet, and everything that can
 * fail has failed. Then it is committed, which cannot fail, or aborted. So what the store has on disk is
 * what the rows become, and a reader never sees half of it.
 * Does not: know names; store anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_ROWS_H
#define MASTER_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/money.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/marks.h"
#include "shm/owners.h"

struct rows {
    struct region *published;
    struct owner_table *table;
};

struct want_owner {
    uint32_t kind;   /* enum owner_kind */
    uint32_t flags;  /* OWNER_* */
    uint32_t parent; /* row */
    uint64_t id;
    struct str part;                /* as in marks.h */
    const struct conf_rules *rules; /* NULL: none */
};

struct rows_plan {
    uint32_t row; /* the owner's, from now on; ROW_NONE: it needs none */
    uint32_t old; /* that it had */
    struct owner owner;
    struct account put[OWNER_ACCOUNTS_MAX]; /* that are there and change */
    uint32_t n_put;
    uint32_t added[OWNER_ACCOUNTS_MAX], n_added;
    uint32_t gone[OWNER_ACCOUNTS_MAX], n_gone;
};

/* Does `row` say exactly this? For the many that a reload does not change. */
bool rows_are(const struct rows *r, uint32_t row, const struct want_owner *want);
/* A key without rules and parent needs no row; others always have one. */
bool rows_needed(const struct want_owner *want);
/* -1: full, or a time zone that is none; nothing is taken then. */
BF_MUST_CHECK int rows_plan(const struct rows *r, uint32_t row, const struct want_owner *want,
                            const struct marks *marks, struct rows_plan *out, struct error *err);
void rows_commit(const struct rows *r, const struct rows_plan *plan);
/* After nobody points to it any more: what the plan makes superfluous. */
void rows_clean(const struct rows *r, const struct rows_plan *plan);
void rows_abort(const struct rows *r, const struct rows_plan *plan);
void rows_remove(const struct rows *r, uint32_t row); /* with its accounts; ROW_NONE is fine */

/* The account that is a rule of the owner in `row`; false: it is not there. */
bool rows_budget(const struct rows *r, uint32_t row, const struct conf_budget *b,
                 struct account *out);
bool rows_limit(const struct rows *r, uint32_t row, const struct conf_limit *l,
                struct account *out);
bool rows_concurrency(const struct rows *r, uint32_t row, struct account *out);

#endif
