/*
 * loading - a reload's file becomes a configuration in a thread of its own.
 *
 * Runs in:  master.   Reads: YAML, environment, certificates.   Writes: private memory.
 * A file of 100,000 keys takes a while, and longer on a machine that is busy with clients: the
 * thread goes behind them (priority.h), and the master's own one goes on reaping, beating and
 * answering. The thread has nothing of the master's but the path and the command line, which never
 * change, and what it makes is looked at when it has ended: no lock, nothing shared.
 * Nothing may be forked while there is one: the child would keep its half-made configuration.
 * Does not: open LMDB, touch a region, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_LOADING_H
#define MASTER_LOADING_H

#include <stdbool.h>

#include "server/base/base.h"
#include "server/base/error.h"

struct config;
struct loading;
struct options;

/* Both arguments must outlive it. */
BF_MUST_CHECK int loading_start(const char *path, const struct options *options,
                                struct loading **out, struct error *err);
/* False: not yet. */
BF_MUST_CHECK bool loading_is_done(struct loading *l);
/* What it came to, once it is done: apply_load's result. It is freed and set to NULL. */
BF_MUST_CHECK int loading_take(struct loading **l, struct config **out, struct error *err);
void loading_free(struct loading *l); /* takes NULL; waits for the thread */

#endif
