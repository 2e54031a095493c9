/*
 * layout - the numbers, the header and the region table that every process agrees on.
 *
 * Runs in:  every process.   Reads, writes: nothing itself.
 * Regions are memfds by writer (published, secrets: master; weights: aggregator; live: workers;
 * counters: all workers, by compare-and-swap), so
 * that the MMU enforces "one writer". No pointers in them: indexes, and offsets from the region's
 * start. Fixed-width types; no bool, no enum, no long, no mutex. Does not: map anything (region.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/base/base.h"

/* Bumped by hand whenever a struct in a region changes; the list of changes ends this file. */
#define SHM_LAYOUT 6
#define SHM_MAGIC 0x6e69666f77424621ull /* "!FBowfin" */

/* Regions are sparse: what is not used costs address space only, so the limits are generous. */
#define SLOTS_MAX 128          /* workers, old and new ones together during a replacement */
#define PROVIDERS_MAX 1024     /* configured vendor accounts */
#define PROVIDER_KEYS_MAX 8192 /* credentials over all providers */
#define ROUTES_MAX 16384       /* target + provider key: rows that are balanced and judged */
#define MODELS_MAX 16384       /* names that clients may use beside provider/model */
#define TARGETS_MAX 32768      /* targets over all models */
#define KEYS_MAX (1u << 21)    /* virtual keys */
#define TOKENS_MAX 1024        /* credentials that have to be fetched */
#define QUEUES_MAX 512         /* of waiting requests: models with their own, and everybody's */

enum region_kind {
    REGION_PUBLISHED,
    REGION_SECRETS,
    REGION_WEIGHTS,
    REGION_LIVE,
    REGION_TOKENS,
    REGION_COUNTERS,
    REGION_KINDS
};

/* The first bytes of each region. Written once by the master before any fork. */
struct region_header {
    uint64_t magic;
    uint32_t layout;     /* SHM_LAYOUT */
    uint32_t kind;       /* enum region_kind */
    uint64_t layout_sum; /* from the sizes of all structs, at compile time */
    uint64_t bytes;      /* of the whole region */
    uint64_t boot_id;    /* random; the same in the regions of one creation */
    uint64_t created_ms; /* real time */
    uint64_t reserved[2];
};
static_assert(sizeof(struct region_header) == CACHE_LINE, "one line");
static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "needed across processes");

/*
 * History. 1: first. 2: region counters, owners and accounts, holds in the slots, prices.
 * 3: percentiles in the rows of weights. 4: headroom and lanes there. 5: the debt of
 * retries before the slots. 6: the hash of the admin token,
 * more accounts in a hold.
 */

#endif
