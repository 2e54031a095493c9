/* How long routes take to their first byte: what the percentiles are worth. */
#include <stdlib.h>

#include "server/aggregator/latency.h"
#include "tests/unit/health_tools.h"

#define VALUES 20000

static uint64_t seed = 88172645463325252ull;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % n);
}

/* Most are quick, some slow, few very slow: as answers of models are. */
static uint32_t random_latency(void)
{
    uint32_t us = 200000 + random_below(300000);

    for (int i = 0; i < 6 && random_below(3) == 0; i++)
        us = us * 2 + random_below(us);
    return us;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Off by one bucket at most: a sixteenth, or the unit. */
static void assert_near(uint32_t got, uint32_t want)
{
    uint64_t most = want / LATENCY_PER_OCTAVE + LATENCY_UNIT_US;

    if (got > want + most || got + most < want)
        fail_msg("%u is too far from %u", got, want);
}

static void test_the_error_is_bounded(void **state)
{
    static const uint32_t scales[] = {1, 7, 1000, 400000, 0};
    static uint32_t values[VALUES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
        struct latency l = {.n = 0};

        for (uint32_t n = 0; n < VALUES; n++) {
            values[n] = scales[i] > 0 ? random_below(100 * scales[i]) : random_latency();
            latency_add(&l, values[n], T0);
        }
        qsort(values, VALUES, sizeof(values[0]), compare);
        assert_int_equal(l.n, VALUES);
        for (uint32_t permille = 10; permille < 1000; permille += 10)
            assert_near(latency_quantile_us(&l, permille), values[VALUES / 1000 * permille - 1]);
    }
}

static void test_the_ends_of_the_range(void **state)
{
    struct latency l = {.n = 0};

    (void)state;
    assert_int_equal(latency_quantile_us(&l, 500), 0);
    latency_add(&l, 0, T0);
    assert_true(latency_quantile_us(&l, 990) <= LATENCY_UNIT_US);
    for (int i = 0; i < 3; i++)
        latency_add(&l, UINT32_MAX, T0);
    assert_near(latency_quantile_us(&l, 990), UINT32_MAX);
}

/* Halved a hundred times over by their number, the percentiles stay what they are. */
static void test_many_are_not_forgotten_unevenly(void **state)
{
    struct latency l = {.n = 0};
    uint32_t p50;
    uint32_t p99;

    (void)state;
    for (uint32_t n = 0; n < 3000000; n++)
        latency_add(&l, random_latency(), T0);
    assert_true(l.n <= LATENCY_MOST && l.n >= LATENCY_MOST / 2);
    p50 = latency_quantile_us(&l, 500);
    p99 = latency_quantile_us(&l, 990);
    for (uint32_t n = 0; n < 3000000; n++)
        latency_add(&l, random_latency(), T0);
    assert_near(latency_quantile_us(&l, 500), p50);
    assert_near(latency_quantile_us(&l, 990), p99);
}

static void test_it_fades(void **state)
{
    struct weight w = {.first_byte_n = 0};
    struct latency l = {.n = 0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        latency_add(&l, 5000000, T0);
    for (int i = 0; i < 1000; i++)
        latency_add(&l, 100000, T0 + 3 * LATENCY_HALF_MS);
    latency_tell(&l, T0 + 3 * LATENCY_HALF_MS, &w, &w);
    assert_int_equal(w.first_byte_n, 1125);
    assert_near(w.first_byte_p50_us, 100000);
    assert_near(w.first_byte_p90_us, 5000000);
    latency_tell(&l, T0 + 30 * LATENCY_HALF_MS, &w, &w);
    assert_int_equal(w.first_byte_n, 0);
    assert_int_equal(w.first_byte_p50_us, 0);
    /* after a year of rest it begins anew, at once */
    latency_add(&l, 200000, T0 + 50000 * LATENCY_HALF_MS);
    latency_tell(&l, T0 + 50000 * LATENCY_HALF_MS, &w, &w);
    assert_int_equal(w.first_byte_n, 1);
    assert_near(w.first_byte_p50_us, 200000);
}

static void test_what_is_given_up_counts_as_at_least_so_long(void **state)
{
    struct weight w = {.first_byte_n = 0};
    struct latency l = {.n = 0};

    (void)state;
    latency_add_at_least(&l, 900000, T0); /* no median yet */
    for (uint32_t i = 1; i <= 100; i++)
        latency_add(&l, i * 10000, T0);
    latency_tell(&l, T0, &w, &w);
    assert_int_equal(w.first_byte_n, 100);
    latency_add_at_least(&l, 200000, T0); /* less than the median: it says nothing */
    latency_tell(&l, T0, &w, &w);
    assert_int_equal(w.first_byte_n, 100);
    for (int i = 0; i < 100; i++)
        latency_add_at_least(&l, 3000000, T0);
    latency_tell(&l, T0, &w, &w);
    assert_int_equal(w.first_byte_n, 200);
    assert_near(w.first_byte_p50_us, 1000000);
    assert_near(w.first_byte_p95_us, 3000000);
}

/*
 * A route whose slowest twentieth is given up again and again, as soon as it is slower than the p95
 * that was told: that p95 stays where it is.
 */
static void test_hedging_does_not_make_itself_more_frequent(void **state)
{
    struct weight w = {.first_byte_n = 0};
    struct latency l = {.n = 0};
    uint32_t before;

    (void)state;
    for (uint32_t n = 0; n < VALUES; n++)
        latency_add(&l, random_latency(), T0);
    latency_tell(&l, T0, &w, &w);
    before = w.first_byte_p95_us;
    for (uint32_t n = 0; n < 20 * VALUES; n++) {
        uint32_t us = random_latency();

        if (us > w.first_byte_p95_us)
            latency_add_at_least(&l, w.first_byte_p95_us + 50000, T0);
        else
            latency_add(&l, us, T0);
        if (n % 100 == 0)
            latency_tell(&l, T0, &w, &w);
    }
    latency_tell(&l, T0, &w, &w);
    if (w.first_byte_p95_us < before - before / 8 || w.first_byte_p95_us > before + before / 8)
        fail_msg("p95 went from %u to %u", before, w.first_byte_p95_us);
}

static void test_a_successor_goes_on_with_what_was_told(void **state)
{
    struct latency l = {.n = 0}, *next = NULL;
    struct weight w = {.first_byte_n = 0}, again = {.first_byte_n = 0};

    (void)state;
    for (uint32_t n = 0; n < VALUES; n++)
        latency_add(&l, random_latency(), T0);
    latency_tell(&l, T0, &w, &w);
    latency_seed(&next, &w);
    assert_non_null(next);
    latency_tell(next, T0, &again, &again);
    assert_int_equal(again.first_byte_n, LATENCY_SEED_MOST);
    assert_near(again.first_byte_p50_us, w.first_byte_p50_us);
    assert_near(again.first_byte_p90_us, w.first_byte_p90_us);
    assert_near(again.first_byte_p95_us, w.first_byte_p95_us);
    assert_near(again.first_byte_p99_us, w.first_byte_p99_us);
    free(next);
}

/* --- through health --- */

static void send(struct health *h, enum sample_outcome outcome, uint32_t first_us,
                 uint32_t total_us)
{
    struct sample s = sample_of(0, outcome, T0);

    s.first_byte_us = first_us;
    s.total_us = total_us;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
}

static void test_which_attempts_say_how_long_it_takes(void **state)
{
    struct health *h = *state;

    tick(h, T0 + 1);
    assert_int_equal(told[0].first_byte_n, 0);
    for (int i = 0; i < 50; i++)
        send(h, SAMPLE_OK, 300000, 900000);
    for (int i = 0; i < 50; i++) {
        send(h, SAMPLE_RATE_LIMITED, 1000, 2000); /* refused quickly is not answered quickly */
        send(h, SAMPLE_CALLER_FAULT, 1000, 2000);
        send(h, SAMPLE_CLIENT_GONE, 0, 2000);
        send(h, SAMPLE_CUT, 1000, 2000);
    }
    tick(h, T0 + 2);
    assert_int_equal(told[0].first_byte_n, 50);
    assert_near(told[0].first_byte_p99_us, 300000);
    assert_int_equal(told[1].first_byte_n, 0);
    for (int i = 0; i < 25; i++) {
        send(h, SAMPLE_HEDGED, 0, 800000);
        send(h, SAMPLE_TIMEOUT, 0, 8000000);
        send(h, SAMPLE_HEDGED, 0, 1000); /* one that came second had no time to say anything */
    }
    tick(h, T0 + 3);
    assert_int_equal(told[0].first_byte_n, 100);
    assert_near(told[0].first_byte_p90_us, 8000000);
}

static void test_another_route_in_the_row_begins_anew(void **state)
{
    static const struct health_route other = {.row = 0, .identity = 77, .key = 10, .target = 1};
    struct health *h = *state;

    for (int i = 0; i < 50; i++)
        send(h, SAMPLE_OK, 300000, 900000);
    tick(h, T0 + 2);
    assert_int_equal(told[0].first_byte_n, 50);
    health_configure(h, GENERATION + 1, &other, 1);
    tick(h, T0 + 3);
    assert_int_equal(told[0].first_byte_n, 0);
    assert_int_equal(told[0].first_byte_p95_us, 0);
}

static void test_a_hedged_attempt_is_no_fault(void **state)
{
    struct health *h = *state;

    for (int i = 0; i < 100; i++)
        send(h, SAMPLE_HEDGED, 0, 800000);
    tick(h, T0 + 2);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[0].error_permyriad, 0);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
}

/* Hedges must not hide from the weights that a route has become slow. */
static void test_a_route_that_is_outrun_is_slow(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(1, SAMPLE_OK, T0);

    s.first_byte_us = 300000;
    s.total_us = 900000;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN); /* its sibling */
        send(h, SAMPLE_OK, 300000, 900000);
        send(h, SAMPLE_HEDGED, 0, 1000);
    }
    tick(h, T0 + 1);
    assert_near(told[0].first_byte_us, 300000);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
    for (int i = 0; i < 50; i++)
        send(h, SAMPLE_HEDGED, 0, 1500000);
    tick(h, T0 + 2);
    assert_near(told[0].first_byte_us, 900000);
    assert_true(told[0].weight < WEIGHT_FULL / 4);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
}

static void test_the_next_aggregator_keeps_what_was_told(void **state)
{
    struct health *h = *state, *next = health_create();

    for (int i = 0; i < 50; i++)
        send(h, SAMPLE_OK, 300000, 900000);
    tick(h, T0 + 2);
    health_configure(next, GENERATION, routes, ARRAY_LEN(routes));
    health_seed(next, 0, &told[0]);
    (void)health_tick(next, T0 + 3, true, on_row, NULL);
    assert_int_equal(told[0].first_byte_n, 50);
    assert_near(told[0].first_byte_p95_us, 300000);
    health_free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_error_is_bounded),
        cmocka_unit_test(test_the_ends_of_the_range),
        cmocka_unit_test(test_many_are_not_forgotten_unevenly),
        cmocka_unit_test(test_it_fades),
        cmocka_unit_test(test_what_is_given_up_counts_as_at_least_so_long),
        cmocka_unit_test(test_hedging_does_not_make_itself_more_frequent),
        cmocka_unit_test(test_a_successor_goes_on_with_what_was_told),
        HEALTH_TEST(test_which_attempts_say_how_long_it_takes),
        HEALTH_TEST(test_another_route_in_the_row_begins_anew),
        HEALTH_TEST(test_a_hedged_attempt_is_no_fault),
        HEALTH_TEST(test_a_route_that_is_outrun_is_slow),
        HEALTH_TEST(test_the_next_aggregator_keeps_what_was_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
