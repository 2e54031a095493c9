/*
 * translate - when client and provider speak different dialects: requests out, answers back.
 *
 * Runs in:  worker.   Reads: published (limits).   Writes: nothing shared.
 * The request is decoded once and encoded for each attempt. A streamed answer is translated event by
 * event, nothing held back but half a frame; a whole one is held until it is whole. What is said of a
 * provider's error is its own words in the client's dialect. Does not: know wire formats (dialect.h
 * does), send anything (relay.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TRANSLATE_H
#define WORKER_TRANSLATE_H

#include "providers/dialect.h"
#include "server/worker/request.h"

struct upstream_head;

/* Find out how the client speaks: once, when its body is there. */
void translate_meet(struct request *r);
/* The client's own wire format, for its answers and errors; NULL on paths that are nobody's. */
const struct dialect *translate_client(const struct request *r);
/* The header by which the client's SDK tells a request's id; empty: it knows none but ours. */
struct str translate_id_header(enum dialect_id dialect);
/* Would a face of this dialect be spoken to in the client's? Then the bytes stay as they are. */
bool translate_is_needed(const struct request *r, const struct vendor *vendor,
                         const struct vendor_face *face);
/* ... and can it be, when it is needed? */
bool translate_can(const struct request *r, const struct vendor *vendor,
                   const struct vendor_face *face);

/*
 * The body for r->attempt, into `out` (the request's buffers). STEP_NEXT, STEP_DONE (answered
 * without the provider: an estimate), or STEP_FAIL: the client's request is at fault, cannot be said, or would lose something that it does not want to lose.
 */
enum step_result translate_request(struct request *r, struct buf *out);
/* Another attempt begins beside one that is under way: what was decoded serves both. */
void translate_fork(struct request *r);
/* Does the client want a stream? After translate_request. */
bool translate_streams(const struct request *r);
/* The path below the face of the attempt, and its query if it has one. After translate_request. */
struct str translate_path(const struct request *r);
/* The x-bf-fidelity header of the answer. */
struct str translate_fidelity(struct request *r);
/* Does the client, or the owner of its key, want nothing lost? */
bool translate_is_strict(const struct request *r);

/* --- the answer (translate_answer.c); only when r->attempt.is_abroad --- */

/* The upstream's head has come and was kept: what sort of answer is it? */
void translate_head(struct request *r);
/* May what has come be handed on before the end? */
bool translate_is_streamed(const struct request *r);
/* Bytes of the provider's: what the client shall get is added to its buffers. -1: nonsense. */
BF_MUST_CHECK int translate_body(struct request *r, struct str bytes);
/*
 * The provider's answer is whole. NULL, and the rest of the client's is in its buffers; or why it
 * cannot be (r->fail_error is set when the provider said so itself). Once.
 */
const struct fail *translate_end(struct request *r);
/*
 * The last words of a stream that has begun, in the client's dialect: false when there is no such stream
 * under way.
 */
bool translate_break(struct request *r, const struct chat_error *err, struct buf *out);
/* The status that the client gets. */
int translate_status(const struct request *r);

#endif
