#include "tests/unit/ledger_worker.h"

#define DOLLAR 1000000000ull

static void without_overshoot_the_worst_is_held(void **state)
{
    struct account a = fixture_budget(&f, 10 * DOLLAR, 0);
    struct refusal why;
    uint32_t hold;

    (void)state;
    hold = take(&a, 1, 1 * DOLLAR, 6 * DOLLAR);
    assert_int_equal(used(&a), 6 * DOLLAR);
    why = refused(&a, 1, 1 * DOLLAR, 4 * DOLLAR + 1);
    assert_int_equal(why.account.id, a.id);
    assert_int_equal(why.used, 6 * DOLLAR);
    assert_int_equal(why.reset_ms, CALENDAR_EPOCH_MS + 101 * FIXTURE_HOUR);
    assert_int_equal(used(&a), 6 * DOLLAR);
    assert_int_equal(fixture_settle(l, hold, 2 * DOLLAR), 1);
    assert_int_equal(used(&a), 2 * DOLLAR);
    hold = take(&a, 1, 8 * DOLLAR, 8 * DOLLAR);
    assert_int_equal(used(&a), 10 * DOLLAR);
    hold_release(l, hold);
    assert_int_equal(used(&a), 2 * DOLLAR);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 0);
}

static void a_stated_overshoot_bounds_the_worst(void **state)
{
    struct account a = fixture_budget(&f, 10 * DOLLAR, 2 * DOLLAR);
    struct refusal why;
    uint32_t holds[2];

    (void)state;
    holds[0] = take(&a, 1, 1 * DOLLAR, 6 * DOLLAR);
    holds[1] = take(&a, 1, 1 * DOLLAR, 6 * DOLLAR);
    assert_int_equal(used(&a), 2 * DOLLAR);
    why = refused(&a, 1, 0, 1); /* 12 may be the worst, and it is */
    assert_int_equal(why.used, 2 * DOLLAR);
    assert_int_equal(used(&a), 2 * DOLLAR);
    fixture_settle(l, holds[0], 6 * DOLLAR);
    fixture_settle(l, holds[1], 5 * DOLLAR);
    assert_int_equal(used(&a), 11 * DOLLAR);
    (void)refused(&a, 1, 1, 1);         /* within the overshoot, but the limit is used up */
    hold_release(l, take(&a, 1, 0, 0)); /* what costs nothing always fits */
}

static void auto_holds_the_likely_and_lets_it_grow(void **state)
{
    struct account a = fixture_budget(&f, 10 * DOLLAR, OVERSHOOT_AUTO);
    struct refusal why;
    uint32_t first = take(&a, 1, 4 * DOLLAR, 100 * DOLLAR);
    uint32_t second = take(&a, 1, 6 * DOLLAR, 100 * DOLLAR);

    (void)state;
    assert_int_equal(used(&a), 10 * DOLLAR);
    (void)refused(&a, 1, 1, 1);
    assert_true(hold_raise(l, first, 3 * DOLLAR, &why)); /* less than it has: nothing to do */
    assert_int_equal(used(&a), 10 * DOLLAR);
    assert_true(hold_raise(l, first, 5 * DOLLAR, &why));
    assert_int_equal(used(&a), 11 * DOLLAR);
    assert_false(hold_raise(l, second, 6 * DOLLAR + 1, &why));
    assert_int_equal(why.account.id, a.id);
    assert_int_equal(why.used, 11 * DOLLAR);
    assert_int_equal(used(&a), 11 * DOLLAR);
    hold_release(l, first);
    assert_int_equal(used(&a), 6 * DOLLAR);
    assert_true(hold_raise(l, second, 11 * DOLLAR, &why));
    fixture_settle(l, second, 1);
    assert_int_equal(used(&a), 1);
}

static void a_raise_is_all_or_nothing(void **state)
{
    struct account a[3] = {fixture_budget(&f, 100 * DOLLAR, OVERSHOOT_AUTO),
                           fixture_budget(&f, 100 * DOLLAR, 0),
                           fixture_budget(&f, 10 * DOLLAR, OVERSHOOT_AUTO)};
    struct refusal why;
    uint32_t hold = take(a, 3, 2 * DOLLAR, 3 * DOLLAR);

    (void)state;
    assert_false(hold_raise(l, hold, 12 * DOLLAR, &why));
    assert_int_equal(why.account.id, a[2].id);
    assert_int_equal(used(&a[0]), 2 * DOLLAR);
    assert_int_equal(used(&a[1]), 3 * DOLLAR);
    assert_int_equal(used(&a[2]), 2 * DOLLAR);
    assert_true(hold_raise(l, hold, 11 * DOLLAR, &why));
    assert_int_equal(used(&a[0]), 11 * DOLLAR);
    assert_int_equal(used(&a[1]), 3 * DOLLAR);
    hold_release(l, hold);
    for (int i = 0; i < 3; i++)
        assert_int_equal(used(&a[i]), 0);
}

static void concurrency_is_exact(void **state)
{
    struct account a = fixture_account(&f, ACCOUNT_CONCURRENCY, 3, 0);
    struct refusal why;
    uint32_t holds[3];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            holds[i] = take(&a, 1, 0, 0);
        why = refused(&a, 1, 0, 0);
        assert_int_equal(why.used, 3);
        assert_int_equal(why.reset_ms, 0);
        assert_int_equal(account_held(&f.regions, &a, 0), 3);
        hold_release(l, holds[0]);
        fixture_settle(l, holds[1], 5 * DOLLAR);
        assert_int_equal(used(&a), 1);
        fixture_settle(l, holds[2], 0);
        assert_int_equal(used(&a), 0);
    }
}

static void all_or_nothing(void **state)
{
    struct account a[4] = {fixture_budget(&f, 100, 0),
                           fixture_account(&f, ACCOUNT_CONCURRENCY, 9, 0),
                           fixture_budget(&f, 100, 30), fixture_budget(&f, 5, OVERSHOOT_AUTO)};

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct refusal why = refused(a, 4, 6, 20);

        assert_int_equal(why.account.id, a[3].id);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(used(&a[i]), 0);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 0);
}

static void of_many_accounts_none_is_forgotten(void **state)
{
    struct account a[HOLD_ACCOUNTS_MAX + 1];
    struct hold_want want;
    struct refusal why;
    struct record rec;
    uint32_t hold;

    (void)state;
    for (uint32_t i = 0; i <= HOLD_ACCOUNTS_MAX; i++)
        a[i] = i < RECORD_BOOKINGS_MAX ? fixture_budget(&f, 100, i % 3)
                                       : fixture_account(&f, ACCOUNT_CONCURRENCY, 9, 0);
    want = fixture_want(a, HOLD_ACCOUNTS_MAX + 1, 5, 7);
    assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_FULL);
    assert_int_equal(used(&a[0]), 0);
    hold = take(a, HOLD_ACCOUNTS_MAX, 5, 7);
    hold_bookings(l, hold, &rec);
    assert_int_equal(rec.n_bookings, RECORD_BOOKINGS_MAX);
    for (uint32_t i = 0; i < HOLD_ACCOUNTS_MAX; i++)
        assert_true(used(&a[i]) > 0);
    fixture_settle(l, hold, 6);
    for (uint32_t i = 0; i < HOLD_ACCOUNTS_MAX; i++)
        assert_int_equal(used(&a[i]), i < RECORD_BOOKINGS_MAX ? 6 : 0);
}

static void check_booked(void *ctx, const struct record *rec)
{
    const struct account *a = ctx;

    assert_int_equal(rec->cost_nanousd, 42);
    assert_int_equal(rec->n_bookings, a != NULL);
    if (a != NULL) {
        assert_int_equal(rec->bookings[0].account, a->id);
        assert_int_equal(rec->bookings[0].window, 100);
    }
}

static void the_record_says_what_was_booked(void **state)
{
    struct account a[2] = {fixture_account(&f, ACCOUNT_CONCURRENCY, 3, 0),
                           fixture_budget(&f, 100, OVERSHOOT_AUTO)};
    struct account rate = fixture_account(&f, ACCOUNT_REQUESTS, 3, 60000);

    (void)state;
    assert_int_equal(fixture_settle(l, take(a, 2, 50, 60), 42), 1);
    assert_int_equal(fixture_records(&f, 0, 1, check_booked, &a[1]), 2);
    assert_int_equal(fixture_settle(l, take(NULL, 0, 50, 60), 42), 2);
    assert_int_equal(fixture_settle(l, take(&rate, 1, 50, 60), 42), 3); /* not a hold's business */
    assert_int_equal(fixture_records(&f, 0, 2, check_booked, NULL), 4);
    assert_int_equal(used(&rate), 0);
}

/* --- a worker's death --- */

static void check_crashed(void *ctx, const struct record *rec)
{
    const struct account *a = ctx;

    assert_int_equal(rec->flags, RECORD_ESTIMATED | RECORD_CRASHED);
    assert_int_equal(rec->tokens.input, 100);
    assert_int_equal(rec->tokens.output, 251);
    /* 100 x 2,500 + 251 x 10,000 + 11 */
    assert_int_equal(rec->cost_nanousd, 2760011);
    assert_str(rec->key_name, "a-key");
    assert_str(rec->provider, "openai");
    assert_str(rec->model, "gpt-4o");
    assert_str(rec->endpoint, "chat.completions");
    assert_str(rec->provider_key, "");
    assert_int_equal(rec->total_us, 500000);
    assert_int_equal(rec->n_bookings, 1);
    assert_int_equal(rec->bookings[0].account, a->id);
}

static void a_dead_workers_holds_end(void **state)
{
    struct account a[2] = {fixture_budget(&f, 10 * DOLLAR, OVERSHOOT_AUTO),
                           fixture_account(&f, ACCOUNT_CONCURRENCY, 5, 0)};
    struct recovered ended;
    uint32_t sent;

    (void)state;
    (void)take(a, 2, 3 * DOLLAR, 3 * DOLLAR);
    sent = take(a, 2, 1 * DOLLAR, 1 * DOLLAR);
    (void)take(a, 2, 2 * DOLLAR, 2 * DOLLAR);
    hold_sent(l, sent);
    hold_streamed(l, sent, 1001);
    assert_int_equal(account_held(&f.regions, &a[0], 100), 6 * DOLLAR);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 3);
    ended = ledger_recover(&f.regions, 0, FIXTURE_NOW);
    assert_int_equal(ended.returned, 2);
    assert_int_equal(ended.settled, 1);
    assert_int_equal(ended.unrecorded, 0);
    assert_int_equal(used(&a[0]), 2760011);
    assert_int_equal(used(&a[1]), 0);
    assert_int_equal(account_held(&f.regions, &a[0], 100), 0);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 0);
    assert_int_equal(fixture_records(&f, 0, 1, check_crashed, &a[0]), 2);
    ended = ledger_recover(&f.regions, 0, FIXTURE_NOW); /* nothing is left to do */
    assert_int_equal(ended.returned + ended.settled, 0);
    assert_int_equal(used(&a[0]), 2760011);
    ledger_close(l);
    l = fixture_worker(&f, 0);
    fixture_settle(l, take(a, 2, DOLLAR, DOLLAR), 1);
    assert_int_equal(used(&a[0]), 2760012);
}

static void an_account_that_was_removed_limits_nothing(void **state)
{
    struct account a[2] = {fixture_budget(&f, 5, 0), fixture_budget(&f, 100, 0)};
    struct account copies[2] = {a[0], a[1]};
    struct refusal why;
    uint32_t hold;

    (void)state;
    hold = take(a, 2, 5, 5);
    account_table_remove(f.table, a[0].index);
    assert_true(take(copies, 2, 50, 50) != hold);
    assert_int_equal(used(&a[1]), 55);
    assert_true(hold_raise(l, hold, 9, &why));
    fixture_settle(l, hold, 4);
    assert_int_equal(used(&a[1]), 54);
}

/* --- many at once --- */

#define RACERS 4
#define RACE_LIMIT 20000

static void race(void *ctx)
{
    struct account *a = ctx;
    uint32_t slot = (uint32_t)a[2].index;
    struct ledger *mine = fixture_worker(&f, slot);
    struct hold_want want = fixture_want(a, 2, 3, 3);
    uint32_t refusals = 0;
    uint32_t turn = 0;

    /* Who is refused looks again: what another holds may come back. */
    while (refusals < 2000) {
        struct refusal why;
        uint32_t hold;

        if (hold_take(mine, &want, &hold, &why) != HOLD_OK) {
            refusals++;
            if (why.used < why.account.limit - 2 || why.used > why.account.limit)
                _exit(1);
            continue;
        }
        refusals = 0;
        if (turn++ % 4 == 0)
            hold_release(mine, hold);
        else
            (void)fixture_settle(mine, hold, 1);
        outbox_trim(&live_slot(&f.regions.live, slot)->outbox, UINT64_MAX);
    }
    ledger_close(mine);
}

static void all_of_a_budget_is_spendable_and_no_more(void **state)
{
    struct account a[3] = {fixture_budget(&f, RACE_LIMIT, 0), fixture_budget(&f, RACE_LIMIT, 0)};
    pid_t children[RACERS];
    uint64_t most = 0;

    (void)state;
    for (uint32_t i = 0; i < RACERS; i++) {
        a[2].index = i + 1;
        children[i] = fork();
        if (children[i] == 0) {
            race(a);
            _exit(0);
        }
        assert_true(children[i] > 0);
    }
    for (uint32_t left = RACERS; left > 0;) {
        int status;

        most = max_u64(most, used(&a[0]));
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            left--;
        }
    }
    assert_true(most <= RACE_LIMIT);
    /* Three are held for each one spent: the last two cannot be had. */
    assert_true(used(&a[0]) > RACE_LIMIT - 3 && used(&a[0]) <= RACE_LIMIT);
    assert_int_equal(used(&a[0]), used(&a[1]));
}

/* hold_look says what hold_take would, for the same reason, and leaves the counters as they are. */
static void looking_is_as_taking_and_takes_nothing(void **state)
{
    struct account a[2] = {fixture_budget(&f, 10 * DOLLAR, 0),
                           fixture_account(&f, ACCOUNT_CONCURRENCY, 2, 0)};
    struct hold_want want = fixture_want(a, 2, 1 * DOLLAR, 4 * DOLLAR);
    struct refusal why;
    struct refusal looked;

    (void)state;
    for (uint32_t n = 0; n < 2; n++) {
        assert_int_equal(hold_look(l, &want, &looked), HOLD_OK);
        assert_int_equal(used(&a[0]), n * 4 * DOLLAR);
        assert_int_equal(used(&a[1]), n);
        assert_int_equal(ledger_holds(&f.regions.live, 0), n);
        (void)take(a, 2, 1 * DOLLAR, 4 * DOLLAR);
    }
    for (uint32_t first = 0; first < 2; first++) { /* of both, then of the places alone */
        want.accounts = &a[first];
        want.n = 2 - first;
        why = refused(want.accounts, want.n, 1 * DOLLAR, 4 * DOLLAR);
        assert_int_equal(hold_look(l, &want, &looked), HOLD_OVER);
        assert_int_equal(looked.account.id, why.account.id);
        assert_int_equal(looked.account.id, a[first].id);
        assert_int_equal(looked.used, why.used);
        assert_int_equal(looked.reset_ms, why.reset_ms);
    }
    assert_int_equal(used(&a[0]), 8 * DOLLAR);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_overshoot_the_worst_is_held),
        TEST(a_stated_overshoot_bounds_the_worst),
        TEST(auto_holds_the_likely_and_lets_it_grow),
        TEST(a_raise_is_all_or_nothing),
        TEST(concurrency_is_exact),
        TEST(all_or_nothing),
        TEST(of_many_accounts_none_is_forgotten),
        TEST(the_record_says_what_was_booked),
        TEST(a_dead_workers_holds_end),
        TEST(an_account_that_was_removed_limits_nothing),
        TEST(looking_is_as_taking_and_takes_nothing),
        TEST(all_of_a_budget_is_spendable_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
