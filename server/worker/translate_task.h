/*
 * translate_task - what is asked and answered in one piece, between dialects: embeddings, reranking,
 * token counts. A part of translate.c, which alone calls it.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * No events and no streams here: a body in, a body out. A count that the provider cannot be asked for
 * is estimated and answered on the spot. Does not: know wire formats (embed.h, rerank.h, count.h do).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TRANSLATE_TASK_H
#define WORKER_TRANSLATE_TASK_H

#include "providers/target.h"
#include "server/worker/request.h"

struct fail;
struct translation;

/* Which of them is it? OP_NONE: none, OP_EMBEDDINGS, OP_RERANK or OP_COUNT_TOKENS. */
enum path_op task_of(const struct request *r);
/* Do both ends have it? For counts the client's is enough. */
bool task_can(const struct request *r, enum dialect_id upstream);
/* 0; -1: the client's request is at fault (*err). Once. */
BF_MUST_CHECK int task_decode(struct request *r, struct translation *t, struct chat_error *err);
/* 0; -1: it cannot be said (*err). */
BF_MUST_CHECK int task_encode(struct request *r, struct translation *t,
                              const struct chat_target *target, struct buf *out,
                              struct chat_error *err);
/* A count that the provider cannot be asked for. */
bool task_is_estimate(const struct request *r, const struct translation *t);
/* Answers: STEP_DONE. */
enum step_result task_estimate(struct request *r, const struct translation *t);
/* The whole answer that is held, for the client; or why not. */
const struct fail *task_answer(struct request *r, struct translation *t);

#endif
