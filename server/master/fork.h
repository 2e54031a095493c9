/*
 * fork - the child's side of a fork: drop what it does not need, become what it is.
 *
 * Runs in:  a child, before its own main.   Reads: the master's state, as a copy.
 * Every descriptor that is not this child's is closed, whoever opened it; secrets that it does not
 * need are unmapped or wiped from its copy of the memory. Does not: return.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_FORK_H
#define MASTER_FORK_H

#include "server/base/base.h"

struct child;
struct master;

BF_NORETURN void fork_run(struct master *m, const struct child *c, int control);

#endif
