/* When tokens are renewed, and when a failure is tried again. */
#include "tests/unit/unit.h"

#include "server/credential/account.h"

static void renewals_come_in_time(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 1000; random++) {
        uint64_t ms = account_renew_in_ms(0, 3600000, random);

        assert_in_range(ms, 2520000, 2700000); /* 70 to 75 % */
        /* the successor comes to the same time, by its own chance */
        assert_in_range(account_renew_in_ms(1000000, 2600000, random), 1520000, 1700000);
    }
    assert_int_equal(account_renew_in_ms(3500000, 100000, 7), 1000);
    assert_int_equal(account_renew_in_ms(3600000, 0, 7), 0);
    assert_in_range(account_renew_in_ms(0, 100, 7), 1000, 1000);
}

static void retries_come_later_each_time(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 1000; random++) {
        assert_in_range(account_retry_in_ms(1, random), 500, 1000);
        assert_in_range(account_retry_in_ms(2, random), 1000, 2000);
        assert_in_range(account_retry_in_ms(4, random), 4000, 8000);
        assert_in_range(account_retry_in_ms(100, random), 30000, 60000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewals_come_in_time),
        cmocka_unit_test(retries_come_later_each_time),
    };

    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
