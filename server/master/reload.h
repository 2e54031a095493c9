/*
 * reload - SIGHUP and the API's reload: build, check, swap; on any failure nothing changes.
 *
 * Runs in:  master.   Reads: YAML.   Writes: what apply.h writes.
 * A reload waits three times without blocking: until a thread has loaded the file, before the swap until every worker has left the half that
 * will be written, after it until all have taken up the new one (and new workers are ready, when
 * listeners, TLS or the log level changed). Requests for a reload during one are one more reload
 * after it. Does not: lose a request: old workers drain.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"

struct master;
struct reload;

struct reload *reload_create(void);
void reload_free(struct reload *r); /* takes NULL */

/* Ask for one. `seq`: the admin's call to be answered when it is done; 0: nobody waits. */
void reload_ask(struct master *m, uint64_t seq);
/* Go on with it as far as possible. Returns when to look again, UINT64_MAX: when asked. */
uint64_t reload_tick(struct master *m, uint64_t now_ms);
/* A thread is loading: nothing may be forked now. */
bool reload_is_loading(const struct master *m);
/* The last one as a JSON object, or null. */
void reload_last(const struct master *m, struct buf *out);

#endif
