/* The heap gives its timers in order, whatever is started, moved and stopped in between. */
#include "tests/unit/unit.h"

#include "server/base/base.h"
#include "tools/mock/timers.h"

#define COUNT 500

static uint32_t random_below(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % n;
}

static void test_in_order(void **state)
{
    struct mock_timers heap = {0};
    struct mock_timer timers[COUNT] = {0};
    uint32_t seed = 7;
    uint64_t last = 0;
    size_t running = 0;
    size_t seen = 0;

    (void)state;
    assert_null(mock_timers_first(&heap));
    for (size_t i = 0; i < 10 * COUNT; i++) {
        struct mock_timer *t = &timers[random_below(&seed, COUNT)];

        if (random_below(&seed, 3) == 0)
            mock_timer_stop(&heap, t);
        else
            mock_timer_start(&heap, t, random_below(&seed, 1000));
    }
    for (size_t i = 0; i < COUNT; i++)
        running += timers[i].place != 0;
    assert_true(running > COUNT / 4);
    for (struct mock_timer *t = mock_timers_first(&heap); t != NULL; t = mock_timers_first(&heap)) {
        assert_true(t->due_ms >= last);
        last = t->due_ms;
        seen++;
        mock_timer_stop(&heap, t);
        mock_timer_stop(&heap, t); /* harmless */
    }
    assert_int_equal(seen, running);
    mock_timers_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
