/*
 * What workers tell each other of waiting requests: bounds over all slots, turns, and a dead worker's part.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "shm/live.h"
#include "tests/unit/unit.h"

#define RACERS 4
#define ROUNDS 20000
#define AT_MOST 2

static struct region region;

static int set_up(void **state)
{
    struct error err;

    (void)state;
    if (region_create(REGION_LIVE, 1, &region, &err) != 0)
        return -1;
    for (uint32_t i = 0; i < RACERS; i++)
        live_take(live_slot(&region, i), i + 1, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    region_close(&region);
    return 0;
}

static void want(uint32_t slot, uint32_t account) /* 0: nothing */
{
    queues_want(&region, slot, &account, account != 0);
}

static void accounts_are_told_apart(void **state)
{
    const uint32_t accounts[] = {7, 9};

    (void)state;
    queues_want(&region, 1, accounts, 2);
    assert_true(queues_is_wanted(&region, 7));
    assert_true(queues_is_wanted(&region, 9));
    assert_false(queues_is_wanted(&region, 8));
    assert_true((queues_wanted(&region) & queues_bit(7 + 64)) != 0); /* the same bit ... */
    assert_false(queues_is_wanted(&region, 7 + 64));                 /* ... of another one */
    want(1, 9);
    assert_false(queues_is_wanted(&region, 7));
    assert_true(queues_is_wanted(&region, 9));
    want(1, 0);
    assert_true(queues_wanted(&region) == 0);
}

static void a_bound_is_over_all_slots(void **state)
{
    (void)state;
    assert_true(queues_enter(&region, 0, 5, 3));
    assert_true(queues_enter(&region, 1, 5, 3));
    assert_true(queues_enter(&region, 1, 5, 3));
    assert_false(queues_enter(&region, 2, 5, 3));
    assert_true(queues_enter(&region, 2, 6, 3)); /* another queue */
    assert_int_equal(queues_waiting(&region, 5), 3);
    queues_leave(&region, 1, 5, true);
    queues_leave(&region, 0, 5, false);
    assert_int_equal(queues_waiting(&region, 5), 1);
    assert_true(queues_passed(&region, 5) == 1);
    assert_true(queues_enter(&region, 3, 5, 2));
}

static void a_dead_worker_waits_for_nothing(void **state)
{
    (void)state;
    assert_true(queues_enter(&region, 0, 0, 10));
    assert_true(queues_enter(&region, 1, 0, 10));
    want(0, 7);
    want(1, 8);
    queues_leave(&region, 0, 0, true);
    assert_true(queues_enter(&region, 0, 0, 10));
    live_wipe(live_slot(&region, 0));
    assert_int_equal(queues_waiting(&region, 0), 1);
    assert_true(queues_wanted(&region) == queues_bit(8));
    assert_true(queues_passed(&region, 0) == 1); /* what was counted stays */
}

static void workers_take_turns(void **state)
{
    (void)state;
    want(0, 3);
    queues_begin(&region, 0);
    want(1, 3);
    assert_false(queues_is_later(&region, 0, queues_bit(3)));
    queues_took(&region, 0, 100);
    assert_true(queues_is_later(&region, 0, queues_bit(3)));
    assert_false(queues_is_later(&region, 0, queues_bit(4))); /* nobody else wants it */
    assert_false(queues_is_later(&region, 1, queues_bit(3)));
    queues_took(&region, 1, 150);
    assert_false(queues_is_later(&region, 0, queues_bit(3)));
    /* who comes to wait now is not owed what it did not ask for */
    queues_begin(&region, 2);
    want(2, 3);
    assert_true(queues_is_later(&region, 1, queues_bit(3)));
    assert_false(queues_is_later(&region, 0, queues_bit(3)));
    assert_true(queues_wanted_elsewhere(&region, 2) == queues_bit(3));
    /* nor does it owe for ever what it had while nobody else waited */
    want(0, 0);
    queues_took(&region, 0, 1000 * QUEUES_TURN_MOST);
    queues_begin(&region, 0);
    want(0, 3);
    assert_true(queues_is_later(&region, 0, queues_bit(3)));
    queues_took(&region, 1, QUEUES_TURN_MOST + 1);
    queues_took(&region, 2, QUEUES_TURN_MOST + 1);
    assert_false(queues_is_later(&region, 0, queues_bit(3)));
    want(0, 0);
    want(1, 0);
    assert_true(queues_wanted_elsewhere(&region, 2) == 0);
}

/* Each of them sees all who are in: never more than may, and somebody gets in. */
static void race(uint32_t slot, _Atomic uint32_t *inside, _Atomic uint32_t *most)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t now;
        uint32_t seen;

        if (!queues_enter(&region, slot, 9, AT_MOST))
            continue;
        now = atomic_fetch_add(inside, 1) + 1;
        seen = atomic_load(most);
        while (seen < now && !atomic_compare_exchange_weak(most, &seen, now))
            ;
        atomic_fetch_sub(inside, 1);
        queues_leave(&region, slot, 9, true);
    }
}

static void never_more_than_may(void **state)
{
    void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    _Atomic uint32_t *shared = room;
    pid_t children[RACERS];

    (void)state;
    assert_ptr_not_equal(room, MAP_FAILED);
    for (uint32_t i = 0; i < RACERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            race(i, &shared[0], &shared[16]);
            _exit(0);
        }
    }
    for (uint32_t i = 0; i < RACERS; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_in_range(atomic_load(&shared[16]), 1, AT_MOST);
    assert_int_equal(queues_waiting(&region, 9), 0);
    assert_true(queues_passed(&region, 9) > 0);
    assert_int_equal(munmap(room, 4096), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accounts_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bound_is_over_all_slots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dead_worker_waits_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_more_than_may, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
