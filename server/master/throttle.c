#include "server/master/throttle.h"

#include "server/base/base.h"

uint64_t throttle_death(struct throttle *t, bool served)
{
    uint64_t wait;

    if (served) {
        t->failures = 0;
        return 0;
    }
    /* Past the sixth doubling the limit holds anyway. */
    wait = (uint64_t)THROTTLE_FIRST_MS << min_u64(t->failures, 6);
    if (t->failures < UINT32_MAX)
        t->failures++;
    return min_u64(wait, THROTTLE_MAX_MS);
}
