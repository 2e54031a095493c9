/*
 * rule_calls - the API makes, changes and takes away routing rules.
 *
 * Runs in:  master.   Reads, writes: LMDB config (rules).
 * A rule is checked by the file's own table (a condition's fault has its column), and must lead to a
 * name that there is; then it is on disk, then in the image, then on every worker, then answered. The
 * file's rules are only read. Does not: list them, admin reads them where the workers do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_RULE_CALLS_H
#define MASTER_RULE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/json.h"

struct master;

/* True: it was one of these calls. *is_answered: `out` has the reply; else it comes later. */
bool rule_answer(struct master *m, uint64_t seq, const struct json *call, struct arena *a,
                 struct buf *out, bool *is_answered);

#endif
