/*
 * embed - embeddings of Gemini, Cohere and Amazon Titan, and Cohere's rerank.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Wire: Gemini API ("Embeddings"), Cohere API ("v2/embed", "v2/rerank"), Bedrock user guide ("Titan
 * Text Embeddings"). OpenAI's are in media.h. Does not: read images.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_EMBED_H
#define MOCK_EMBED_H

#include <stdbool.h>

#include "tools/mock/answer.h"

#define EMBED_INPUTS_MAX 100 /* Gemini's bound of a batch; Cohere's is 96 */
#define EMBED_COHERE_MAX 96
#define RERANK_DOCUMENTS_MAX 1000

void embed_gemini(struct mock_call *call);
void embed_gemini_batch(struct mock_call *call);
void embed_cohere(struct mock_call *call);
void embed_titan(struct mock_call *call);
/* Is InvokeModel asked for an embedding? */
bool embed_is_titan(const struct mock_call *call);
void rerank_answer(struct mock_call *call);

#endif
