/*
 * lists - the mock's models in each dialect's own list, and what it says to relayed calls.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Wire: the vendors' references, "Models", "Files", "Batches". Does not: run batches, or keep what
 * other dialects than OpenAI's upload.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_LISTS_H
#define MOCK_LISTS_H

#include "tools/mock/answer.h"

/* `tail`: behind "/models": empty, or "/NAME". */
void lists_models(struct mock_call *call, struct str tail);
/* Files, batches and whatever else is relayed: an object of the dialect that tells what came. */
void lists_relay(struct mock_call *call);

#endif
