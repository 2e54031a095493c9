/*
 * totals - what the mock has generated, by model: the provider's side of every bill (GET /totals).
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * A call is counted when it is understood and once more when it ends: answered to its last byte,
 * cut by the mock, or left by its client. Tokens are those that its usage says, or would have said.
 * Does not: forget, unless it is told to (DELETE /totals).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_TOTALS_H
#define MOCK_TOTALS_H

#include <stdint.h>

#include "providers/chat.h"
#include "server/base/buf.h"
#include "server/base/str.h"
#include "tools/mock/journal.h"

#define TOTALS_MODELS 64u /* what comes on top is counted as "(other)" */

/* The model's row, for totals_end; never 0. */
uint32_t totals_begin(struct str model);
void totals_end(uint32_t row, enum journal_outcome outcome, const struct chat_usage *usage);
/* {"models":{"echo":{"calls":3,"answered":{"calls":2,"input":..,"output":..,"cached":..},...}}} */
void totals_format(struct buf *out);
void totals_clear(void);

#endif
