/*
 * reasoning - efforts and token budgets, both ways, by one written table.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * The table and where its figures come from are in providers/README.md. Does not: know models.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_REASONING_H
#define PROVIDERS_REASONING_H

#include <stdint.h>

#include "providers/chat.h"
#include "server/base/str.h"

/* Did the client say anything about it? */
bool reasoning_is_set(const struct chat_reasoning *r);
/* The effort it asked for, told or from its budget; EFFORT_UNSET: nothing was said. */
enum chat_effort reasoning_effort(const struct chat_reasoning *r);
/* The budget in tokens, told or from its effort, kept below max_tokens (0: unknown); 0: off; -1:
 * dynamic; BUDGET_UNSET: nothing was said. */
int64_t reasoning_budget(const struct chat_reasoning *r, uint64_t max_tokens);
enum chat_effort reasoning_parse(struct str escaped); /* "low", ...; EFFORT_UNSET: unknown word */
const char *reasoning_name(enum chat_effort e);       /* "low"; NULL for UNSET */

#endif
