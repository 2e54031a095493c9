/* Long work rests when it was asked to, and only then. */
#include "tests/unit/unit.h"

#include <sys/time.h>

#include "server/base/clock.h"
#include "server/base/pace.h"

/* How often this thread gave its processor away in so much work. */
static long rests_in(uint32_t pieces)
{
    struct rusage before, after;

    (void)getrusage(RUSAGE_THREAD, &before);
    for (uint32_t i = 0; i < pieces; i++) {
        uint64_t until_ns = clock_mono_ns() + 2000;

        while (clock_mono_ns() < until_ns)
            continue;
        pace();
    }
    (void)getrusage(RUSAGE_THREAD, &after);
    return after.ru_nvcsw - before.ru_nvcsw;
}

static void who_did_not_begin_never_rests(void **state)
{
    (void)state;
    assert_int_equal(rests_in(640), 0);
}

static void who_began_rests_between_pieces(void **state)
{
    (void)state;
    pace_begin(20, 50);
    assert_true(rests_in(640) >= 20); /* 640 pieces of 2 us are at least 40 looks at the clock */
    pace_end();
    assert_int_equal(rests_in(640), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_did_not_begin_never_rests),
        cmocka_unit_test(who_began_rests_between_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
