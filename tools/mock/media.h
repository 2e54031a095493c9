/*
 * media - the mock's embeddings, moderations, images and audio: small and always the same.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference, the sections of the same names.
 * Does not: compute anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_MEDIA_H
#define MOCK_MEDIA_H

#include "tools/mock/answer.h"

#define EMBEDDING_INPUTS_MAX 2048 /* OpenAI's own limit */

void embeddings_answer(struct mock_call *call);
void moderations_answer(struct mock_call *call);
void images_answer(struct mock_call *call);
void speech_answer(struct mock_call *call);        /* text to sound */
void transcription_answer(struct mock_call *call); /* sound to text: multipart */

#endif
