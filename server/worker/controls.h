/*
 * controls - what LiteLLM's users write into a body for the gateway, and no provider knows.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Below /litellm only; on every other path bytes stay as they came. The names are taken out of the
 * body before a provider sees it. Retries and time limits are heeded as far as the configuration
 * allows; where a client wants to be sent (api_base) or what it would pay with (api_key) never is.
 * What is not heeded is told in x-bf-fidelity. Does not: look below the top level of a body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CONTROLS_H
#define WORKER_CONTROLS_H

#include "providers/loss.h"
#include "server/worker/request.h"

struct controls {
    struct chat_loss ignored;
    uint32_t attempts_max; /* 0: not told */
    uint32_t timeout_ms;   /* 0: not told */
};

/* Is this request below /litellm? */
bool controls_are_asked(const struct http_exchange *ex);
/*
 * Take the names out of r->ex->body, which was found to be an object, and scan it anew if there were
 * any. STEP_FAIL when the request wants nothing ignored (x-bf-strict).
 */
enum step_result controls_take(struct request *r);
/* The client's own time limit, where it is shorter than the configured one. */
void controls_limit(const struct request *r, struct upstream_request *out);
/* How often to try at most, of `max` that the configuration allows. */
uint32_t controls_attempts(const struct request *r, uint32_t max);
/* Name what was ignored in an attempt's losses, or at home where there are no others. */
void controls_tell(const struct request *r, struct chat_loss *l);

#endif
