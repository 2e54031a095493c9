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

/* --- explain_manners.c, for explain_print.c --- */

#define LABEL "%-10s "
#define INDENT "           " /* as wide */

const struct json *explain_first(const struct json *object, const char *name);
bool explain_has(const struct json *object, const char *name); /* a list with items */
void explain_clean(struct buf *b, struct str text);
void explain_list(struct buf *b, const struct json *list); /* "a, b" */
/* Patience, hedge, session, queue, shadow, fallbacks for refusals, shares of the callers. */
void explain_print_manners(struct buf *b, const struct json *name);

void explain_put_queue(struct buf *b, const struct json *queue, const char *whose);

#endif
