#include "tests/unit/unit.h"

#include <stdio.h>

#include "shm/stats.h"

static void every_counter_is_described(void **state)
{
    (void)state;
    for (int i = 0; i < STATS_N; i++) {
        const struct stat_info *info = stat_info((enum stat_id)i);

        assert_non_null(info->name);
        assert_true(strlen(info->help) > 10);
        /* as promtool wants it: counters end in _total, gauges do not */
        assert_int_equal(str_ends(str_of(info->name), STR("_total")), !info->is_gauge);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(info->name, stat_info((enum stat_id)j)->name);
    }
    for (int i = 0; i < HISTOGRAMS_N; i++)
        assert_true(
            str_ends(str_of(histogram_info((enum stat_histogram)i)->name), STR("_seconds")));
}

static void buckets_cover_everything(void **state)
{
    static struct histogram h;
    uint64_t last = 0;

    (void)state;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t bound = histogram_bound_us(i);

        assert_true(i == 0 ? bound == 0 : bound > last);
        memset(&h, 0, sizeof(h));
        histogram_add(&h, bound); /* a bound belongs to its bucket ... */
        assert_int_equal(h.buckets[i], 1);
        if (i + 1 < HISTOGRAM_BUCKETS) {
            histogram_add(&h, bound + 1); /* ... and what is above it to the next */
            assert_int_equal(h.buckets[i + 1], 1);
            assert_true(i < 4 || bound - last <= last / 4 + 1);
        }
        last = bound;
    }
    assert_true(last == UINT64_MAX);
    assert_true(histogram_bound_us(HISTOGRAM_BUCKETS - 2) >= 3600ull * 1000000);
}

static void finds_quantiles(void **state)
{
    static struct histogram h;
    uint64_t copy[HISTOGRAM_BUCKETS];

    (void)state;
    memset(copy, 0, sizeof(copy));
    assert_int_equal(histogram_quantile_us(copy, 990), 0);
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&h, us);
    assert_int_equal(h.sum_us, 500500);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        copy[i] = h.buckets[i];
    assert_in_range(histogram_quantile_us(copy, 500), 480, 520);
    assert_in_range(histogram_quantile_us(copy, 990), 950, 1023);
    assert_true(histogram_quantile_us(copy, 0) <= 1);
    assert_in_range(histogram_quantile_us(copy, 1000), 1000, 1023);
    memset(copy, 0, sizeof(copy));
    copy[HISTOGRAM_BUCKETS - 1] = 1;
    assert_true(histogram_quantile_us(copy, 500) >= 3600ull * 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_counter_is_described),
                                       cmocka_unit_test(buckets_cover_everything),
                                       cmocka_unit_test(finds_quantiles)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
