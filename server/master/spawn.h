/*
 * spawn - fork, reap, start again, stop: the children one by one.
 *
 * Runs in:  master.   Writes: slots in region live that have no worker.
 * A dead worker's slot is wiped, its last words are logged and another one is started in the same
 * slot: at once when it had served, later each time when it had not (throttle.h). Does not: decide
 * how many there should be (workers.h) or when the daemon ends (master.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"

struct child;
struct master;

void spawn_init(struct master *m);
/* Fork it now. -1: no process could be had. */
BF_MUST_CHECK int spawn_start(struct master *m, struct child *c, struct error *err);
/* TERM, and KILL when it is still there after `grace_ms`. Harmless when it is not running. */
void spawn_stop(struct child *c, uint64_t grace_ms, uint64_t now_ms);
void spawn_kill(struct child *c);
/* After SIGCHLD: who died, and what follows from it. */
void spawn_reap(struct master *m, uint64_t now_ms);
/* What is due: new starts, children that hang, overdue ends. Returns when to look again. */
uint64_t spawn_tick(struct master *m, uint64_t now_ms);
void spawn_ready(struct master *m, struct child *c, uint64_t now_ms);

bool spawn_is_running(const struct child *c);
const char *spawn_name(const struct child *c, char out[32]); /* "worker/3" */
const char *spawn_role(const struct child *c);               /* "worker" */

#endif
