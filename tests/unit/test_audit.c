/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "server/aggregator/audit.h"
#include "server/aggregator/records.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/live.h"
#include "shm/map.h"
#include "shm/owners.h"
#include "shm/weights.h"
#include "tests/unit/agg_tools.h"

#define ACCOUNTS 3
#define HOUR_MS 3600000ull
#define AHEAD_MAX 20000

static struct regions regions;
static struct owner_table *table;
static struct usage_store *store;
static struct records *records;
static struct ledger *ledger;
static struct account accounts[ACCOUNTS];

static int begin(void **state)
{
    struct error err = ERROR_INIT;

    if (make_dir(state) != 0 ||
        region_create(REGION_PUBLISHED, BOOT_ID, &regions.published, &err) != 0 ||
        region_create(REGION_WEIGHTS, BOOT_ID, &regions.weights, &err) != 0 ||
        region_create(REGION_LIVE, BOOT_ID, &regions.live, &err) != 0 ||
        region_create(REGION_COUNTERS, BOOT_ID, &regions.counters, &err) != 0)
        return -1;
    table = owner_table_open(&regions.published, &regions.counters, &regions.live);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        accounts[i] =
            (struct account){.kind = ACCOUNT_BUDGET,
                             .id = 100 + i,
                             .limit = 1000000000000,
                             .window = {.anchor_ms = NOW_MS - 10 * HOUR_MS, .length_ms = HOUR_MS}};
        if (account_table_add(table, &accounts[i], &err) != 0)
            return -1;
    }
    live_take(live_slot(&regions.live, 0), (uint32_t)getpid(), NOW_MS);
    ledger = ledger_open(&regions, 0);
    store = open_store();
    records = records_create(&regions.live, &regions.weights, store, &counters);
    return 0;
}

static int end(void **state)
{
    records_free(records);
    usage_store_close(store);
    ledger_close(ledger);
    owner_table_close(table);
    region_close(&regions.published);
    region_close(&regions.weights);
    region_close(&regions.live);
    region_close(&regions.counters);
    return remove_dir(state);
}

static uint32_t take(uint64_t likely, uint64_t real_ms)
{
    struct hold_note note = {.begun_ms = real_ms};
    struct hold_want want = {accounts, ACCOUNTS, likely, likely, real_ms, &note};
    struct refusal why;
    uint32_t hold = 0;

    assert_int_equal(hold_take(ledger, &want, &hold, &why), HOLD_OK);
    return hold;
}

static void settle(uint32_t hold, uint64_t cost)
{
    struct record r = {.begun_ms = NOW_MS, .status = 200, .cost_nanousd = cost};

    hold_bookings(ledger, hold, &r);
    assert_int_not_equal(hold_settle(ledger, hold, &r, weights_stored(&regions.weights, 0)), 0);
}

static void store_some(void)
{
    struct error err = ERROR_INIT;

    assert_true(records_sweep(records, true, clock_mono_ms(), NOW_MS, &err) >= 0);
    ok(records_commit(records, NOW_MS, &err));
}

static struct audit audit_at(uint64_t real_ms, struct arena *a)
{
    struct query *q = query_open(dir);
    struct error err = ERROR_INIT;
    struct audit out;

    ok(audit_money(&regions, q, real_ms, a, &out, &err));
    query_close(q);
    return out;
}

static struct audit audit_now(struct arena *a)
{
    return audit_at(NOW_MS, a);
}

static struct counter *counter_of(const struct account *a)
{
    struct counters_shared *shared = regions.counters.base;
    struct counter_row *row = &shared->rows[a->index];

    return row->used[0].amount != 0 ? &row->used[0] : &row->used[1];
}

static void test_holds_outboxes_and_journal_add_up(void **state)
{
    struct arena *a = arena_create(4096);
    struct audit out = audit_now(a);
    uint32_t open;

    (void)state;
    assert_int_equal(out.accounts, ACCOUNTS);
    assert_int_equal(out.difference, 0);
    settle(take(500, NOW_MS), 100);
    store_some();
    settle(take(500, NOW_MS), 70); /* waits */
    open = take(9, NOW_MS);
    out = audit_now(a);
    assert_int_equal(out.difference, 0);
    assert_int_equal(out.n_rows, 0);
    assert_int_equal(out.journal, 300);
    assert_int_equal(out.waiting, 210);
    assert_int_equal(out.held, 27);
    assert_int_equal(out.counter, 537);
    assert_true(out.has_log);
    assert_int_equal(out.log, 300);
    hold_release(ledger, open);
    store_some();
    out = audit_now(a);
    assert_int_equal(out.difference, 0);
    assert_int_equal(out.counter, 510);
    assert_int_equal(out.log_rows, 2);
    arena_free(a);
}

/* Two windows are kept; of the one before them only journal and log tell. */
static void test_windows_of_before(void **state)
{
    struct arena *a = arena_create(4096);
    struct audit out;

    (void)state;
    for (uint64_t h = 0; h < 3; h++)
        settle(take(5, NOW_MS + h * HOUR_MS), 5);
    store_some();
    out = audit_at(NOW_MS + 3 * HOUR_MS, a);
    assert_int_equal(out.difference, 0);
    assert_int_equal(out.windows, 3 * ACCOUNTS);
    assert_int_equal(out.counter, 2 * 5 * ACCOUNTS);
    assert_int_equal(out.log_windows, 3 * ACCOUNTS);
    arena_free(a);
}

static void test_a_counter_that_is_wrong_is_found(void **state)
{
    struct arena *a = arena_create(4096);
    struct audit out;

    (void)state;
    settle(take(500, NOW_MS), 100);
    counter_of(&accounts[1])->amount -= 40;
    counter_of(&accounts[2])->amount += 3;
    out = audit_now(a);
    assert_int_equal(out.difference, 43);
    assert_int_equal(out.busy, 0);
    assert_int_equal(out.n_rows, 2);
    assert_int_equal(out.rows[0].kind, AUDIT_COUNTER);
    assert_int_equal(out.rows[0].key.account, 101);
    assert_true(out.rows[0].difference == -40);
    assert_int_equal(out.rows[0].counter, 60);
    assert_int_equal(out.rows[0].waiting, 100);
    assert_true(out.rows[1].difference == 3);
    store_some();
    out = audit_now(a);
    assert_int_equal(out.difference, 43);
    assert_int_equal(out.rows[0].journal, 100);
    arena_free(a);
}

/* Counters that lost a window which the journal has. */
static void test_a_counter_that_is_gone_is_found(void **state)
{
    struct arena *a = arena_create(4096);
    struct counters_shared *shared = regions.counters.base;
    struct audit out;

    (void)state;
    settle(take(500, NOW_MS), 100);
    store_some();
    memset(&shared->rows[accounts[0].index], 0, sizeof(shared->rows[0]));
    out = audit_now(a);
    assert_int_equal(out.difference, 100);
    assert_int_equal(out.rows[0].key.account, 100);
    arena_free(a);
}

/* A row in the log that the sums do not have. */
static void test_a_log_that_is_wrong_is_found(void **state)
{
    struct arena *a = arena_create(4096);
    struct record r = record_of(0);
    uint8_t bytes[OUTBOX_RECORD_MAX];
    struct error err = ERROR_INIT;
    struct audit out;

    (void)state;
    r.cost_nanousd += 7;
    ok(usage_store_add(
        store,
        &(struct usage_entry){3,
                              1,
                              &(struct record){.cost_nanousd = 1000,
                                               .n_bookings = 1,
                                               .bookings = {{BUDGET_OF_ALL, 3}}},
                              {(const char *)bytes, record_encode(&r, bytes, sizeof(bytes))}},
        NOW_MS, &err));
    commit(store);
    out = audit_now(a);
    assert_int_equal(out.difference, 7);
    assert_int_equal(out.n_rows, 1);
    assert_int_equal(out.rows[0].kind, AUDIT_LOG);
    assert_int_equal(out.rows[0].journal, 1000);
    assert_int_equal(out.rows[0].log, 1007);
    arena_free(a);
}

/* --- while somebody works --- */

/* As fast as it is stored: at ten times a worker's most. */
static void child_works(void)
{
    const struct outbox *o = &live_slot(&regions.live, 0)->outbox;

    for (uint64_t n = 0;; n++) {
        uint32_t hold;

        while (outbox_last(o) - weights_stored(&regions.weights, 0) > AHEAD_MAX)
            (void)sched_yield();
        hold = take(500, NOW_MS);
        hold_sent(ledger, hold);
        if (n % 3 == 0)
            hold_release(ledger, hold);
        else
            settle(hold, 100); /* all the same: what is missing must not hide behind another */
    }
}

static void audit_under_load(struct arena *a, uint64_t planted)
{
    uint64_t begin = clock_mono_ms();
    uint32_t quiet = 0;
    uint32_t looks = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        child_works();
    }
    while (clock_mono_ms() - begin < 400 || quiet < 3) {
        struct audit out = audit_now(a);

        /* A worker that is stopped just between its record and its counter may hide its own cost from one look. */
        if (out.difference != 0)
            assert_int_equal(out.difference, planted);
        quiet += out.busy == 0 && out.difference == planted;
        looks++;
        store_some();
        arena_reset(a);
        assert_true(clock_mono_ms() - begin < 30000);
    }
    print_message("  %u of %u audits found every account at rest, %llu records\n", quiet, looks,
                  (unsigned long long)counters.records);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_traffic_is_no_difference(void **state)
{
    struct arena *a = arena_create(4096);

    (void)state;
    settle(take(500, NOW_MS), 100);
    audit_under_load(a, 0);
    (void)ledger_recover(&regions, 0, NOW_MS); /* of the child, killed somewhere */
    assert_int_equal(audit_now(a).difference, 0);
    counter_of(&accounts[1])->amount += 100;
    live_take(live_slot(&regions.live, 0), (uint32_t)getpid(), NOW_MS);
    ledger_close(ledger);
    ledger = ledger_open(&regions, 0);
    audit_under_load(a, 100); /* one request's cost does not hide in the others' for long */
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_holds_outboxes_and_journal_add_up, begin, end),
        cmocka_unit_test_setup_teardown(test_windows_of_before, begin, end),
        cmocka_unit_test_setup_teardown(test_a_counter_that_is_wrong_is_found, begin, end),
        cmocka_unit_test_setup_teardown(test_a_counter_that_is_gone_is_found, begin, end),
        cmocka_unit_test_setup_teardown(test_a_log_that_is_wrong_is_found, begin, end),
        cmocka_unit_test_setup_teardown(test_traffic_is_no_difference, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
