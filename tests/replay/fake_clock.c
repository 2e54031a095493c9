#include "server/base/clock.h"

#include "tests/replay/fake.h"

#define REAL_OFFSET_MS 1800000000000u /* 2027 */

uint64_t clock_mono_ns(void)
{
    return fake_now_us * 1000;
}

uint64_t clock_mono_ms(void)
{
    return fake_now_us / 1000;
}

uint64_t clock_real_ms(void)
{
    return REAL_OFFSET_MS + fake_now_us / 1000;
}
