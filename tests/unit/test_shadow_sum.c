/* Requests and their shadows compared: what a record adds, how rows are summed, keys that are read again, nonsense. */
#include "server/aggregator/shadow_sum.h"
#include "shm/record_primary.h"
#include "tests/unit/unit.h"

static struct record shadow(uint32_t status, uint64_t total_us)
{
    struct record r = {.flags = RECORD_SHADOW,
                       .asked = STR("fast"),
                       .provider = STR("new"),
                       .model = STR("n"),
                       .status = status,
                       .total_us = total_us,
                       .first_byte_us = total_us / 2,
                       .tokens = {.input = 10, .output = 20},
                       .cost_nanousd = 500};

    r.primary = (struct record_primary){.id = {1},
                                        .provider = STR("old"),
                                        .model = STR("m"),
                                        .status = 200,
                                        .flags = RECORD_UNPRICED,
                                        .total_us = 1000,
                                        .tokens_in = 11,
                                        .tokens_out = 22};
    return r;
}

static void a_record_is_a_comparison(void **state)
{
    struct record r = shadow(200, 4000);
    struct shadow_key k;
    struct shadow_sum s;

    (void)state;
    assert_true(shadow_sum_of(&r, 7, &k, &s));
    assert_int_equal(k.day, 7);
    assert_true(str_eq(k.model, STR("fast")) && str_eq(k.models[SHADOW_PRIMARY], STR("m")));
    assert_true(str_eq(k.providers[SHADOW_COPY], STR("new")));
    assert_int_equal(s.requests, 1);
    assert_int_equal(s.same_status, 1);
    assert_int_equal(s.sides[SHADOW_PRIMARY].tokens_in, 11);
    assert_int_equal(s.sides[SHADOW_PRIMARY].unpriced, 1);
    assert_int_equal(s.sides[SHADOW_PRIMARY].n_first_byte, 0); /* none came: no time of nothing */
    assert_int_equal(s.sides[SHADOW_COPY].tokens_out, 20);
    assert_int_equal(s.sides[SHADOW_COPY].cost_nanousd, 500);
    assert_int_equal(s.sides[SHADOW_COPY].unpriced, 0);
    assert_int_equal(s.sides[SHADOW_COPY].first_byte_us, 2000);
    r.flags = 0;
    assert_false(shadow_sum_of(&r, 7, &k, &s));
    r.flags = RECORD_SHADOW;
    r.primary.id[0] = 0; /* of a worker that died */
    assert_false(shadow_sum_of(&r, 7, &k, &s));
}

static void rows_are_summed(void **state)
{
    struct shadow_sum all = {.version = 0};
    struct shadow_key k;
    uint64_t p50, p95;

    (void)state;
    for (uint32_t i = 1; i <= 100; i++) {
        struct record r = shadow(i % 10 == 0 ? 502 : 200, i * 1000);
        struct shadow_sum one;

        assert_true(shadow_sum_of(&r, 1, &k, &one));
        shadow_sum_add(&all, &one);
    }
    assert_int_equal(all.requests, 100);
    assert_int_equal(all.same_status, 90);
    assert_int_equal(all.sides[SHADOW_COPY].failed, 10);
    assert_int_equal(all.sides[SHADOW_PRIMARY].failed, 0);
    assert_int_equal(all.sides[SHADOW_COPY].total_us, 5050000);
    p50 = shadow_quantile_us(all.sides[SHADOW_COPY].total, 500);
    p95 = shadow_quantile_us(all.sides[SHADOW_COPY].total, 950);
    assert_in_range(p50, 42000, 60000); /* buckets are a quarter of a power of two wide */
    assert_in_range(p95, 80000, 115000);
    assert_int_equal(shadow_quantile_us((uint32_t[HISTOGRAM_BUCKETS]){0}, 500), 0);
    all.sides[SHADOW_COPY].cost_nanousd = UINT64_MAX - 1;
    shadow_sum_add(&all, &all); /* no sum becomes small again */
    assert_true(all.sides[SHADOW_COPY].cost_nanousd == UINT64_MAX);
}

static void keys_are_read_again(void **state)
{
    char name[300];
    uint8_t bytes[SHADOW_KEY_MAX];
    struct shadow_key again;
    struct shadow_sum sum = {.version = SHADOW_SUM_VERSION + 1};
    size_t len;

    (void)state;
    memset(name, 'x', sizeof(name));
    const struct shadow_key k = {.day = 20780,
                                 .model = STR("fast"),
                                 .providers = {STR("old"), STR("new")},
                                 .models = {{name, sizeof(name)}, STR("")}};
    len = shadow_key_encode(&k, bytes);
    assert_int_equal(shadow_key_decode(bytes, len, &again), 0);
    assert_int_equal(again.day, 20780);
    assert_int_equal(again.models[SHADOW_PRIMARY].len, SHADOW_TEXT_MAX);
    assert_true(str_eq(again.providers[SHADOW_COPY], STR("new")));
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(shadow_key_decode(bytes, cut, &again), -1);
    assert_int_equal(shadow_sum_decode(&sum, sizeof(sum), &sum), -1); /* a later version's */
    assert_int_equal(shadow_sum_decode(&sum, sizeof(sum) - 1, &sum), -1);
}

static void a_record_carries_both_sides(void **state)
{
    struct record r = shadow(200, 4000);
    struct record again;
    uint8_t bytes[4096];
    size_t len = record_encode(&r, bytes, sizeof(bytes));
    struct record_primary p;
    uint8_t own[RECORD_PRIMARY_MAX];

    (void)state;
    assert_true(len > 0);
    assert_int_equal(record_decode(bytes, len, &again), 0);
    assert_int_equal(again.primary.id[0], 1);
    assert_true(str_eq(again.primary.provider, STR("old")));
    assert_int_equal(again.primary.status, 200);
    assert_int_equal(again.primary.tokens_out, 22);
    assert_int_equal(again.primary.total_us, 1000);
    len = record_primary_encode(&r.primary, own);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(record_primary_decode((struct str){(const char *)own, cut}, &p));
    assert_true(record_primary_decode((struct str){(const char *)own, len}, &p));
    r.flags = 0; /* nobody's copy says nothing of it */
    len = record_encode(&r, bytes, sizeof(bytes));
    assert_int_equal(record_decode(bytes, len, &again), 0);
    assert_int_equal(again.primary.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_a_comparison),
        cmocka_unit_test(rows_are_summed),
        cmocka_unit_test(keys_are_read_again),
        cmocka_unit_test(a_record_carries_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
