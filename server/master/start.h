/*
 * start - from options to running children: every step once, in its order.
 *
 * Runs in:  master.   Reads: YAML, environment.   Writes: directories, regions, LMDB config.
 * What needs root comes before privileges are dropped; LMDB is closed before the first fork.
 * Does not: wait for the children (master.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_START_H
#define MASTER_START_H

#include "server/base/base.h"
#include "server/base/error.h"

struct master;

#define EXIT_CONFIG 1
#define EXIT_USAGE 2
#define EXIT_MACHINE 3

/* 0, or the exit status with the reason in *err. */
BF_MUST_CHECK int start_run(struct master *m, struct error *err);
/* Give back everything; children are gone. */
void start_undo(struct master *m);

#endif
