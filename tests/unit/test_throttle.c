#include "server/master/throttle.h"
#include "tests/unit/unit.h"

static void one_that_served_is_replaced_at_once(void **state)
{
    struct throttle t = {0};

    (void)state;
    assert_int_equal(throttle_death(&t, true), 0);
    assert_int_equal(throttle_death(&t, true), 0);
}

static void each_failure_doubles_the_wait_up_to_a_limit(void **state)
{
    struct throttle t = {0};
    uint64_t before = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        uint64_t wait = throttle_death(&t, false);

        assert_in_range(wait, THROTTLE_FIRST_MS, THROTTLE_MAX_MS);
        assert_true(wait >= before);
        assert_true(wait == THROTTLE_MAX_MS || before == 0 || wait == 2 * before);
        before = wait;
    }
    assert_int_equal(before, THROTTLE_MAX_MS);
}

static void a_good_life_forgives(void **state)
{
    struct throttle t = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        (void)throttle_death(&t, false);
    assert_int_equal(throttle_death(&t, true), 0);
    assert_int_equal(throttle_death(&t, false), THROTTLE_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_served_is_replaced_at_once),
        cmocka_unit_test(each_failure_doubles_the_wait_up_to_a_limit),
        cmocka_unit_test(a_good_life_forgives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
