/*
 * embed_cohere - the members of Cohere's embed, at Cohere (v2) and behind Bedrock (v1): embed.h.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * Does not: know the models' limits (96 texts a request).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef DIALECTS_EMBED_COHERE_H
#define DIALECTS_EMBED_COHERE_H

#include "providers/embed.h"

/* texts or images, input_type, ... without the model. */
BF_MUST_CHECK int embed_cohere_members(const struct chat_codec *c, const struct embed_ask *ask,
                                       struct chat_loss *loss, struct buf *out,
                                       struct chat_error *err);
/* `embeddings` as a list of floats or by type. */
BF_MUST_CHECK int embed_cohere_take(const struct chat_codec *c, const struct embed_ask *ask,
                                    struct str embeddings, struct embed_answer *out);

#endif
