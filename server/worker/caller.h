/*
 * caller - what of a request tells its sender or session, as one number.
 *
 * Runs in:  worker.   Reads: published (which header, field or key to look at).   Writes: nothing shared.
 * Numbers are the same in every worker and after a restart, so that one sender meets the same side of
 * a canary, and one session the same route, wherever its connection ends up. They are no secret and
 * protect nothing. Looked up once for a name; a model without shares and affinity costs one branch.
 * Does not: choose (candidates.c, balance.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CALLER_H
#define WORKER_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

struct pub_model;
struct pub_target;
struct request;

#define CALLER_BYTES_MAX 1024 /* of a value; what is behind it does not count */

struct caller {
    uint64_t generation; /* of the image, when `model` was looked at; 0: none was */
    uint32_t model;
    uint64_t sticky;   /* by which shares are dealt out; a random one where nothing is told */
    bool is_random;    /* `sticky`: nothing is told */
    uint64_t affinity; /* 0: none, or nothing is told */
};

/* The request's numbers for the model that it was resolved to; `m` is that one. */
const struct caller *caller_of(struct request *r, const struct pub_model *m);
/* On which side of the model's shares is it? 0: that of the targets without one. */
uint32_t caller_side(const struct request *r, const struct pub_model *m, uint64_t sticky);

#endif
