/* Whom balance chooses, on real regions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/worker/balance.h"
#include "server/worker/worker.h"
#include "shm/weights.h"

#define NOW_MS 1000000u
#define DRAWS 20000

struct fixture {
    struct inherit inherit;
    struct worker worker;
};

static uint64_t random_state;

/* worker.c's, so that the test repeats itself */
uint64_t worker_random(struct worker *w)
{
    (void)w;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int set_up(void **state)
{
    static struct fixture f;
    struct error err;

    random_state = 88172645463325252u;
    f = (struct fixture){.inherit = {.slot = 0}};
    if (region_create(REGION_WEIGHTS, 1, &f.inherit.regions.weights, &err) != 0 ||
        region_create(REGION_LIVE, 1, &f.inherit.regions.live, &err) != 0)
        return -1;
    f.worker.in = &f.inherit;
    f.worker.slot = live_slot(&f.inherit.regions.live, 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    region_close(&f->inherit.regions.weights);
    region_close(&f->inherit.regions.live);
    return 0;
}

static void publish(struct fixture *f, uint32_t row, uint32_t weight, uint32_t state,
                    uint64_t retry_at_ms)
{
    struct weight w = {.weight = weight, .state = state, .retry_at_ms = retry_at_ms};

    weights_publish(&f->inherit.regions.weights, row, &w);
}

/* How often each of `n` was chosen. */
static void count(struct fixture *f, const struct balance_item *items, size_t n, uint32_t *counts)
{
    for (size_t i = 0; i < n; i++)
        counts[i] = 0;
    for (int i = 0; i < DRAWS; i++)
        counts[balance_choose(&f->worker, items, n, NOW_MS)]++;
}

static void test_configured_shares(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 0, .weight = 800}, {.row = 1, .weight = 200}};
    uint32_t counts[2];

    count(f, items, 2, counts);
    assert_in_range(counts[0], DRAWS * 78 / 100, DRAWS * 82 / 100);
}

static void test_published_shares(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 2, .weight = 1000}, {.row = 3, .weight = 1000}};
    uint32_t counts[2];

    publish(f, 2, WEIGHT_FULL / 4, ROUTE_DEGRADED, 0);
    count(f, items, 2, counts);
    assert_in_range(counts[0], DRAWS * 18 / 100, DRAWS * 22 / 100);
}

static void test_own_load(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 4, .weight = 1000}, {.row = 5, .weight = 1000}};
    uint32_t counts[2];

    for (int i = 0; i < 10; i++)
        live_enter(f->worker.slot, 4);
    count(f, items, 2, counts);
    /* only when both draws hit it: a quarter */
    assert_in_range(counts[0], DRAWS * 23 / 100, DRAWS * 27 / 100);
}

static void test_open_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {
        {.row = 6, .weight = 1000}, {.row = 7, .weight = 1000}, {.row = 8, .weight = 1000}};
    uint32_t counts[3];

    publish(f, 6, WEIGHT_FULL, ROUTE_OPEN, 0);
    publish(f, 8, WEIGHT_FULL, ROUTE_HEALTHY, NOW_MS + 1);
    count(f, items, 3, counts);
    assert_int_equal(counts[1], DRAWS);
}

static void test_open_heals_by_itself(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 9, .weight = 1000}, {.row = 10, .weight = 1000}};
    uint32_t counts[2];

    publish(f, 9, 0, ROUTE_OPEN, NOW_MS); /* its time is over, and nobody republished it */
    count(f, items, 2, counts);
    assert_in_range(counts[0], 1, DRAWS / 10);
    live_enter(f->worker.slot, 9); /* one probe at a time */
    count(f, items, 2, counts);
    assert_int_equal(counts[0], 0);
}

/* Their turn comes when nothing else has a share, and then by their own weights. */
static void test_spare_weights(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 30, .weight = 1000},
                                   {.row = 31, .weight = 0, .spare = 3000},
                                   {.row = 32, .weight = 0, .spare = 1000}};
    uint32_t counts[3];

    count(f, items, 3, counts);
    assert_int_equal(counts[0], DRAWS);
    publish(f, 30, WEIGHT_FULL, ROUTE_OPEN, 0);
    count(f, items, 3, counts);
    assert_int_equal(counts[0], 0);
    assert_in_range(counts[1], DRAWS * 72 / 100, DRAWS * 78 / 100);
}

#define STICK_ROUTES 10

static void stick(struct fixture *f, const struct balance_item *items, size_t n, uint32_t *rows)
{
    for (uint32_t i = 0; i < DRAWS; i++)
        rows[i] = items[balance_stick(&f->worker, items, n, i + 1, NOW_MS)].row;
}

static void test_sessions_stay(void **state)
{
    static uint32_t before[DRAWS], after[DRAWS];
    struct fixture *f = *state;
    struct balance_item items[STICK_ROUTES + 1];
    uint32_t moved = 0, first = 0, gone = 0;

    for (uint32_t i = 0; i <= STICK_ROUTES; i++)
        items[i] = (struct balance_item){.row = 40 + i, .weight = i == 0 ? 3000 : 1000};
    stick(f, items, STICK_ROUTES, before);
    for (uint32_t i = 0; i < DRAWS; i++)
        first += before[i] == 40;
    assert_in_range(first, DRAWS * 23 / 100, DRAWS * 27 / 100); /* three of twelve */
    /* another route takes its share from all, and moves nobody from one old route to another */
    stick(f, items, STICK_ROUTES + 1, after);
    for (uint32_t i = 0; i < DRAWS; i++) {
        moved += after[i] != before[i];
        assert_true(after[i] == before[i] || after[i] == 40 + STICK_ROUTES);
    }
    assert_in_range(moved, DRAWS * 6 / 100, DRAWS * 10 / 100); /* one of thirteen */
    /* an open one loses its own to all others, and only those; they come back */
    publish(f, 42, WEIGHT_FULL, ROUTE_OPEN, 0);
    stick(f, items, STICK_ROUTES, after);
    for (uint32_t i = 0; i < DRAWS; i++) {
        gone += before[i] == 42;
        assert_true(after[i] != 42 && (after[i] == before[i] || before[i] == 42));
    }
    assert_true(gone > 0);
    publish(f, 42, WEIGHT_FULL / 3, ROUTE_DEGRADED, 0); /* slower than others moves nobody */
    stick(f, items, STICK_ROUTES, after);
    assert_memory_equal(before, after, sizeof(before));
}

static void test_sessions_on_spare_routes(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 60, .weight = 1000},
                                   {.row = 61, .weight = 0, .spare = 1000},
                                   {.row = 62, .weight = 0, .spare = 1000}};
    uint32_t seen[3] = {0, 0, 0};

    for (uint32_t i = 1; i < 100; i++)
        assert_int_equal(balance_stick(&f->worker, items, 3, i, NOW_MS), 0);
    publish(f, 60, WEIGHT_FULL, ROUTE_OPEN, 0);
    for (uint32_t i = 1; i < 100; i++) {
        size_t chosen = balance_stick(&f->worker, items, 3, i, NOW_MS);

        assert_int_equal(chosen, balance_stick(&f->worker, items, 3, i, NOW_MS));
        seen[chosen]++;
    }
    assert_true(seen[0] == 0 && seen[1] > 20 && seen[2] > 20);
}

static void test_least_bad(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {
        {.row = 11, .weight = 1000}, {.row = 12, .weight = 1000}, {.row = 13, .weight = 1000}};

    publish(f, 11, 0, ROUTE_OPEN, NOW_MS + 500);
    publish(f, 12, 0, ROUTE_OPEN, NOW_MS + 100);
    publish(f, 13, 0, ROUTE_OPEN, NOW_MS + 900);
    assert_int_equal(balance_choose(&f->worker, items, 3, NOW_MS), 1);
    publish(f, 13, 0, ROUTE_HEALTHY, NOW_MS + 900); /* rate-limited is less bad than broken */
    assert_int_equal(balance_choose(&f->worker, items, 3, NOW_MS), 2);
}

static void test_spare_of_weight_zero(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 14, .weight = 1000}, {.row = 15, .weight = 0}};
    uint32_t counts[2];

    count(f, items, 2, counts);
    assert_int_equal(counts[0], DRAWS);
    publish(f, 14, 0, ROUTE_OPEN, NOW_MS + 100);
    assert_int_equal(balance_choose(&f->worker, items, 2, NOW_MS), 1);
}

static void test_single(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 16, .weight = 0}};

    publish(f, 16, 0, ROUTE_OPEN, NOW_MS + 100);
    assert_int_equal(balance_choose(&f->worker, items, 1, NOW_MS), 0);
}

/* A writer that died inside a row: the last good copy counts. */
static void test_dead_writer(void **state)
{
    struct fixture *f = *state;
    struct balance_item items[] = {{.row = 17, .weight = 1000}, {.row = 18, .weight = 1000}};
    uint32_t counts[2];
    struct weight unused;
    struct weight_row *row = NULL;
    char *base = f->inherit.regions.weights.base;

    publish(f, 17, WEIGHT_FULL, ROUTE_OPEN, 0);
    count(f, items, 2, counts);
    assert_int_equal(counts[1], DRAWS);
    /* find the row by its fresh write, then leave its lock odd */
    publish(f, 17, 4321, ROUTE_OPEN, 0);
    for (size_t at = 0; at < f->inherit.regions.weights.bytes && row == NULL; at += CACHE_LINE) {
        struct weight_row *candidate = (struct weight_row *)(void *)(base + at);

        if (atomic_load_explicit(&candidate->weight, memory_order_relaxed) == 4321 &&
            atomic_load_explicit(&candidate->state, memory_order_relaxed) == ROUTE_OPEN)
            row = candidate;
    }
    assert_non_null(row);
    seqlock_write_begin(&row->lock);
    assert_false(weights_read(&f->inherit.regions.weights, 17, &unused));
    count(f, items, 2, counts);
    assert_int_equal(counts[1], DRAWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured_shares),
        cmocka_unit_test(test_published_shares),
        cmocka_unit_test(test_own_load),
        cmocka_unit_test(test_open_is_left_alone),
        cmocka_unit_test(test_open_heals_by_itself),
        cmocka_unit_test(test_spare_weights),
        cmocka_unit_test(test_sessions_stay),
        cmocka_unit_test(test_sessions_on_spare_routes),
        cmocka_unit_test(test_least_bad),
        cmocka_unit_test(test_spare_of_weight_zero),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_dead_writer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
