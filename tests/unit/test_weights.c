#include "tests/unit/unit.h"

#include "shm/map.h"
#include "shm/weights.h"

static struct region region;

static int set_up(void **state)
{
    struct error err;

    (void)state;
    return region_create(REGION_WEIGHTS, 1, &region, &err);
}

static int tear_down(void **state)
{
    (void)state;
    region_close(&region);
    return 0;
}

static void unpublished_rows_are_healthy(void **state)
{
    struct weight w = {.weight = 1, .samples = 9};

    (void)state;
    assert_true(weights_read(&region, ROUTES_MAX - 1, &w));
    assert_int_equal(w.weight, WEIGHT_FULL);
    assert_int_equal(w.state, ROUTE_HEALTHY);
    assert_int_equal(w.samples, 0);
    assert_int_equal(w.headroom, WEIGHT_FULL);
}

static void reads_what_was_published(void **state)
{
    struct weight in = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct weight out;

    (void)state;
    weights_publish(&region, 3, &in);
    assert_true(weights_read(&region, 3, &out));
    assert_int_equal(out.weight, 1);
    assert_int_equal(out.state, 2);
    assert_int_equal(out.reason, 3);
    assert_int_equal(out.first_byte_us, 4);
    assert_int_equal(out.total_us, 5);
    assert_int_equal(out.error_permyriad, 6);
    assert_int_equal(out.requests_per_min, 7);
    assert_int_equal(out.changed_ms, 8);
    assert_int_equal(out.retry_at_ms, 9);
    assert_int_equal(out.samples, 10);
    assert_int_equal(out.first_byte_n, 11);
    assert_int_equal(out.first_byte_p50_us, 12);
    assert_int_equal(out.first_byte_p90_us, 13);
    assert_int_equal(out.first_byte_p95_us, 14);
    assert_int_equal(out.first_byte_p99_us, 15);
    assert_int_equal(out.headroom, 16);
}

static void a_dead_writer_costs_freshness_only(void **state)
{
    struct weights_shared *shared = region.base;
    struct weight in = {.weight = 5};
    struct weight out = {.weight = 77};

    (void)state;
    weights_publish(&region, 4, &in);
    seqlock_write_begin(&shared->rows[4].lock); /* killed here */
    assert_false(weights_read(&region, 4, &out));
    assert_int_equal(out.weight, 77); /* keep what you had */
    in.weight = 6;
    weights_publish(&region, 4, &in);
    assert_true(weights_read(&region, 4, &out));
    assert_int_equal(out.weight, 6);
}

static void remembers_numbers(void **state)
{
    (void)state;
    assert_int_equal(weights_stored(&region, SLOTS_MAX - 1), 0);
    weights_set_stored(&region, SLOTS_MAX - 1, 1ull << 40);
    assert_true(weights_stored(&region, SLOTS_MAX - 1) == 1ull << 40);
    weights_set_beat(&region, 99);
    assert_int_equal(weights_beat_ms(&region), 99);
}

static void read_outside(void *ctx)
{
    struct weight w;

    (void)ctx;
    (void)!weights_read(&region, ROUTES_MAX, &w);
}

static void dies_of_rows_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(signal_of(read_outside, NULL), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpublished_rows_are_healthy),
        cmocka_unit_test(reads_what_was_published),
        cmocka_unit_test(a_dead_writer_costs_freshness_only),
        cmocka_unit_test(remembers_numbers),
        cmocka_unit_test(dies_of_rows_that_are_none),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
