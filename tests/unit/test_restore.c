/*
 * New regions get back what the journal has booked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/agg_tools.h"
#include "tests/unit/money_fixture.h"

#include "server/base/clock.h"
#include "shm/calendar.h"
#include "shm/ledger.h"

#define CONFIG                                                                                     \
    "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\nteams: { t: { budgets: [{ limit: 5 }, { "   \
    "limit: 9, window: 1d, calendar: true, overshoot: none }] } }\n"

static uint64_t used(struct world *w, const struct account *a, uint64_t real_ms)
{
    struct usage_now now;

    account_usage(&w->regions, a, real_ms, &now);
    return now.used;
}

static void book(struct world *w, struct usage_store *s, const struct account *a, uint64_t real_ms)
{
    static uint64_t seq;
    struct record r = record_of(0);

    r.cost_nanousd = 1005;
    r.n_bookings = 1;
    r.bookings[0] =
        (struct booking){a->id, window_number(&w->regions.published, &a->window, real_ms)};
    add(s, 0, ++seq, &r);
}

static void counters_come_back(void **state)
{
    struct world *w = *state;
    struct usage_store *s;
    struct account rolling;
    struct account daily;
    struct account unknown = {.id = 77};
    uint64_t now_ms = clock_real_ms();

    (void)snprintf(dir, sizeof(dir), "%s", w->directory);
    world_apply(w, CONFIG);
    rolling = world_account(w, world_row(w, PLACE_TEAM, "t"), 0);
    daily = world_account(w, world_row(w, PLACE_TEAM, "t"), 1);
    assert_int_equal(restore_counters(w->money, &w->err), 0); /* no journal yet */
    s = open_store();
    for (int i = 0; i < 3; i++)
        book(w, s, &rolling, now_ms);
    book(w, s, &daily, now_ms - 2 * 86400000ull);
    book(w, s, &daily, now_ms);
    book(w, s, &unknown, now_ms);
    commit(s);
    usage_store_close(s);

    world_restart(w, CONFIG, false);
    rolling = world_account(w, world_row(w, PLACE_TEAM, "t"), 0);
    daily = world_account(w, world_row(w, PLACE_TEAM, "t"), 1);
    assert_int_equal(used(w, &rolling, now_ms), 0);
    assert_int_equal(restore_counters(w->money, &w->err), 0);
    assert_int_equal(used(w, &rolling, now_ms), 3 * 1005);
    assert_int_equal(used(w, &daily, now_ms), 1005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_come_back, world_begin, world_end),
    };

    return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
