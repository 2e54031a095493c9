/*
 * entity_walk - through the master's entities, page by page, for one answer.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * A message of the master has at most 128 KiB, so a page of the API is some calls. It ends when it
 * is full, or after WALK_CALLS_MAX calls or WALK_MS: then the cursor says where to go on, also when
 * a filter has let nothing through yet. So a list of a million costs each caller little at a time,
 * and the master is free between two calls. Cursors are the master's, with the kind in front when a
 * walk goes over several. Does not: know how a row looks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ENTITY_WALK_H
#define ADMIN_ENTITY_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/entity.h"

#define WALK_CALLS_MAX 64
#define WALK_MS 1000

struct entity_walk;

/* Of each entity, in order. */
typedef void walk_entity_fn(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                            const struct json *entity);
/* The walk is over: finish the exchange. */
typedef void walk_end_fn(struct entity_walk *walk, struct exchange *ex);

struct entity_walk {
    /* the caller's wishes */
    enum entity_kind kinds[ENTITY_KINDS];
    size_t n_kinds;
    struct str filter; /* JSON object for the master; empty: none */
    bool with_hashes;  /* keys: "hash" with each */
    struct str cursor; /* where to begin; moves on */
    uint64_t skip;     /* entities to pass over first */
    uint64_t limit;    /* entities wanted behind them */
    walk_entity_fn *on_entity;
    walk_end_fn *on_end;
    void *ctx;

    /* what came out */
    bool is_done; /* nothing is left; else `cursor` goes on */
    uint64_t n_given, n_skipped;
    bool has_total; /* nobody counts through a filter until the end was seen */
    uint64_t total;

    /* its own */
    bool is_whole; /* it began at the beginning */
    size_t at_kind;
    uint32_t n_calls;
    uint64_t begun_ms;
};

/* `walk` lies in the exchange's arena. Goes on in callbacks. */
void entity_walk_start(struct exchange *ex, struct entity_walk *walk);
/* The cursor to give out; "" at the end. */
struct str entity_walk_next(struct exchange *ex, const struct entity_walk *walk);

#endif
