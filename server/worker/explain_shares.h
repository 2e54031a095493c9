/*
 * explain_shares - who of a name's routes would get a request, and with what likelihood.
 *
 * Runs in:  admin, tests.   Reads: weights.   Writes: what is explained.
 * Where a model's shares are dealt out and nothing is told of the caller, each side is looked at as if
 * the caller were on it, and counts by its share: so a canary of 20% is told as 20%, not as what a
 * random number made of it.
 * Does not: know money (explain.c has asked for it before), choose for a real request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_EXPLAIN_SHARES_H
#define WORKER_EXPLAIN_SHARES_H

#include <stdbool.h>

struct candidates;
struct request;

/* Is it a matter of chance on which side of the name's shares the request is? */
bool explain_is_random(const struct request *r);
/* Fill in shares, chances and sides of the current name's routes, which are those of `found`. */
void explain_shares(struct request *r, const struct candidates *found);

#endif
