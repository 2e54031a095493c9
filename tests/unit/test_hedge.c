/* Hedges: after how long, and how many. What becomes of the calls is in tests/flow/test_hedge.py. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/worker/hedge.h"
#include "shm/weights.h"

static const struct weight known = {.first_byte_n = 1000,
                                    .first_byte_p50_us = 100000,
                                    .first_byte_p90_us = 500000,
                                    .first_byte_p95_us = 1000000,
                                    .first_byte_p99_us = 5000000};

static uint64_t wait_of(uint32_t percentile, const struct weight *row)
{
    const struct attempt a = {.hedge_percentile = percentile};

    return hedge_wait_us(&a, row);
}

static void a_duration_needs_no_history(void **state)
{
    const struct attempt a = {.hedge_ms = 300};
    const struct weight nothing = {.first_byte_n = 0};

    (void)state;
    assert_int_equal(hedge_wait_us(&a, &nothing), 300000);
    assert_int_equal(hedge_wait_us(&a, &known), 300000);
}

static void percentiles_are_the_routes_own(void **state)
{
    (void)state;
    assert_int_equal(wait_of(50, &known), 100000);
    assert_int_equal(wait_of(90, &known), 500000);
    assert_int_equal(wait_of(95, &known), 1000000);
    assert_int_equal(wait_of(99, &known), 5000000);
    assert_int_equal(wait_of(70, &known), 300000);
    assert_int_equal(wait_of(97, &known), 3000000);
    for (uint32_t p = 51; p <= 99; p++)
        assert_true(wait_of(p, &known) > wait_of(p - 1, &known));
}

/* 20 answers, and two beyond the percentile. */
static void without_history_there_is_none(void **state)
{
    static const struct {
        uint32_t percentile, least;
    } cases[] = {{50, 20}, {90, 20}, {95, 40}, {98, 100}, {99, 200}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct weight row = known;

        row.first_byte_n = cases[i].least - 1;
        assert_int_equal(wait_of(cases[i].percentile, &row), 0);
        row.first_byte_n = cases[i].least;
        assert_true(wait_of(cases[i].percentile, &row) > 0);
    }
}

/* A region is shared memory: whatever stands there, the answer is a time. */
static void nonsense_in_a_row_is_harmless(void **state)
{
    const struct weight odd = {.first_byte_n = UINT32_MAX,
                               .first_byte_p50_us = UINT32_MAX,
                               .first_byte_p90_us = 5,
                               .first_byte_p95_us = UINT32_MAX,
                               .first_byte_p99_us = 0};

    (void)state;
    for (uint32_t p = 50; p <= 99; p++)
        assert_true(wait_of(p, &odd) <= UINT32_MAX);
}

/* However requests and wishes to hedge alternate, never more than the share. */
static void the_share_is_never_exceeded(void **state)
{
    static const uint32_t shares[] = {1, 500, 5000, 33333, 50000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        char name[16];
        struct str model;
        uint64_t hedges = 0;

        (void)snprintf(name, sizeof(name), "share-%zu", i);
        model = str_of(name);
        assert_false(hedge_may_spend(model));
        for (uint64_t n = 1; n <= 100000; n++) {
            hedge_save(model, shares[i]);
            while (n % 7 == 0 && hedge_may_spend(model)) {
                hedge_spend(model);
                hedges++;
            }
            assert_true(hedges * 100000 <= n * shares[i]);
        }
        assert_true(hedges + 5 >= shares[i]); /* ... and not much less */
    }
}

static void a_quiet_day_saves_little(void **state)
{
    uint32_t hedges = 0;

    (void)state;
    for (int i = 0; i < 100000; i++)
        hedge_save(STR("quiet"), 50000);
    while (hedge_may_spend(STR("quiet"))) {
        hedge_spend(STR("quiet"));
        hedges++;
    }
    assert_int_equal(hedges, HEDGE_SAVED_MAX);
}

/* More models than there are places: one may lose what it saved, none gets more than it did. */
static void many_models_share_the_places(void **state)
{
    uint32_t hedges = 0;

    (void)state;
    for (int turn = 0; turn < 10; turn++) {
        for (int i = 0; i < 5000; i++) {
            char name[16];

            (void)snprintf(name, sizeof(name), "many-%d", i);
            hedge_save(str_of(name), 10000);
            if (hedge_may_spend(str_of(name))) {
                hedge_spend(str_of(name));
                hedges++;
            }
        }
    }
    assert_true(hedges <= 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_needs_no_history),
        cmocka_unit_test(percentiles_are_the_routes_own),
        cmocka_unit_test(without_history_there_is_none),
        cmocka_unit_test(nonsense_in_a_row_is_harmless),
        cmocka_unit_test(the_share_is_never_exceeded),
        cmocka_unit_test(a_quiet_day_saves_little),
        cmocka_unit_test(many_models_share_the_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
