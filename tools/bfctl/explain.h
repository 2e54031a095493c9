/*
 * explain - the answer of POST /api/explain as text.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared.
 * Does not: ask (explain.c), decide.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_EXPLAIN_H
#define BFCTL_EXPLAIN_H

#include "server/base/buf.h"
#include "server/base/json.h"

void explain_print(struct buf *b, const struct json *answer);

#endif
