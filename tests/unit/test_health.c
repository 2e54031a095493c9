/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/health_tools.h"

static void test_a_new_route_has_full_weight(void **state)
{
    (void)state;
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[2].retry_at_ms, 0);
}

static void test_a_refused_key_opens_all_its_rows(void **state)
{
    struct health *h = *state;

    put(h, 0, SAMPLE_KEY_REFUSED, 1, T0);
    /* also a tick that is not for all rows tells it of all */
    (void)health_tick(h, T0 + 1, false, on_row, NULL);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    assert_int_equal(told[2].state, ROUTE_OPEN);
    assert_int_equal(told[2].reason, SAMPLE_KEY_REFUSED);
    assert_int_equal(told[2].weight, 0);
    assert_int_equal(told[2].retry_at_ms, T0 + HEALTH_KEY_MS);
    assert_int_equal(told[1].state, ROUTE_HEALTHY); /* the provider is fine */
}

static void test_a_refused_key_comes_back_by_a_probe(void **state)
{
    struct health *h = *state;
    uint64_t at = T0 + HEALTH_KEY_MS;

    put(h, 0, SAMPLE_KEY_REFUSED, 5, T0); /* once, however many were under way */
    tick(h, at);
    assert_int_equal(told[0].state, ROUTE_HALF_OPEN);
    assert_int_equal(told[2].state, ROUTE_HALF_OPEN);
    /* refused again: twice as long */
    put(h, 2, SAMPLE_KEY_REFUSED, 1, at + 10);
    tick(h, at + 11);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    assert_int_equal(told[0].retry_at_ms, at + 10 + 2 * HEALTH_KEY_MS);
    at += 10 + 2 * HEALTH_KEY_MS;
    tick(h, at);
    put(h, 2, SAMPLE_OK, 1, at + 10);
    tick(h, at + 11);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[2].state, ROUTE_HEALTHY);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
}

static void test_the_pause_of_a_refused_key_has_an_end(void **state)
{
    struct health *h = *state;
    uint64_t at = T0;

    for (int i = 0; i < 10; i++) {
        put(h, 0, SAMPLE_KEY_REFUSED, 1, at);
        tick(h, at);
        assert_true(told[0].retry_at_ms - at <= HEALTH_KEY_MAX_MS);
        at = told[0].retry_at_ms + 10;
    }
    put(h, 0, SAMPLE_KEY_REFUSED, 1, at);
    tick(h, at);
    assert_int_equal(told[0].retry_at_ms - at, HEALTH_KEY_MAX_MS);
}

static void put_slow(struct health *h, uint32_t row, uint32_t first_us, unsigned n, uint64_t at)
{
    struct sample s = sample_of(row, SAMPLE_OK, at);

    s.first_byte_us = first_us;
    s.total_us = first_us + 1000;
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(health_sample(h, &s, at), HEALTH_TAKEN);
}

static void test_the_slower_sibling_gets_less(void **state)
{
    struct health *h = *state;

    put_slow(h, 0, 100000, 50, T0);
    put_slow(h, 1, 300000, 50, T0);
    put_slow(h, 2, 900000, 50, T0); /* another model: not its sibling */
    tick(h, T0 + 250);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    /* (1.5 / 3)^3 */
    assert_in_range(told[1].weight, WEIGHT_FULL / 8 - 10, WEIGHT_FULL / 8 + 10);
    assert_int_equal(told[1].state, ROUTE_HEALTHY);
    assert_int_equal(told[2].weight, WEIGHT_FULL);
    assert_in_range(told[1].first_byte_us, 299999, 300001);
}

static void test_slow_is_not_broken(void **state)
{
    struct health *h = *state;

    put_slow(h, 0, 1000, 50, T0);
    put_slow(h, 1, 60000000, 50, T0);
    tick(h, T0 + 250);
    assert_int_equal(told[1].weight, (uint32_t)(WEIGHT_FULL * HEALTH_SLOW_FLOOR));
}

static void test_slow_tokens_count_as_slow(void **state)
{
    struct health *h = *state;

    for (uint32_t row = 0; row < 2; row++) {
        struct sample s = sample_of(row, SAMPLE_OK, T0);

        s.tokens_out = 100;
        s.total_us = s.first_byte_us + 1000000 * (row + 1) * (row + 1); /* 10 and 40 ms a token */
        for (int i = 0; i < 20; i++)
            assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    }
    tick(h, T0 + 250);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    assert_in_range(told[1].weight, 520, 535); /* (1.5 / 4)^3 */
}

static void test_back_again_begins_slowly(void **state)
{
    struct health *h = *state;
    uint64_t at = T0 + HEALTH_OPEN_MS + 1000;

    put(h, 0, SAMPLE_CONNECT, HEALTH_OPEN_RUN, T0);
    tick(h, T0 + 1);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    tick(h, at);
    put(h, 0, SAMPLE_OK, HEALTH_PROBES, at + 100);
    tick(h, at + 101);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_in_range(told[0].weight, WEIGHT_FULL / 20, WEIGHT_FULL / 9);
    tick(h, at + 100 + HEALTH_SLOW_START_MS / 2);
    assert_in_range(told[0].weight, WEIGHT_FULL * 4 / 10, WEIGHT_FULL * 6 / 10);
    tick(h, at + 100 + HEALTH_SLOW_START_MS);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
}

/* More than half of a model's routes fail: half are shut out, the others still get a little. */
static void test_no_more_than_half_are_shut(void **state)
{
    static const struct health_route four[] = {{.row = 0, .identity = 100, .key = 10, .target = 1},
                                               {.row = 1, .identity = 101, .key = 11, .target = 1},
                                               {.row = 2, .identity = 102, .key = 12, .target = 1},
                                               {.row = 3, .identity = 103, .key = 13, .target = 1}};
    struct health *h = *state;
    unsigned shut = 0, probed = 0;

    health_configure(h, GENERATION, four, ARRAY_LEN(four));
    for (uint32_t row = 0; row < 3; row++)
        put(h, row, SAMPLE_UPSTREAM_ERROR, HEALTH_OPEN_RUN, T0);
    tick(h, T0 + 1);
    tick(h, T0 + 2);
    for (uint32_t row = 0; row < 3; row++) {
        shut += told[row].state == ROUTE_OPEN;
        probed += told[row].state == ROUTE_HALF_OPEN && told[row].weight == HEALTH_PROBE_WEIGHT;
    }
    assert_int_equal(shut, 2);
    assert_int_equal(probed, 1);
    assert_int_equal(told[3].weight, WEIGHT_FULL);
    put(h, 3, SAMPLE_UPSTREAM_ERROR, HEALTH_OPEN_RUN, T0 + 3);
    tick(h, T0 + 4);
    tick(h, T0 + 5);
    for (uint32_t row = 0; row < 4; row++) /* all of them: then none is better than the others */
        assert_int_equal(told[row].state, ROUTE_OPEN);
}

static void test_half_as_slow_again_is_noise(void **state)
{
    struct health *h = *state;

    put_slow(h, 0, 100000, 50, T0);
    put_slow(h, 1, 149000, 50, T0);
    tick(h, T0 + 250);
    assert_int_equal(told[1].weight, WEIGHT_FULL);
}

static void test_bad_samples_are_refused(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_OK, T0);

    s.row = UINT32_MAX;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_BAD);
    s = sample_of(0, SAMPLE_OUTCOMES, T0);
    assert_int_equal(health_sample(h, &s, T0), HEALTH_BAD);
    s = sample_of(0, SAMPLE_OK, T0);
    s.version = 99;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_BAD);
    s = sample_of(ROUTES_MAX - 1, SAMPLE_OK, T0); /* sound, but there is no such route */
    assert_int_equal(health_sample(h, &s, T0), HEALTH_STALE);
    tick(h, T0);
    assert_int_equal(told[0].samples, 0);
}

static void test_any_clock_in_a_sample_is_survived(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_OK, T0);

    for (uint64_t shift = 0; shift < 32; shift++) {
        s.sent_ms = (uint32_t)T0 + (1u << shift);
        assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
        s.sent_ms = (uint32_t)T0 - (1u << shift);
        assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    }
    tick(h, T0);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    assert_int_equal(told[0].samples, 64);
}

static void test_a_row_with_the_same_identity_keeps_its_figures(void **state)
{
    struct health *h = *state;

    open_row(h, 0, T0);
    health_configure(h, GENERATION + 1, routes, ARRAY_LEN(routes));
    tick(h, T0 + 1);
    assert_int_equal(told[0].state, ROUTE_OPEN);
    put(h, 1, SAMPLE_OK, 1, T0 + 2); /* of the old generation: still counts */
    tick(h, T0 + 3);
    assert_int_equal(told[1].samples, 1);
}

static void test_a_row_with_another_identity_begins_anew(void **state)
{
    struct health *h = *state;
    struct health_route other = {.row = 0, .identity = 555, .key = 55, .target = 5};
    struct sample s = sample_of(0, SAMPLE_OK, T0);

    open_row(h, 0, T0);
    health_configure(h, GENERATION + 1, &other, 1);
    tick(h, T0 + 1);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    assert_int_equal(health_sample(h, &s, T0), HEALTH_STALE); /* it meant the old one */
    s.generation = GENERATION + 1;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    s.row = 1; /* gone */
    assert_int_equal(health_sample(h, &s, T0), HEALTH_STALE);
}

static void test_samples_across_many_configurations(void **state)
{
    struct health *h = *state;

    /* the list of rows to tell must not grow with configurations between two ticks */
    for (uint32_t i = 0; i < 3 * ROUTES_MAX; i++) {
        struct health_route r = {.row = 0, .identity = 1000 + i, .key = 1, .target = 1};
        struct sample s = sample_of(0, SAMPLE_OK, T0);

        if (i % 64 != 0)
            continue;
        health_configure(h, GENERATION + i, &r, 1);
        s.generation = GENERATION + i;
        assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    }
    tick(h, T0);
    assert_int_equal(told[0].samples, 1);
}

static void test_what_a_predecessor_told_goes_on(void **state)
{
    struct health *h = *state;
    struct weight open = {.weight = 0,
                          .state = ROUTE_OPEN,
                          .reason = SAMPLE_CONNECT,
                          .changed_ms = T0,
                          .retry_at_ms = T0 + 4000,
                          .samples = 77,
                          .headroom = WEIGHT_FULL};

    health_seed(h, 0, &open);
    tick(h, T0 + 1000);
    assert_int_equal(tellings, 0); /* the region says it already */
    tick(h, T0 + 4000);
    assert_int_equal(told[0].state, ROUTE_HALF_OPEN);
    assert_int_equal(told[0].samples, 77);
}

static void test_any_predecessor_is_survived(void **state)
{
    struct health *h = *state;
    struct weight nonsense;

    memset(&nonsense, 0xff, sizeof(nonsense));
    health_seed(h, 1, &nonsense);
    put(h, 1, SAMPLE_OK, 10, T0);
    tick(h, T0);
    assert_int_equal(told[1].weight, WEIGHT_FULL);
    assert_int_equal(told[1].state, ROUTE_HEALTHY);
}

static void test_only_what_changed_is_told(void **state)
{
    struct health *h = *state;

    assert_false(health_tick(h, T0 + 250, true, on_row, NULL)); /* nothing will change either */
    assert_int_equal(tellings, 0);
    put(h, 1, SAMPLE_OK, 3, T0 + 300);
    assert_true(health_tick(h, T0 + 500, false, on_row, NULL));
    assert_int_equal(tellings, 1);
    assert_in_range(told[1].requests_per_min, 5, 10); /* three in a memory of 22 s */
    /* it fades to nothing and then rests */
    (void)health_tick(h, T0 + 500 + 20 * HEALTH_HALF_LIFE_MS, true, on_row, NULL);
    tellings = 0;
    assert_false(health_tick(h, T0 + 501 + 20 * HEALTH_HALF_LIFE_MS, true, on_row, NULL));
    assert_int_equal(tellings, 0);
    assert_int_equal(told[1].requests_per_min, 0);
}

static void test_the_rate_is_per_minute(void **state)
{
    struct health *h = *state;

    for (unsigned i = 0; i < 3000; i++) /* ten a second for five minutes */
        put(h, 0, SAMPLE_OK, 1, T0 + i * 100ull);
    tick(h, T0 + 300000);
    assert_in_range(told[0].requests_per_min, 580, 620);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEALTH_TEST(test_a_new_route_has_full_weight),
        HEALTH_TEST(test_a_refused_key_opens_all_its_rows),
        HEALTH_TEST(test_a_refused_key_comes_back_by_a_probe),
        HEALTH_TEST(test_the_pause_of_a_refused_key_has_an_end),
        HEALTH_TEST(test_the_slower_sibling_gets_less),
        HEALTH_TEST(test_slow_is_not_broken),
        HEALTH_TEST(test_slow_tokens_count_as_slow),
        HEALTH_TEST(test_back_again_begins_slowly),
        HEALTH_TEST(test_no_more_than_half_are_shut),
        HEALTH_TEST(test_half_as_slow_again_is_noise),
        HEALTH_TEST(test_bad_samples_are_refused),
        HEALTH_TEST(test_any_clock_in_a_sample_is_survived),
        HEALTH_TEST(test_a_row_with_the_same_identity_keeps_its_figures),
        HEALTH_TEST(test_a_row_with_another_identity_begins_anew),
        HEALTH_TEST(test_samples_across_many_configurations),
        HEALTH_TEST(test_what_a_predecessor_told_goes_on),
        HEALTH_TEST(test_any_predecessor_is_survived),
        HEALTH_TEST(test_only_what_changed_is_told),
        HEALTH_TEST(test_the_rate_is_per_minute),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
