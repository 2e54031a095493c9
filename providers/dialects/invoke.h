/*
 * invoke - Bedrock's InvokeModel: bodies of the model's own vendor in AWS's framing.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Clients only: of providers, Bedrock is called by Converse. Bodies and answers of Claude are those of
 * Anthropic's Messages (with anthropic_version, without model and stream), those of Amazon Titan Text
 * as the Bedrock user guide has them. A stream is an event stream of `chunk` messages,
 * {"bytes":"<the inner event in base64>"}; errors are Converse's.
 * Does not: know embeddings, or other vendors' bodies (they pass at home).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef DIALECTS_INVOKE_H
#define DIALECTS_INVOKE_H

#include <stddef.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/str.h"

/* Make a chunk of the inner event that stands in `out` from `at` on. */
void invoke_chunk(struct buf *out, size_t at, struct arena *scratch);
/* "amazon-bedrock-invocationMetrics", a member of the last inner event. */
void invoke_write_metrics(struct buf *out, const struct chat_usage *usage);

/* At home, whatever vendor's the model is. */
bool invoke_is_preamble(struct str payload);
void invoke_look_chunk(struct str payload, struct chat_seen *seen, struct chat_usage *usage);
void invoke_look_answer(struct str body, struct chat_usage *usage);

#endif
