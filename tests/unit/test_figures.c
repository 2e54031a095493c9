/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/health_tools.h"

static void test_callers_faults_change_nothing(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_CALLER_FAULT, 1000, T0);
    put(h, 0, SAMPLE_CLIENT_GONE, 1000, T0);
    tick(h, T0 + 250);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[0].error_permyriad, 0);
    assert_int_equal(told[0].samples, 2000);
}

static void test_one_fault_is_not_an_outage(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_UPSTREAM_ERROR, 1, T0);
    tick(h, T0 + 250);
    assert_int_not_equal(told[0].state, ROUTE_OPEN);
    assert_in_range(told[0].weight, WEIGHT_FULL / 3, WEIGHT_FULL - 1);
    /* and it is forgotten without any traffic */
    tick(h, T0 + 10 * HEALTH_HALF_LIFE_MS);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_in_range(told[0].weight, WEIGHT_FULL - 10, WEIGHT_FULL);
}

static void test_a_rare_fault_leaves_it_healthy(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_OK, 99, T0);
    put(h, 0, SAMPLE_TIMEOUT, 1, T0);
    tick(h, T0 + 250);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_in_range(told[0].error_permyriad, 85, 100);
    assert_int_equal(told[0].weight, WEIGHT_FULL); /* as often as anybody's */
}

static void test_faults_in_a_row_open_it(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_OK, 1000, T0);
    put(h, 0, SAMPLE_CONNECT, HEALTH_OPEN_RUN - 1, T0);
    tick(h, T0 + 1);
    assert_int_not_equal(told[0].state, ROUTE_OPEN);
    put(h, 0, SAMPLE_CONNECT, 1, T0 + 2);
    tick(h, T0 + 3);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    assert_int_equal(told[0].weight, 0);
    assert_int_equal(told[0].reason, SAMPLE_CONNECT);
    assert_int_equal(told[0].retry_at_ms, T0 + 2 + HEALTH_OPEN_MS);
    /* its sibling is not touched */
    assert_int_equal(told[1].weight, WEIGHT_FULL);
}

static void test_an_answer_breaks_the_row_of_faults(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_OK, 1000, T0);
    for (int i = 0; i < 20; i++) {
        put(h, 0, SAMPLE_CONNECT, HEALTH_OPEN_RUN - 1, T0);
        put(h, 0, SAMPLE_CALLER_FAULT, 1, T0);
    }
    tick(h, T0 + 1);
    assert_int_not_equal(told[0].state, ROUTE_OPEN);
}

static void test_more_than_half_opens_it(void **state)
{
    struct health *h = *state;

    /* never five in a row */
    for (int i = 0; i < 10; i++) {
        put(h, 0, SAMPLE_OK, 1, T0);
        put(h, 0, SAMPLE_CUT, 2, T0);
    }
    tick(h, T0 + 1);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    assert_int_equal(told[0].reason, SAMPLE_CUT);
}

static void test_probes_close_it(void **state)
{
    struct health *h = *state;
    uint64_t at = T0 + HEALTH_OPEN_MS;

    open_row(h, 0, T0);
    tick(h, at - 1);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    tick(h, at);
    assert_int_equal(told[0].state, ROUTE_HALF_OPEN);
    assert_int_equal(told[0].weight, HEALTH_PROBE_WEIGHT);
    put(h, 0, SAMPLE_OK, HEALTH_PROBES - 1, at + 100);
    tick(h, at + 101);
    assert_int_equal(told[0].state, ROUTE_HALF_OPEN);
    put(h, 0, SAMPLE_OK, 1, at + 102);
    tick(h, at + 103);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[0].weight, WEIGHT_FULL / 10); /* a slow start */
    /* the old faults do not open it at the next one */
    put(h, 0, SAMPLE_UPSTREAM_ERROR, 1, at + 104);
    tick(h, at + 105);
    assert_int_not_equal(told[0].state, ROUTE_OPEN);
}

static void test_a_failed_probe_doubles_the_back_off(void **state)
{
    struct health *h = *state;
    uint64_t at = T0;
    uint64_t expected = HEALTH_OPEN_MS;

    open_row(h, 0, at);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(told[0].retry_at_ms, at + expected);
        at += expected;
        tick(h, at);
        assert_int_equal(told[0].state, ROUTE_HALF_OPEN);
        at += 10;
        put(h, 0, SAMPLE_CONNECT, 1, at);
        tick(h, at);
        assert_int_equal(told[0].state, ROUTE_OPEN);
        expected = min_u64(2 * expected, HEALTH_OPEN_MAX_MS);
    }
    assert_int_equal(expected, HEALTH_OPEN_MAX_MS);
}

static void test_what_began_before_it_opened_is_no_probe(void **state)
{
    struct health *h = *state;

    open_row(h, 0, T0);
    for (int i = 0; i < 2 * HEALTH_PROBES; i++) {
        struct sample s = sample_of(0, SAMPLE_OK, T0 + 1000);

        s.total_us = 2000000; /* under way when it opened */
        assert_int_equal(health_sample(h, &s, T0 + 1000), HEALTH_TAKEN);
    }
    tick(h, T0 + 1001);
    assert_int_equal(told[0].state, ROUTE_OPEN);
}

static void test_retry_after_is_honoured(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_RATE_LIMITED, T0);

    s.retry_after_ms = 20000;
    s.http_status = 429;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    tick(h, T0 + 250);
    assert_int_equal(told[0].retry_at_ms, T0 + 20000);
    assert_int_equal(told[0].reason, SAMPLE_RATE_LIMITED);
    assert_int_equal(told[0].state, ROUTE_DEGRADED);
    assert_int_equal(told[1].retry_at_ms, 0);
    /* what was under way and succeeds does not end it */
    put(h, 0, SAMPLE_OK, 5, T0 + 500);
    tick(h, T0 + 501);
    assert_int_equal(told[0].retry_at_ms, T0 + 20000);
    tick(h, T0 + 20000);
    assert_int_equal(told[0].retry_at_ms, 0);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
}

static void test_retry_after_counts_from_the_answer(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_RATE_LIMITED, T0);

    s.retry_after_ms = 20000;
    assert_int_equal(health_sample(h, &s, T0 + 15000), HEALTH_TAKEN); /* read late */
    tick(h, T0 + 15000);
    assert_int_equal(told[0].retry_at_ms, T0 + 20000);
}

static void test_429_without_retry_after_pauses_longer_each_time(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_RATE_LIMITED, 1, T0);
    tick(h, T0);
    assert_int_equal(told[0].retry_at_ms, T0 + HEALTH_PAUSE_MS);
    put(h, 0, SAMPLE_RATE_LIMITED, 1, T0 + 2000);
    tick(h, T0 + 2000);
    assert_int_equal(told[0].retry_at_ms, T0 + 2000 + 2 * HEALTH_PAUSE_MS);
    put(h, 0, SAMPLE_RATE_LIMITED, 100, T0 + 5000);
    tick(h, T0 + 5000);
    assert_int_equal(told[0].retry_at_ms, T0 + 5000 + HEALTH_PAUSE_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEALTH_TEST(test_callers_faults_change_nothing),
        HEALTH_TEST(test_one_fault_is_not_an_outage),
        HEALTH_TEST(test_a_rare_fault_leaves_it_healthy),
        HEALTH_TEST(test_faults_in_a_row_open_it),
        HEALTH_TEST(test_an_answer_breaks_the_row_of_faults),
        HEALTH_TEST(test_more_than_half_opens_it),
        HEALTH_TEST(test_probes_close_it),
        HEALTH_TEST(test_a_failed_probe_doubles_the_back_off),
        HEALTH_TEST(test_what_began_before_it_opened_is_no_probe),
        HEALTH_TEST(test_retry_after_is_honoured),
        HEALTH_TEST(test_retry_after_counts_from_the_answer),
        HEALTH_TEST(test_429_without_retry_after_pauses_longer_each_time),
    };

    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
