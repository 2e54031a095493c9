/*
 * rules - routing rules of the published configuration, by id or name.
 *
 * Runs in:  admin.   Reads: published.   Writes: nothing shared.
 * Does not: change any (the master does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_RULES_H
#define ADMIN_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/call.h"
#include "server/admin/exchange.h"
#include "server/base/str.h"
#include "shm/published.h"

/* What is published now; NULL: answered. */
const struct pub_view *rules_view(struct exchange *ex);
/* By id, else by name: its place in the order in which rules are tried, from 0. */
BF_MUST_CHECK bool rules_find(const struct pub_view *v, struct str wanted, uint32_t *out);
/* Ask the master for a change: `id` empty, `json` empty: none. */
void rules_call(struct exchange *ex, const char *op, struct str id, const char *member,
                struct str json, call_fn *fn);

#endif
