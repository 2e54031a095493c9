/*
 * settle - the end of every request: usage, counters, the record.
 *
 * Runs in:  worker.   Reads: nothing shared.   Writes: its slot; the record pipe (through report).
 * Runs once, before the answer's last byte is handed over, or when the client has gone. What the
 * provider did not tell is estimated from what was streamed and marked so; see README.md.
 * Does not: answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SETTLE_H
#define WORKER_SETTLE_H

#include "server/worker/request.h"

struct fail;

/* Idempotent. */
void settle(struct request *r);
/* A call that another one of the same request outran: it gets a record of its own, and is no failure. */
void settle_hedged(struct request *r);
/* An attempt that may have cost something is given up for another one: it gets a record of its own. */
void settle_abandoned(struct request *r, const struct fail *why);

#endif
