/*
 * limits - budgets and limits of models, for everybody: which models, and the row of their owner.
 *
 * Runs in:  master (writes), workers and admin (read).   Region: published.
 * One small table under one seqlock, changed in place like the keys, so that a limit that the API
 * makes holds at once. A reader keeps a copy of its own and looks at one number to know that it is
 * still good. Does not: know what the limits are (owners.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LIMITS_H
#define SHM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/region.h"

#define MODEL_LIMITS_MAX 256 /* each request is compared with all of them */
#define MODEL_LIMIT_GLOB_MAX 248

struct model_limit {
    uint32_t owner; /* row (owners.h) */
    uint32_t len;
    char glob[MODEL_LIMIT_GLOB_MAX]; /* on provider/model */
};

/* A copy of the table. Zeroed: nothing was read yet. */
struct model_limits {
    uint32_t version; /* of what was copied */
    uint32_t half;    /* the other one is what a refresh writes: it may find half a table */
    uint32_t n;
    struct model_limit items[2][MODEL_LIMITS_MAX];
};

/*
 * Bring the copy up to date: one load when nothing has changed. When the table cannot be read (its
 * writer died in it) the copy stays as it was.
 */
void model_limits_refresh(const struct region *published, struct model_limits *copy);
/* Number 0 .. n-1, in the order of their globs. */
static inline const struct model_limit *model_limit_at(const struct model_limits *copy, uint32_t i)
{
    return &copy->items[copy->half & 1][i];
}
static inline struct str model_limit_glob(const struct model_limit *l)
{
    return (struct str){l->glob, l->len < MODEL_LIMIT_GLOB_MAX ? l->len : MODEL_LIMIT_GLOB_MAX};
}

/* --- writing (master) --- */

/* The whole table anew, sorted by glob; n <= MODEL_LIMITS_MAX. */
void model_limits_put(struct region *published, const struct model_limit *items, uint32_t n);

#endif
