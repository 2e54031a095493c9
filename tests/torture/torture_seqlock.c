#include <pthread.h>
#include <stdatomic.h>

#include "shm/map.h"
#include "shm/weights.h"
#include "tests/torture/torture.h"

#define ROWS 4
#define READERS 3
#define PUBLICATIONS (TORTURE_SANITIZED ? 50000 : 1000000)
#define KILLS 300

static struct region region;
static atomic_bool is_over;

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

/* Every field follows from one number, so that a mixture of two rows shows. */
static void publish(uint32_t row, uint32_t n)
{
    struct weight w = {n,        n + 1,    n + 2, n + 3, n + 4, n + 5,  n + 6,  7ull * n,
                       8ull * n, 9ull * n, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12};

    weights_publish(&region, row, &w);
}

static bool is_whole(const struct weight *w)
{
    uint32_t n = w->weight;

    if (w->samples == 0 && n == WEIGHT_FULL)
        return true; /* not yet published */
    return w->state == n + 1 && w->reason == n + 2 && w->first_byte_us == n + 3 &&
           w->total_us == n + 4 && w->error_permyriad == n + 5 && w->requests_per_min == n + 6 &&
           w->changed_ms == 7ull * n && w->retry_at_ms == 8ull * n && w->samples == 9ull * n &&
           w->first_byte_n == n + 7 && w->first_byte_p50_us == n + 8 &&
           w->first_byte_p90_us == n + 9 && w->first_byte_p95_us == n + 10 &&
           w->first_byte_p99_us == n + 11 && w->headroom == n + 12;
}

static void *read_on(void *ctx)
{
    uint64_t *reads = ctx;
    uint32_t row = 0;

    while (!atomic_load(&is_over)) {
        struct weight w;

        row = (row + 1) % ROWS;
        if (!weights_read(&region, row, &w))
            continue;
        if (!is_whole(&w))
            abort();
        ++*reads;
    }
    return NULL;
}

static void threads_see_whole_rows(void **state)
{
    pthread_t threads[READERS];
    uint64_t reads[READERS] = {0};

    (void)state;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reads[i]), 0);
    for (uint32_t n = 1; n <= PUBLICATIONS; n++)
        publish(n % ROWS, n);
    atomic_store(&is_over, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(reads[i] > 0);
    }
}

static void publish_on(void *ctx)
{
    const struct weights_shared *shared = region.base;
    uint32_t n = (uint32_t)atomic_load(&shared->rows[0].samples) / 9;

    (void)ctx;
    for (;;) {
        n++;
        for (uint32_t row = 0; row < ROWS; row++)
            publish(row, n);
    }
}

/* The readers outlive every writer, and the next writer goes on with whatever it finds. */
static void killed_writers_leave_readers_alive(void **state)
{
    const struct weights_shared *shared = region.base;
    struct torture_random random = {0x9e3779b97f4a7c15ull};
    uint32_t torn = 0;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        uint64_t began = atomic_load(&shared->rows[0].samples);
        uint64_t until = began + 9 * (1 + torture_next(&random) % 50);
        pid_t child = torture_start(publish_on, NULL);
        struct weight w;

        while (atomic_load(&shared->rows[0].samples) < until) {
            if (weights_read(&region, (uint32_t)(torture_next(&random) % ROWS), &w))
                assert_true(is_whole(&w));
        }
        torture_kill(child);
        for (uint32_t row = 0; row < ROWS; row++) {
            if (weights_read(&region, row, &w))
                assert_true(is_whole(&w));
            else
                torn++; /* it died inside: a bounded refusal, not an endless loop */
        }
    }
    printf("figure: seqlock: %d writers killed, %u rows left torn, all readers went on\n", KILLS,
           torn);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct weight w;

        publish(row, 1);
        assert_true(weights_read(&region, row, &w));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_writers_leave_readers_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_see_whole_rows, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
