/*
 * chat - the mock's chat completions and legacy completions, whole and streamed.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference, "Chat completions", "Completions", their streaming objects.
 * Does not: decide what is said (speech.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_CHAT_H
#define MOCK_CHAT_H

#include "tools/mock/answer.h"

#define CHAT_CHOICES_MAX 128 /* OpenAI's own limit of `n` */

void chat_answer(struct mock_call *call);
void completions_answer(struct mock_call *call);

#endif
