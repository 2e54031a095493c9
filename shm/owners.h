/*
 * owners - who has budgets and limits, and what they are: customers, teams, keys, a key's providers.
 *
 * Runs in:  master (writes), workers and admin (read).   Region: published.
 * An owner is a row that names its accounts (a budget or a limit each) and its parent: key -> team ->
 * customer. An account is a row that says how much in which window; what has been used of it lies in
 * region `counters` at the same index (ledger.h), so that workers can add there and nobody but the
 * master can change a limit. A request walks from its key upwards and copies what it needs.
 * Rows are changed in place under their seqlock: a limit changes for every worker at once.
 * Does not: know names, keys or prices.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_OWNERS_H
#define SHM_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/region.h"

#define OWNERS_MAX (1u << 22)
#define ACCOUNTS_MAX (1u << 22)
#define OWNER_ACCOUNTS_MAX 8 /* of one owner: budgets and limits together */
#define OWNER_DEPTH_MAX 4    /* a walk upwards ends here, whatever the rows say */
#define ROW_NONE 0u /* rows 0 are never used: "none" in every index of owners or accounts */

enum owner_kind {
    OWNER_FREE,
    OWNER_CUSTOMER,
    OWNER_TEAM,
    OWNER_KEY,
    OWNER_KEY_PROVIDER, /* a provider inside a key */
    OWNER_PROVIDER,     /* a provider, for everybody */
    OWNER_MODEL,        /* a model, for everybody */
    OWNER_TARGET,       /* a provider's model, by its name, for everybody */
    OWNER_KINDS
};

enum account_kind {
    ACCOUNT_FREE,
    ACCOUNT_BUDGET,      /* nano-dollars in a window */
    ACCOUNT_REQUESTS,    /* in a sliding window */
    ACCOUNT_TOKENS,      /* in and out together, likewise */
    ACCOUNT_TOKENS_IN,   /* likewise */
    ACCOUNT_TOKENS_OUT,  /* likewise */
    ACCOUNT_CONCURRENCY, /* requests at the same time; no window */
    ACCOUNT_KINDS
};

/* When a budget begins anew. */
struct window {
    uint32_t calendar;  /* a row of calendar.h whose limits it follows; ROW_NONE: it rolls */
    uint32_t period;    /* enum window_period (calendar.h), for people */
    uint64_t anchor_ms; /* rolling: real time at which number 0 began */
    uint64_t length_ms; /* rolling, and of sliding limits */
};

#define OVERSHOOT_AUTO UINT64_MAX /* likely cost is held; what runs beyond it is cut (ledger.h) */

struct account {
    uint32_t index; /* its row, here and in region counters */
    uint32_t kind;  /* enum account_kind */
    uint32_t owner; /* row */
    uint32_t owner_kind;
    uint64_t id;        /* never used twice: what the journal books to */
    uint64_t limit;     /* nano-dollars, requests, tokens, or requests at the same time */
    uint64_t overshoot; /* budgets: nano-dollars beyond the limit; 0: none; OVERSHOOT_AUTO */
    struct window window;
};

struct owner {
    uint32_t index;
    uint32_t kind; /* enum owner_kind */
    uint32_t flags;
    uint32_t parent; /* row of an owner; ROW_NONE */
    uint64_t id;     /* of the entity: the same as in the API */
    uint32_t n_accounts;
    uint32_t accounts[OWNER_ACCOUNTS_MAX]; /* rows */
};
#define OWNER_BLOCKED 1u /* refuses every request below it */

/* --- reading --- */

/* False: there is none, or it could not be read consistently (its writer died or sleeps in it): an
 * account that an owner names and that cannot be read is one that refuses. Bounded; never blocks. */
BF_MUST_CHECK bool owner_read(const struct region *published, uint32_t index, struct owner *out);
BF_MUST_CHECK bool account_read(const struct region *published, uint32_t index,
                                struct account *out);
uint32_t owners_high(const struct region *published); /* rows ever used, row 0 included */
uint32_t accounts_high(const struct region *published);

/* --- writing (master) --- */

struct owner_table; /* private memory: free rows */

/* Takes over what the regions hold. `live` is only read: rows that an open hold names are not given
 * away (ledger.h). The regions must outlive it. */
struct owner_table *owner_table_open(struct region *published, struct region *counters,
                                     const struct region *live);
void owner_table_close(struct owner_table *t); /* takes NULL; the regions are left as they are */

/* A row for an owner or account of this content (index is filled in). -1: full. The counters of a new
 * account are 0. */
BF_MUST_CHECK int owner_table_add(struct owner_table *t, struct owner *owner, struct error *err);
BF_MUST_CHECK int account_table_add(struct owner_table *t, struct account *account,
                                    struct error *err);
/* Replace the row `index` says; an account keeps its kind, id and counters. */
void owner_table_put(struct owner_table *t, const struct owner *owner);
void account_table_put(struct owner_table *t, const struct account *account);
/* The row is free at once for readers, and given away again when no hold names it. */
void owner_table_remove(struct owner_table *t, uint32_t index);
void account_table_remove(struct owner_table *t, uint32_t index);

#endif
