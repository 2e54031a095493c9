/*
 * counts - how many tokens a request would be: count_tokens, countTokens, count-tokens, tokenize.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * The figures are those that usage would tell for the same texts. Does not: count media.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_COUNTS_H
#define MOCK_COUNTS_H

#include "tools/mock/answer.h"

void counts_answer(struct mock_call *call);

#endif
