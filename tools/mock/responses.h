/*
 * responses - the mock's Responses API, whole and streamed.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference, "Responses" and "Streaming events".
 * Does not: keep responses (previous_response_id is echoed, nothing is looked up).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_RESPONSES_H
#define MOCK_RESPONSES_H

#include "tools/mock/answer.h"

void responses_answer(struct mock_call *call);

#endif
