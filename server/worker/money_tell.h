/*
 * money_tell - what a client is told of its limits and of what its request has cost.
 *
 * Runs in:  worker.   Reads: counters.   Writes: nothing shared.
 * On every answer to a key with sliding limits: the tightest one of requests and of tokens, in the
 * names of the client's dialect (OpenAI's, or Anthropic's). The provider's own headers of these names
 * speak of an account that all clients share, so they do not pass beside ours. Cost and what is left
 * of the budgets: where `x-bf-want: cost, budget` asks for it, as headers where they are known before the
 * answer begins, else as a comment at the end of a stream of events.
 * Does not: refuse (refusal.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_MONEY_TELL_H
#define WORKER_MONEY_TELL_H

#include "server/worker/request.h"

#define MONEY_HEADERS_MAX 14

/* At most MONEY_HEADERS_MAX. */
size_t money_headers(struct request *r, struct http_header *out);
/* Does this header of the provider's not pass? */
bool money_hides(const struct request *r, struct str name);
/* At the end of a stream, settled: what was asked for, if the stream has room for it. */
void money_tell(struct request *r);

#endif
