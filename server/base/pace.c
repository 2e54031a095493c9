#include "server/base/pace.h"

#include <time.h>

#include "server/base/clock.h"

#define LOOK_EVERY 16 /* pieces between two looks at the clock */

static _Thread_local struct {
    uint32_t work_us, rest_us; /* 0: not begun */
    uint32_t pieces;
    uint64_t begun_ns; /* the work since the last rest */
} paced;

void pace_begin(uint32_t work_us, uint32_t rest_us)
{
    paced.work_us = work_us;
    paced.rest_us = rest_us;
    paced.begun_ns = clock_mono_ns();
}

void pace_end(void)
{
    paced.work_us = 0;
}

void pace(void)
{
    struct timespec rest = {0, (long)paced.rest_us * 1000};

    if (paced.work_us == 0 || ++paced.pieces % LOOK_EVERY != 0)
        return;
    if (clock_mono_ns() - paced.begun_ns < paced.work_us * 1000ull)
        return;
    (void)nanosleep(&rest, NULL); /* shorter, when a signal comes: as well */
    paced.begun_ns = clock_mono_ns();
}
