/* Limits that run out, of routes, keys and single models: figures, lanes, what is told. */
#include "tests/unit/health_tools.h"

#include "server/aggregator/headroom.h"
#include "server/aggregator/lane_book.h"

static struct sample told_of(uint32_t row, uint32_t left, uint32_t most, uint64_t at)
{
    struct sample s = sample_of(row, SAMPLE_OK, at);

    s.flags = SAMPLE_REQUESTS_TOLD;
    s.requests = (struct sample_headroom){left, most};
    return s;
}

static void test_a_limit_fills_again(void **state)
{
    struct headroom h = {.requests = {.most = 0}};
    struct sample s = told_of(0, 0, 600, T0);

    (void)state;
    assert_true(headroom_share(&h, T0) >= 1);
    s.requests_reset_ds = 600;
    headroom_told(&h, &s, T0);
    assert_true(headroom_share(&h, T0) <= 0);
    assert_float_equal(headroom_share(&h, T0 + 30000), 0.5, 0.01);
    assert_float_equal(headroom_share(&h, T0 + 90000), 1, 0.001);
    s.requests.left = 300; /* older news than what is known */
    headroom_told(&h, &s, T0 - 1000);
    assert_true(headroom_share(&h, T0) <= 0);
}

static void test_weight_falls_below_a_fifth(void **state)
{
    (void)state;
    assert_float_equal(headroom_factor(1), 1, 1e-9);
    assert_float_equal(headroom_factor(HEADROOM_FREE), 1, 1e-9);
    assert_float_equal(headroom_factor(HEADROOM_FREE / 2), 0.5, 1e-9);
    assert_float_equal(headroom_factor(0), HEADROOM_FLOOR, 1e-9); /* what is told may be wrong */
}

static void test_the_scarcer_limit_counts(void **state)
{
    struct headroom h = {.requests = {.most = 0}};
    struct sample s = told_of(0, 90, 100, T0);

    (void)state;
    s.flags |= SAMPLE_TOKENS_TOLD;
    s.tokens = (struct sample_headroom){100, 1000};
    headroom_told(&h, &s, T0);
    assert_float_equal(headroom_share(&h, T0), 0.1, 0.001);
}

static void test_a_capacity_is_counted(void **state)
{
    const struct headroom_capacity c = {.requests = 100, .requests_ms = 60000};
    const struct headroom_capacity less = {.requests = 50, .requests_ms = 60000};
    struct headroom h = {.requests = {.most = 0}};
    struct sample s = sample_of(0, SAMPLE_OK, T0);

    (void)state;
    headroom_declare(&h, &c);
    for (int i = 0; i < 40; i++)
        headroom_use(&h, &s, T0);
    assert_float_equal(headroom_share(&h, T0), 0.6, 0.001);
    headroom_declare(&h, &less); /* what was used of it stays used */
    assert_float_equal(headroom_share(&h, T0), 0.2, 0.001);
    for (int i = 0; i < 1000; i++)
        headroom_use(&h, &s, T0);
    assert_true(headroom_share(&h, T0 + 30000) <= 0); /* debt, of one window at most */
    assert_float_equal(headroom_share(&h, T0 + 120000), 1, 0.001);
    headroom_declare(&h, &(struct headroom_capacity){.requests = 0});
    assert_true(headroom_share(&h, T0) >= 1);
}

static void test_scarce_routes_weigh_less(void **state)
{
    struct health *h = *state;
    struct sample s = told_of(0, 5, 100, T0);

    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    tick(h, T0);
    assert_in_range(told[0].weight, WEIGHT_FULL / 5, WEIGHT_FULL / 3);
    assert_int_equal(told[0].headroom, WEIGHT_FULL / 20);
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(told[2].headroom, WEIGHT_FULL); /* another model of the key */
    tick(h, T0 + 70000);
    assert_int_equal(told[0].weight, WEIGHT_FULL);
}

static void test_early_news_is_no_attempt(void **state)
{
    struct health *h = *state;
    struct sample s = told_of(0, 1, 100, T0);

    s.flags |= SAMPLE_EARLY;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    tick(h, T0);
    assert_int_equal(told[0].samples, 0);
    assert_in_range(told[0].weight, 1, WEIGHT_FULL / 10);
}

static void test_a_whole_key_rests(void **state)
{
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_RATE_LIMITED, T0);

    s.flags = SAMPLE_WHOLE_KEY;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    assert_true(health_is_urgent(h));
    tick(h, T0);
    assert_false(health_is_urgent(h));
    assert_int_equal(told[0].retry_at_ms, T0 + HEALTH_KEY_MS);
    assert_int_equal(told[2].retry_at_ms, T0 + HEALTH_KEY_MS); /* the same key */
    assert_int_equal(told[1].retry_at_ms, 0);
    tick(h, T0 + HEALTH_KEY_MS);
    assert_int_equal(told[2].retry_at_ms, 0);
    assert_int_equal(told[2].state, ROUTE_HEALTHY);
}

static void test_a_capacity_is_of_all_rows_of_its_key(void **state)
{
    static const struct health_route limited[] = {
        {.row = 0,
         .identity = 100,
         .key = 10,
         .target = 1,
         .capacity = {.tokens = 1000, .tokens_ms = 60000}},
        {.row = 1, .identity = 101, .key = 11, .target = 1},
        {.row = 2,
         .identity = 102,
         .key = 10,
         .target = 2,
         .capacity = {.tokens = 1000, .tokens_ms = 60000}},
    };
    struct health *h = *state;
    struct sample s = sample_of(0, SAMPLE_OK, T0);

    health_configure(h, GENERATION, limited, ARRAY_LEN(limited));
    s.tokens_in = 900, s.tokens_out = 60;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    tick(h, T0);
    assert_in_range(told[0].weight, 1, WEIGHT_FULL / 3);
    assert_in_range(told[2].weight, 1, WEIGHT_FULL / 3);
    health_configure(h, GENERATION + 1, limited,
                     ARRAY_LEN(limited)); /* a reload does not refill it */
    tick(h, T0 + 1);
    assert_in_range(told[0].weight, 1, WEIGHT_FULL / 3);
}

/* --- lanes --- */

static struct lane lanes[LANES_MAX];

static void on_lane(void *ctx, uint32_t place, const struct lane *now)
{
    (void)ctx;
    lanes[place] = *now;
}

static const struct lane *lane_of(uint32_t row, uint32_t model)
{
    for (uint32_t i = 0; i < LANES_PROBED; i++) {
        const struct lane *l = &lanes[lanes_place(row, model, i)];

        if (l->row == row && l->model == model)
            return l;
    }
    return NULL;
}

static void any_models(struct health *h)
{
    static const struct health_route any[] = {
        {.row = 0, .identity = 100, .key = 10, .target = 1, .is_any = true}};

    memset(lanes, 0, sizeof(lanes));
    health_configure(h, GENERATION, any, ARRAY_LEN(any));
}

static void limit(struct health *h, uint32_t model, uint32_t retry_ms, uint64_t at)
{
    struct sample s = sample_of(0, SAMPLE_RATE_LIMITED, at);

    s.model = model;
    s.retry_after_ms = retry_ms;
    assert_int_equal(health_sample(h, &s, at), HEALTH_TAKEN);
}

static void test_one_model_rests_alone(void **state)
{
    struct health *h = *state;

    any_models(h);
    limit(h, 77, 5000, T0);
    assert_true(health_is_urgent(h));
    tick(h, T0);
    assert_int_equal(health_tick_lanes(h, T0, on_lane, NULL), 1);
    assert_int_equal(told[0].retry_at_ms, 0); /* the row goes on with other models */
    assert_int_equal(told[0].state, ROUTE_HEALTHY);
    assert_int_equal(lane_of(0, 77)->retry_at_ms, T0 + 5000);
    assert_null(lane_of(0, 78));
    assert_int_equal(health_tick_lanes(h, T0 + 5000, on_lane, NULL), 0);
    assert_null(lane_of(0, 77));
}

static void test_pauses_of_a_model_grow(void **state)
{
    struct health *h = *state;

    any_models(h);
    limit(h, 77, 0, T0);
    (void)health_tick_lanes(h, T0, on_lane, NULL);
    assert_int_equal(lane_of(0, 77)->retry_at_ms, T0 + HEALTH_PAUSE_MS);
    limit(h, 77, 0, T0 + 1500);
    (void)health_tick_lanes(h, T0 + 1500, on_lane, NULL);
    assert_int_equal(lane_of(0, 77)->retry_at_ms, T0 + 1500 + 2 * HEALTH_PAUSE_MS);
}

static void test_scarce_models_have_lanes(void **state)
{
    struct health *h = *state;
    struct sample s = told_of(0, 500, 1000, T0);

    any_models(h);
    s.model = 77;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    assert_int_equal(health_tick_lanes(h, T0, on_lane, NULL), 0); /* half is left: none is made */
    s = told_of(0, 100, 1000, T0);
    s.model = 77;
    assert_int_equal(health_sample(h, &s, T0), HEALTH_TAKEN);
    assert_int_equal(health_tick_lanes(h, T0, on_lane, NULL), 1);
    assert_int_equal(lane_of(0, 77)->weight, WEIGHT_FULL / 2);
    assert_int_equal(health_tick_lanes(h, T0 + 60000, on_lane, NULL), 0);
}

static void test_invented_models_fill_no_memory(void **state)
{
    struct health *h = *state;

    any_models(h);
    for (uint32_t model = 1; model < 20 * LANES_MAX; model++)
        limit(h, model, 5000 + model % 100, T0);
    assert_in_range(health_tick_lanes(h, T0, on_lane, NULL), 1, LANES_MAX);
    health_configure(h, GENERATION + 1, routes, 0); /* its route is gone */
    assert_int_equal(health_tick_lanes(h, T0 + 1, on_lane, NULL), 0);
}

static void test_a_predecessors_lanes_go_on(void **state)
{
    struct health *h = *state;
    const struct lane mine = {
        .row = 0, .model = 77, .weight = WEIGHT_FULL, .retry_at_ms = T0 + 9000};
    const struct lane gone = {
        .row = 9, .model = 78, .weight = WEIGHT_FULL, .retry_at_ms = T0 + 9000};

    any_models(h);
    lanes[lanes_place(0, 77, 0)] = mine;
    lanes[lanes_place(9, 78, 0)] = gone;
    health_seed_lane(h, lanes_place(0, 77, 0), &mine);
    health_seed_lane(h, lanes_place(9, 78, 0), &gone);
    assert_int_equal(health_tick_lanes(h, T0, on_lane, NULL), 1);
    assert_int_equal(lane_of(0, 77)->retry_at_ms, T0 + 9000);
    assert_null(lane_of(9, 78));
    assert_int_equal(health_tick_lanes(h, T0 + 9000, on_lane, NULL), 0);
}

static void test_slower_than_usual_weighs_less(void **state)
{
    struct health *h = *state;

    for (int i = 0; i < 100; i++)
        put(h, 2, SAMPLE_OK, 1, T0 + (uint64_t)i * 100); /* the only route of its target */
    for (int i = 0; i < 100; i++) {
        struct sample s = sample_of(2, SAMPLE_OK, T0 + 20000 + (uint64_t)i * 100);

        s.first_byte_us = 5000;
        s.total_us = 6000;
        assert_int_equal(health_sample(h, &s, T0 + 20000 + (uint64_t)i * 100), HEALTH_TAKEN);
    }
    tick(h, T0 + 30000);
    assert_in_range(told[2].weight, 1, WEIGHT_FULL * 3 / 4);
    assert_int_equal(told[2].state, ROUTE_HEALTHY);
}

static void test_what_is_usual_outlives_the_aggregator(void **state)
{
    struct health *h = *state;
    const struct weight before = {.weight = WEIGHT_FULL,
                                  .headroom = WEIGHT_FULL,
                                  .first_byte_n = 5000,
                                  .first_byte_p50_us = 1000};

    health_seed(h, 2, &before);
    for (int i = 0; i < 50; i++) {
        struct sample s = sample_of(2, SAMPLE_OK, T0 + (uint64_t)i * 100);

        s.first_byte_us = 5000;
        s.total_us = 6000;
        assert_int_equal(health_sample(h, &s, T0 + (uint64_t)i * 100), HEALTH_TAKEN);
    }
    tick(h, T0 + 5000);
    assert_in_range(told[2].weight, 1, WEIGHT_FULL / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_limit_fills_again),
        cmocka_unit_test(test_weight_falls_below_a_fifth),
        cmocka_unit_test(test_the_scarcer_limit_counts),
        cmocka_unit_test(test_a_capacity_is_counted),
        HEALTH_TEST(test_scarce_routes_weigh_less),
        HEALTH_TEST(test_early_news_is_no_attempt),
        HEALTH_TEST(test_a_whole_key_rests),
        HEALTH_TEST(test_a_capacity_is_of_all_rows_of_its_key),
        HEALTH_TEST(test_one_model_rests_alone),
        HEALTH_TEST(test_pauses_of_a_model_grow),
        HEALTH_TEST(test_scarce_models_have_lanes),
        HEALTH_TEST(test_invented_models_fill_no_memory),
        HEALTH_TEST(test_a_predecessors_lanes_go_on),
        HEALTH_TEST(test_slower_than_usual_weighs_less),
        HEALTH_TEST(test_what_is_usual_outlives_the_aggregator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
