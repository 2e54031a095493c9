/*
 * map - where things lie inside each region.
 *
 * Runs in:  every process, behind the functions of shm/: no other folder includes it.
 * Reads, writes: nothing itself.   Does not: check anything (region.h, published.h, keys.h do).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_MAP_H
#define SHM_MAP_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/calendar.h"
#include "shm/keys.h"
#include "shm/lanes.h"
#include "shm/layout.h"
#include "shm/limits.h"
#include "shm/live.h"
#include "shm/owner_names.h"
#include "shm/owners.h"
#include "shm/published.h"
#include "shm/region.h"
#include "shm/retries.h"
#include "shm/seqlock.h"
#include "shm/tokens.h"
#include "shm/weights.h"

#define PAGE_BYTES 4096

/* --- region published --- */

#define KEY_INDEX_MIN_LOG2 10 /* the smallest index: 8 KiB, good for 512 keys */
#define KEY_INDEX_MAX_LOG2 22 /* KEYS_MAX entries at half load */
#define KEY_INDEX_SLOTS (1u << KEY_INDEX_MAX_LOG2)
static_assert(KEYS_MAX <= KEY_INDEX_SLOTS / 2, "an index is at most half full");

#define KEY_INLINE_WORDS 5   /* short texts lie in the entry itself and cost no third cache miss */
#define KEY_BLOB_UNIT 64u    /* the smallest blob; `blob` counts in these */
#define KEY_BLOB_CLASSES 9   /* 64 bytes .. KEY_BLOB_MAX */
#define KEY_BLOBS (1u << 25) /* units: 2 GiB of address space */
static_assert(KEY_BLOB_UNIT << (KEY_BLOB_CLASSES - 1) == KEY_BLOB_MAX, "the largest class");

static_assert(KEY_BLOB_MAX <= UINT16_MAX, "lengths have 16 bits");

#define KEY_BLOB_INLINE UINT32_MAX

struct key_entry { /* writer: master.  readers: workers, admin. */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t flags;   /* KEY_* */
    _Atomic uint64_t id;      /* 0: free */
    _Atomic uint64_t hash[4]; /* SHA-256, eight bytes a word */
    _Atomic uint64_t expires_ms;
    _Atomic uint64_t created_ms;
    _Atomic uint32_t blob;  /* KEY_BLOB_INLINE, or units from the blob area's start */
    _Atomic uint32_t owner; /* row (owners.h); ROW_NONE */
    _Atomic uint16_t blob_class;
    _Atomic uint16_t name_len, models_len, hint_len, scope_len; /* one behind the other */
    _Atomic uint16_t reserved[3];
    _Atomic uint64_t words[KEY_INLINE_WORDS]; /* the texts when they fit */
};
static_assert(sizeof(struct key_entry) == 128, "two lines");

struct calendar_copy {
    _Atomic uint32_t first, n;
    _Atomic uint64_t even_ms; /* all windows are this long; 0: they are as their bounds say */
    _Atomic uint64_t bounds[CALENDAR_BOUNDS];
};

struct calendar_row {                           /* writer: master.  readers: workers, admin. */
    _Alignas(CACHE_LINE) _Atomic uint32_t turn; /* copy turn & 1 is current */
    _Atomic uint32_t period;
    _Atomic uint64_t zone[8];
    struct calendar_copy copies[2];
};

struct limits_shared { /* limits.h; one lock: it is small and seldom written */
    struct seqlock lock;
    _Atomic uint32_t n;
    _Atomic uint64_t words[MODEL_LIMITS_MAX][sizeof(struct model_limit) / 8];
};

/* Whom budgets and limits belong to, and what they are: owners.h. */
struct owner_row { /* writer: master.  readers: workers, admin. */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t kind; /* enum owner_kind; OWNER_FREE: free */
    _Atomic uint32_t flags, parent;
    _Atomic uint64_t id;
    _Atomic uint32_t n_accounts;
    _Atomic uint32_t accounts[OWNER_ACCOUNTS_MAX];
};
static_assert(sizeof(struct owner_row) == CACHE_LINE, "one row, one line");

struct account_row { /* writer: master.  readers: workers, admin. */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t kind; /* enum account_kind; ACCOUNT_FREE: free */
    _Atomic uint32_t owner, owner_kind;
    _Atomic uint64_t id; /* 0: free */
    _Atomic uint64_t limit, overshoot;
    _Atomic uint32_t calendar, period;
    _Atomic uint64_t anchor_ms, length_ms;
};
static_assert(sizeof(struct account_row) == CACHE_LINE, "one row, one line");

struct owner_name_row { /* writer: master.  readers: workers, admin.  owner_names.h */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t len;
    _Atomic uint64_t words[OWNER_NAME_MAX / 8];
};
static_assert(sizeof(struct owner_name_row) == 2 * CACHE_LINE, "two lines");

struct published_shared {
    struct region_header header;
    _Alignas(CACHE_LINE) _Atomic uint64_t generation; /* half is generation & 1; 0: none */
    /* Which of the two index areas is in use and how large it is: key_index.h. 0: none yet. */
    _Alignas(CACHE_LINE) _Atomic uint64_t key_index;
    _Atomic uint32_t keys_high;                  /* entries ever used */
    _Atomic uint32_t keys_count;                 /* entries in use */
    _Atomic uint32_t blobs_high;                 /* units ever used */
    _Atomic uint32_t calendars_high;             /* rows ever used */
    _Atomic uint32_t owners_high, accounts_high; /* likewise; row 0 is none of them */
    _Alignas(CACHE_LINE) struct limits_shared limits;
    _Alignas(PAGE_BYTES) uint8_t halves[2][PUBLISHED_HALF_BYTES];
    _Alignas(PAGE_BYTES) _Atomic uint64_t index[2][KEY_INDEX_SLOTS];
    _Alignas(PAGE_BYTES) struct key_entry entries[KEYS_MAX];
    _Alignas(PAGE_BYTES) _Atomic uint64_t blobs[KEY_BLOBS][KEY_BLOB_UNIT / 8];
    _Alignas(PAGE_BYTES) struct calendar_row calendars[CALENDARS_MAX];
    _Alignas(PAGE_BYTES) struct owner_row owners[OWNERS_MAX];
    _Alignas(PAGE_BYTES) struct account_row accounts[ACCOUNTS_MAX];
    _Alignas(PAGE_BYTES) struct owner_name_row owner_names[OWNERS_MAX];
};

/* --- region secrets --- */

struct secrets_shared {
    struct region_header header;
    uint64_t used[2]; /* bytes of each half that may hold secrets */
    _Alignas(PAGE_BYTES) uint8_t halves[2][SECRETS_HALF_BYTES];
};

/* --- region weights --- */

struct weights_shared {
    struct region_header header;
    _Alignas(CACHE_LINE) _Atomic uint64_t beat_ms;
    _Alignas(CACHE_LINE) _Atomic uint64_t stored[SLOTS_MAX];
    struct weight_row rows[ROUTES_MAX];
    _Alignas(CACHE_LINE) _Atomic uint32_t lanes_used; /* 0: nobody has to look */
    _Alignas(CACHE_LINE) struct lane_row lanes[LANES_MAX];
};

/* --- region live --- */

struct live_shared {
    struct region_header header;
    struct retries retries; /* of all workers */
    _Alignas(PAGE_BYTES) struct slot slots[SLOTS_MAX];
};

/* --- region counters --- */

/* Changed by one 16-byte compare-and-swap: ledger.c; rates.c lays them out otherwise. */
struct counter {
    _Alignas(16) uint64_t amount;
    uint64_t tag; /* slot, operation, window */
};

struct counter_row {                             /* of the account with the same index */
    _Alignas(CACHE_LINE) struct counter used[2]; /* the two latest windows */
    struct counter worst[2];                     /* budgets with a stated overshoot */
};
static_assert(sizeof(struct counter_row) == CACHE_LINE, "one row, one line");

struct counters_shared {
    struct region_header header;
    /* [by][of]: the last operation of slot `of` that slot `by` saw in a counter and replaced */
    _Alignas(PAGE_BYTES) _Atomic uint64_t seen[SLOTS_MAX][SLOTS_MAX];
    _Alignas(PAGE_BYTES) struct counter_row rows[ACCOUNTS_MAX];
};

/* --- region tokens --- */

struct tokens_shared {
    struct region_header header;
    struct token_row rows[TOKENS_MAX];
};

#endif
