#include "tests/unit/ledger_worker.h"

#define BILLION 1000000000000000000ull /* dollars, in nano-dollars */

static uint32_t take_at(const struct account *a, uint64_t cost, uint64_t real_ms)
{
    struct hold_want want = fixture_want(a, 1, cost, cost);

    want.real_ms = real_ms;
    return fixture_take(l, &want);
}

static void a_request_settles_where_it_was_held(void **state)
{
    struct account a = fixture_budget(&f, 100, 0);
    uint64_t next = FIXTURE_NOW + FIXTURE_HOUR;
    uint32_t old = take_at(&a, 90, FIXTURE_NOW);
    uint32_t older = take_at(&a, 10, FIXTURE_NOW);
    uint32_t hold = take_at(&a, 80, next); /* the budget has begun anew */

    (void)state;
    fixture_settle(l, old, 50);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW), 60);
    assert_int_equal(fixture_used(&f, &a, next), 80);
    fixture_settle(l, hold, 30);
    assert_int_equal(fixture_used(&f, &a, next), 30);
    /* A third window: the first one is not kept any more, and who settles there changes nothing. */
    hold = take_at(&a, 100, next + FIXTURE_HOUR);
    fixture_settle(l, older, 7);
    assert_int_equal(fixture_used(&f, &a, next), 30);
    assert_int_equal(fixture_used(&f, &a, next + FIXTURE_HOUR), 100);
    hold_release(l, hold);
    assert_int_equal(fixture_used(&f, &a, next + FIXTURE_HOUR), 0);
}

static void a_hold_of_nothing_is_booked_all_the_same(void **state)
{
    struct account a = fixture_budget(&f, 100, 10);
    uint32_t hold = take(&a, 1, 0, 0);

    (void)state;
    fixture_settle(l, hold, 12);
    assert_int_equal(used(&a), 12);
    fixture_settle(l, take(&a, 1, 0, 0), 0);
    assert_int_equal(used(&a), 12);
}

static void a_clock_that_comes_back_forgets_nothing(void **state)
{
    struct account a = fixture_budget(&f, 100, 0);
    uint64_t ahead = FIXTURE_NOW + 2 * FIXTURE_HOUR;
    struct hold_want want = fixture_want(&a, 1, 41, 41);
    struct refusal why;
    uint32_t hold;

    (void)state;
    fixture_settle(l, take_at(&a, 60, FIXTURE_NOW), 60);
    fixture_settle(l, take_at(&a, 10, FIXTURE_NOW + FIXTURE_HOUR), 10);
    /* One back: that window is kept. */
    assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_OVER);
    fixture_settle(l, take_at(&a, 70, ahead), 70);
    /* Two back: it is not, and the request counts in the earliest that is. */
    hold = take_at(&a, 30, FIXTURE_NOW);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW + FIXTURE_HOUR), 40);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW), 40);
    fixture_settle(l, hold, 20);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW + FIXTURE_HOUR), 30);
}

static void a_clock_far_ahead_does_not_stop_windows(void **state)
{
    struct account a = fixture_budget(&f, 100, 0);
    uint64_t far = FIXTURE_NOW + 100000 * FIXTURE_HOUR;

    (void)state;
    fixture_settle(l, take_at(&a, 100, far), 100);
    fixture_settle(l, take_at(&a, 100, far + FIXTURE_HOUR), 100);
    for (uint64_t i = 0; i < 5; i++) {
        uint64_t now = FIXTURE_NOW + i * FIXTURE_HOUR;
        struct hold_want want = fixture_want(&a, 1, 1, 1);
        struct refusal why;
        uint32_t hold;

        fixture_settle(l, take_at(&a, 100, now), 100);
        want.real_ms = now;
        assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_OVER);
        assert_int_equal(fixture_used(&f, &a, now), 100);
    }
}

static void what_the_journal_has_is_restored(void **state)
{
    struct account a = fixture_budget(&f, 100, 10);

    (void)state;
    account_restore(&f.regions.counters, &a, 99, 33);
    account_restore(&f.regions.counters, &a, 100, 95);
    account_restore(&f.regions.counters, &a, 98, 44); /* only the latest two are kept */
    assert_int_equal(used(&a), 95);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW - FIXTURE_HOUR), 33);
    (void)refused(&a, 1, 6, 6);
    (void)refused(&a, 1, 5, 16);
    fixture_settle(l, take(&a, 1, 5, 15), 9);
    assert_int_equal(used(&a), 104);
}

/* --- arithmetic --- */

/* Random holds of up to a billion dollars against what a model says. */
static void sums_are_those_of_a_model(void **state)
{
    struct account a[3] = {fixture_budget(&f, BILLION, 0), fixture_budget(&f, BILLION, BILLION),
                           fixture_budget(&f, BILLION, OVERSHOOT_AUTO)};
    uint64_t x = 88172645463325252ull;
    struct {
        uint32_t hold;
        uint64_t likely, worst;
    } open[64];
    uint32_t n = 0;
    unsigned __int128 spent = 0;
    unsigned __int128 likely = 0;
    unsigned __int128 worst = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct hold_want want;
        struct refusal why;
        uint64_t low;
        uint64_t high;
        uint32_t hold;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        low = x % (BILLION >> (x >> 40 & 31));
        high = low + x % (1 + (low >> 2));
        want = fixture_want(a, 3, low, high);
        if (n < 64 && x % 3 != 0) {
            bool fits = spent + worst + high <= BILLION && spent + likely + low <= BILLION;

            assert_int_equal(hold_take(l, &want, &hold, &why), fits ? HOLD_OK : HOLD_OVER);
            if (fits) {
                open[n].hold = hold;
                open[n].likely = low;
                open[n++].worst = high;
                likely += low;
                worst += high;
            }
        } else if (n > 0) {
            uint32_t at = (uint32_t)(x >> 20) % n;
            uint64_t cost = x % 5 == 0 ? 0 : open[at].worst / 64;

            assert_true(fixture_settle(l, open[at].hold, cost) > 0);
            outbox_trim(&live_slot(&f.regions.live, 0)->outbox, UINT64_MAX);
            spent += cost;
            likely -= open[at].likely;
            worst -= open[at].worst;
            open[at] = open[--n];
        }
        assert_int_equal(used(&a[0]), (uint64_t)(spent + worst));
        assert_int_equal(used(&a[1]), (uint64_t)(spent + likely));
        assert_int_equal(used(&a[2]), (uint64_t)(spent + likely));
    }
}

static void nothing_overflows(void **state)
{
    struct account a[2] = {fixture_budget(&f, UINT64_MAX, OVERSHOOT_AUTO),
                           fixture_budget(&f, UINT64_MAX, UINT64_MAX - 1)};
    struct refusal why;

    (void)state;
    for (int i = 0; i < 8; i++) {
        uint32_t hold = take(a, 2, 0, 0);

        assert_true(hold_raise(l, hold, UINT64_MAX, &why) || i >= 3);
        fixture_settle(l, hold, UINT64_MAX);
        if (i < 3)
            assert_int_equal(used(&a[0]), (uint64_t)(i + 1) << 62);
        else if (used(&a[0]) == UINT64_MAX)
            break;
    }
    assert_true(used(&a[0]) == UINT64_MAX && used(&a[1]) == UINT64_MAX);
    (void)refused(a, 2, 1, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_settles_where_it_was_held),
        TEST(a_hold_of_nothing_is_booked_all_the_same),
        TEST(a_clock_that_comes_back_forgets_nothing),
        TEST(a_clock_far_ahead_does_not_stop_windows),
        TEST(what_the_journal_has_is_restored),
        TEST(sums_are_those_of_a_model),
        TEST(nothing_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
