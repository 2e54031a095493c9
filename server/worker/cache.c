/*
 * cache - is there an answer already? Between the guardrails and the choice of a route.
 *
 * Contract: on a hit it answers through http_start and http_send, sets r->usage and says STEP_DONE,
 * so that settle still books the request; on a miss it says STEP_NEXT and may keep what relay passes.
 * A key's models were checked before (admit), so a hit never shows what a key may not use. No cache
 * can be configured yet, so everything is a miss.
 */
#include "server/worker/request.h"

enum step_result cache_step(struct request *r)
{
    (void)r;
    return STEP_NEXT;
}
