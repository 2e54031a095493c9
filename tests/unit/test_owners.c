#include "shm/map.h"
#include "tests/unit/ledger_fixture.h"

static struct ledger_fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

static void open_again(void)
{
    owner_table_close(f.table);
    f.table = owner_table_open(&f.regions.published, &f.regions.counters, &f.regions.live);
}

static void an_owner_is_what_was_put(void **state)
{
    struct error err = ERROR_INIT;
    struct owner team = {.kind = OWNER_TEAM, .id = 11, .n_accounts = 2, .accounts = {5, 6}};
    struct owner key = {.kind = OWNER_KEY, .id = 12, .flags = OWNER_BLOCKED};
    struct owner got;

    (void)state;
    assert_false(owner_read(&f.regions.published, 1, &got));
    assert_int_equal(owner_table_add(f.table, &team, &err), 0);
    assert_true(team.index != ROW_NONE);
    key.parent = team.index;
    assert_int_equal(owner_table_add(f.table, &key, &err), 0);
    assert_true(owner_read(&f.regions.published, key.index, &got));
    assert_memory_equal(&got, &key, sizeof(got));
    assert_true(owner_read(&f.regions.published, got.parent, &got));
    assert_memory_equal(&got, &team, sizeof(got));
    team.n_accounts = 1;
    team.flags = OWNER_BLOCKED;
    owner_table_put(f.table, &team);
    assert_true(owner_read(&f.regions.published, team.index, &got));
    assert_int_equal(got.n_accounts, 1);
    assert_int_equal(got.flags, OWNER_BLOCKED);
    assert_int_equal(owners_high(&f.regions.published), 3);
    owner_table_remove(f.table, team.index);
    owner_table_remove(f.table, team.index); /* twice is as good as once */
    assert_false(owner_read(&f.regions.published, team.index, &got));
    assert_false(owner_read(&f.regions.published, ROW_NONE, &got));
    assert_false(owner_read(&f.regions.published, OWNERS_MAX, &got));
    assert_false(owner_read(&f.regions.published, UINT32_MAX, &got));
}

static void an_account_keeps_its_counters(void **state)
{
    struct account a = fixture_budget(&f, 100, OVERSHOOT_AUTO);
    struct ledger *l = fixture_worker(&f, 0);
    struct hold_want want = fixture_want(&a, 1, 60, 60);
    struct refusal why;
    struct account got;
    uint32_t hold;

    (void)state;
    assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_OK);
    a.limit = 500;
    a.window.calendar = 3;
    account_table_put(f.table, &a);
    assert_true(account_read(&f.regions.published, a.index, &got));
    assert_memory_equal(&got, &a, sizeof(got));
    a.window.calendar = ROW_NONE;
    account_table_put(f.table, &a);
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW), 60);
    hold_release(l, hold);
    ledger_close(l);
}

/* Add and remove until row `index` is given away again; how often that took. */
static uint32_t turns_until(uint32_t index, uint32_t max)
{
    for (uint32_t i = 0; i < max; i++) {
        struct account a = fixture_account(&f, ACCOUNT_CONCURRENCY, 1, 0);

        if (a.index == index)
            return i;
        account_table_remove(f.table, a.index);
    }
    return max;
}

static void a_named_row_is_not_given_away(void **state)
{
    struct account a = fixture_budget(&f, 100, 0);
    struct account b = fixture_budget(&f, 100, 0);
    struct account both[2] = {a, b};
    struct ledger *l = fixture_worker(&f, 3);
    struct hold_want want = fixture_want(both, 1, 60, 60);
    struct refusal why;
    uint32_t hold;
    uint32_t turns;

    (void)state;
    live_take(live_slot(&f.regions.live, 0), 1, FIXTURE_NOW);
    live_take(live_slot(&f.regions.live, 1), 1, FIXTURE_NOW);
    live_take(live_slot(&f.regions.live, 2), 1, FIXTURE_NOW);
    assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_OK);
    account_table_remove(f.table, a.index);
    account_table_remove(f.table, b.index);
    turns = turns_until(b.index, 200000);
    assert_true(turns > 1000 && turns < 200000); /* it rests, and then it is used again */
    assert_int_equal(turns_until(a.index, 200000), 200000);
    assert_true(accounts_high(&f.regions.published) < 50000);
    hold_release(l, hold);
    turns = turns_until(a.index, 200000);
    assert_true(turns < 200000);
    a.id = f.next_id - 1;
    a.kind = ACCOUNT_CONCURRENCY;
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW), 0); /* nothing is left of what it was */
    ledger_close(l);
}

static void rows_are_taken_over(void **state)
{
    struct account a[3] = {fixture_budget(&f, 1, 0), fixture_budget(&f, 2, 0),
                           fixture_budget(&f, 3, 0)};
    struct published_shared *p = f.regions.published.base;
    struct owner owner = {.kind = OWNER_CUSTOMER, .id = 5};
    struct error err = ERROR_INIT;
    struct account got;
    struct owner got_owner;

    (void)state;
    assert_int_equal(owner_table_add(f.table, &owner, &err), 0);
    account_table_remove(f.table, a[1].index);
    seqlock_write_begin(&p->accounts[a[2].index].lock); /* its writer dies here */
    assert_false(account_read(&f.regions.published, a[2].index, &got));
    open_again();
    assert_true(account_read(&f.regions.published, a[0].index, &got));
    assert_int_equal(got.limit, 1);
    assert_false(account_read(&f.regions.published, a[1].index, &got));
    assert_false(account_read(&f.regions.published, a[2].index, &got));
    assert_true(owner_read(&f.regions.published, owner.index, &got_owner));
    assert_int_equal(accounts_high(&f.regions.published), 4);
    a[1] = fixture_budget(&f, 7, 0);
    assert_true(account_read(&f.regions.published, a[1].index, &got));
    assert_int_equal(got.limit, 7);
}

static void a_row_that_cannot_be_is_none(void **state)
{
    struct account a = fixture_budget(&f, 1, 0);
    struct published_shared *p = f.regions.published.base;
    struct owner owner = {.kind = OWNER_CUSTOMER, .id = 5};
    struct error err = ERROR_INIT;
    struct account got;
    struct owner got_owner;

    (void)state;
    assert_int_equal(owner_table_add(f.table, &owner, &err), 0);
    p->accounts[a.index].kind = ACCOUNT_KINDS;
    assert_false(account_read(&f.regions.published, a.index, &got));
    p->owners[owner.index].n_accounts = OWNER_ACCOUNTS_MAX + 1;
    assert_false(owner_read(&f.regions.published, owner.index, &got_owner));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_owner_is_what_was_put),      TEST(an_account_keeps_its_counters),
        TEST(a_named_row_is_not_given_away), TEST(rows_are_taken_over),
        TEST(a_row_that_cannot_be_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
