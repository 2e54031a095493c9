/*
 * calls - what the admin process asks of the master, as JSON over its control socket.
 *
 * Runs in:  master.   Reads: the call's text, which is hostile like any peer's.   Writes: what the
 * call asks for (keyring.h, reload.h).
 * Each reply has "ok"; a failure has "kind" (not_found, conflict, invalid, read_only, full,
 * internal) and "error". Does not: decide who may ask (admin does), speak HTTP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_CALLS_H
#define MASTER_CALLS_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

struct master;

/* False: the answer comes later (a reload); `out` is then empty. */
bool calls_answer(struct master *m, uint64_t seq, struct str text, struct buf *out);

/*
 * A piece of `text` from `offset` on whose JSON form fits one message; never cut inside a
 * character. *next: where the rest begins, or text.len.
 */
struct str calls_piece(struct str text, uint64_t offset, uint64_t *next);

#endif
