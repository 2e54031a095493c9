/*
 * guard - the step for guardrails: may this content pass? Between admission and the cache.
 *
 * Contract: sees the parsed request before anything is sent, and may let it pass (STEP_NEXT), wait
 * for a verdict (STEP_WAIT, and request_run when it is there) or refuse it (request_fail). It must
 * never block the worker, and a refusal costs no attempt. No guardrail can be configured yet, so
 * everything passes.
 */
#include "server/worker/request.h"

enum step_result guard_step(struct request *r)
{
    (void)r;
    return STEP_NEXT;
}
