/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <sys/wait.h>

#include <lmdb.h>

#include "server/aggregator/account_sums.h"
#include "server/aggregator/booked.h"
#include "server/aggregator/query_audit.h"
#include "tests/unit/agg_tools.h"

/* --- what the journal has --- */

static void take_sum(void *ctx, const struct booking *window, uint64_t nanousd)
{
    struct booked_sum *sum = booked_at(ctx, *window);

    assert_int_equal(sum->added, 0); /* each once */
    sum->added = nanousd;
    sum->last_ms = 1;
}

static uint64_t sum_of(uint64_t account, uint32_t window)
{
    struct booked *sums = booked_create();
    const struct booked_sum *sum;
    struct error err = ERROR_INIT;
    uint64_t n;

    ok(account_sums_each(dir, take_sum, sums, &err));
    sum = booked_find(sums, (struct booking){account, window});
    n = sum != NULL ? sum->added : 0;
    booked_free(sums);
    return n;
}

struct compared {
    struct booked *log;
    uint64_t windows, nanousd, forgotten;
};

static void compare_one(void *ctx, const struct booking *key, const struct account_sum *sum)
{
    struct compared *c = ctx;
    const struct booked_sum *log = booked_find(c->log, *key);

    assert_int_equal(sum->nanousd, sum->forgotten + (log != NULL ? log->added : 0));
    c->windows++;
    c->nanousd += sum->nanousd;
    c->forgotten += sum->forgotten;
}

/* The sums are what the log says, but for what has left it. */
static struct compared compare_with_log(void)
{
    struct compared c = {booked_create(), 0, 0, 0};
    struct query *q = query_open(dir);
    struct journal_view *v;
    struct journal_log log;
    struct error err = ERROR_INIT;

    ok(journal_view_open(q, BOOT_ID, &v, &err));
    journal_view_log(v, UINT64_MAX, c.log, &log);
    journal_view_each(v, compare_one, &c);
    ok(journal_view_failed(v, &err));
    journal_view_close(v);
    query_close(q);
    booked_free(c.log);
    return c;
}

/* --- booking --- */

static void test_windows_are_summed(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct booking other = {BUDGET_OF_ALL, 4};

    (void)state;
    assert_int_equal(sum_of(BUDGET_OF_ALL, 3), 0);
    for (uint32_t n = 0; n < 6; n++) {
        r = record_of(n);
        add(s, 0, n + 1, &r);
    }
    r.bookings[0] = other;
    add(s, 1, 1, &r);
    assert_int_equal(sum_of(BUDGET_OF_ALL, 3), 0); /* not committed */
    commit(s);
    assert_int_equal(sum_of(BUDGET_OF_ALL, 3), 6015);
    assert_int_equal(sum_of(BUDGET_OF_ALL, 4), 1005);
    assert_int_equal(sum_of(BUDGET_OF_KEY, 7), 2003);
    assert_int_equal(sum_of(BUDGET_OF_KEY + 2, 7), 1002 + 2 * 1005);
    usage_store_close(s);
    s = open_store();
    add(s, 1, 2, &r);
    commit(s);
    assert_int_equal(sum_of(BUDGET_OF_ALL, 4), 2010);
    assert_int_equal(compare_with_log().windows, 5);
    usage_store_close(s);
}

static void test_a_batch_of_many_accounts_is_bounded(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    uint64_t seq = 0;

    (void)state;
    r.n_bookings = RECORD_BOOKINGS_MAX;
    while (!usage_store_is_full(s)) {
        for (uint32_t i = 0; i < RECORD_BOOKINGS_MAX; i++)
            r.bookings[i] = (struct booking){seq * 100 + i + 1, 1};
        add(s, 0, ++seq, &r);
    }
    assert_int_equal(seq, (USAGE_BATCH_BOOKED + RECORD_BOOKINGS_MAX - 1) / RECORD_BOOKINGS_MAX);
    commit(s);
    assert_false(usage_store_is_full(s));
    assert_int_equal(compare_with_log().nanousd, seq * RECORD_BOOKINGS_MAX * r.cost_nanousd);
    usage_store_close(s);
}

static void test_what_leaves_the_log_is_noted(void **state)
{
    struct usage_store *s = open_with(&(struct usage_store_options){.log_max_records = 100});
    struct error err = ERROR_INIT;
    struct compared c;
    uint64_t seq = 0;

    (void)state;
    for (int batch = 0; batch < 10; batch++) {
        for (uint32_t i = 0; i < 50; i++) {
            struct record r = record_of(i);

            add(s, 0, ++seq, &r);
        }
        commit(s);
        (void)compare_with_log();
    }
    ok(usage_store_relieve(s, &err)); /* the whole of what is left */
    c = compare_with_log();
    assert_int_equal(log_rows(), 0);
    assert_int_equal(c.nanousd, 2 * (500 * 1000 + 10 * (49 * 50 / 2)));
    assert_int_equal(c.forgotten, c.nanousd);
    usage_store_close(s);
    s = open_with(&(struct usage_store_options){.log_max_records = 0}); /* no log at all */
    add(s, 0, ++seq, &(struct record){.cost_nanousd = 5, .n_bookings = 1, .bookings = {{1, 1}}});
    commit(s);
    assert_int_equal(sum_of(1, 1), 5);
    assert_int_equal(compare_with_log().forgotten, c.forgotten + 5);
    usage_store_close(s);
}

static void test_old_windows_go(void **state)
{
    uint64_t later_ms = NOW_MS + 401 * MS_PER_DAY;
    struct usage_store *s = open_store();
    struct error err = ERROR_INIT;
    struct record r = record_of(0);

    (void)state;
    for (uint32_t n = 0; n < 1000; n++) {
        r.bookings[0] = (struct booking){7000 + n, 1};
        add(s, 0, n + 1, &r);
    }
    commit(s);
    r.begun_ms = later_ms;
    r.bookings[0] = (struct booking){7005, 2};
    r.bookings[1] = (struct booking){7006, 1}; /* in use again: it stays */
    for (uint64_t n = 1001; n <= 1010; n++) {  /* a slice with each commit, one walk a day */
        later_ms += MS_PER_DAY / 5;
        ok(try_add(s, 0, n, &r, later_ms, &err));
        ok(usage_store_commit(s, later_ms, &err));
    }
    assert_int_equal(sum_of(7005, 1), 0);
    assert_int_equal(sum_of(7005, 2), 10000);
    assert_int_equal(sum_of(7006, 1), 11000);
    assert_int_equal(sum_of(BUDGET_OF_KEY, 7), 0);
    assert_int_equal(counters.windows_pruned, 1000);
    usage_store_close(s);
}

/* --- by team and customer --- */

static struct usage_answer ask(struct arena *a, const struct usage_filter *f)
{
    struct query *q = query_open(dir);
    struct usage_answer answer;
    struct error err = ERROR_INIT;

    ok(query_usage(q, f, a, &answer, &err));
    query_close(q);
    return answer;
}

static void test_costs_by_team_and_customer(void **state)
{
    struct arena *a = arena_create(4096);
    struct usage_store *s = open_store();
    struct usage_answer answer;

    (void)state;
    for (uint32_t n = 0; n < 12; n++) {
        struct record r = record_of(0);

        r.cost_nanousd = 1ull << n;
        r.team_id = n % 3;
        r.customer_id = n % 2 == 0 ? 9 : 0;
        r.flags = n == 4 ? RECORD_ESTIMATED : n == 5 ? RECORD_UNPRICED : 0;
        r.details = (struct usage_details){1, 2, 3, 4, 5, 6};
        add(s, 0, n + 1, &r);
    }
    commit(s);
    usage_store_close(s);
    answer = ask(a, &(struct usage_filter){.group = USAGE_BY_TEAM});
    assert_int_equal(answer.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(answer.rows[i].team_id, i);
        assert_int_equal(answer.rows[i].totals.cost_nanousd, (1 + 8 + 64 + 512) << i);
    }
    assert_int_equal(answer.rows[1].totals.estimated_nanousd, 16);
    assert_int_equal(answer.rows[2].totals.unpriced, 1);
    assert_int_equal(answer.rows[0].totals.details.searches, 24);
    answer = ask(
        a, &(struct usage_filter){.group = USAGE_BY_CUSTOMER, .has_team_id = true, .team_id = 2});
    assert_int_equal(answer.n, 2);
    assert_int_equal(answer.rows[0].totals.cost_nanousd, 32 + 2048);
    assert_int_equal(answer.rows[1].customer_id, 9);
    assert_int_equal(answer.rows[1].totals.cost_nanousd, 4 + 256);
    answer = ask(a, &(struct usage_filter){.has_customer_id = true, .customer_id = 9});
    assert_int_equal(answer.n, 1);
    assert_int_equal(answer.rows[0].totals.requests, 6);
    arena_free(a);
}

/* --- environments of earlier versions --- */

/* As version 1 wrote them: four tables, nine numbers and a name, no owners in the key. */
static void write_version_1(void)
{
    static const char *const names[] = {"usage", "log", "seq", "meta"};
    uint8_t row[72 + 4];
    const uint64_t numbers[9] = {3, 1, 2, 0, 1, 30, 15, 6, 3};
    uint8_t key[USAGE_KEY_MAX];
    char path[TEMP_DIR_MAX + 8];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[4];
    size_t key_len = usage_key_encode(
        &(struct usage_key){
            .day = usage_day(NOW_MS), .key_id = 1, .provider = STR("mock"), .model = STR("echo")},
        key);

    assert_int_equal(key_len, 4 + 8 + 1 + 4 + 4);
    memcpy(row, numbers, 72);
    memcpy(row + 72, "team", 4);
    (void)snprintf(path, sizeof(path), "%s/usage", dir);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0640), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mdb_dbi_open(txn, names[i], MDB_CREATE, &dbi[i]), 0);
    assert_int_equal(
        mdb_put(txn, dbi[0], &(MDB_val){key_len, key}, &(MDB_val){sizeof(row), row}, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void test_version_1_is_read_and_goes_on(void **state)
{
    struct arena *a = arena_create(4096);
    struct error err = ERROR_INIT;
    struct usage_answer answer;
    struct usage_store *s;
    struct record r = record_of(0);

    (void)state;
    write_version_1();
    ok(account_sums_each(dir, take_sum, NULL, &err)); /* none */
    assert_int_equal(compare_with_log().windows, 0);
    answer = ask(a, &(struct usage_filter){.group = USAGE_BY_KEY});
    assert_int_equal(answer.n, 1);
    assert_true(str_eq(answer.rows[0].key_name, STR("team")));
    assert_int_equal(answer.rows[0].totals.requests, 3);
    assert_int_equal(answer.rows[0].totals.tokens.reasoning, 3);
    assert_int_equal(answer.rows[0].totals.cost_nanousd, 0);
    s = open_store();
    add(s, 0, 1, &r);
    commit(s);
    usage_store_close(s);
    answer = ask(a, &(struct usage_filter){.group = USAGE_BY_MODEL});
    assert_int_equal(answer.n, 1);
    assert_int_equal(answer.rows[0].totals.requests, 4);
    assert_int_equal(answer.rows[0].totals.tokens.input, 40);
    assert_int_equal(answer.rows[0].totals.cost_nanousd, 1000);
    assert_int_equal(sum_of(BUDGET_OF_ALL, 3), 1000);
    arena_free(a);
}

static void test_values_of_a_later_version(void **state)
{
    uint8_t bytes[USAGE_VALUE_MAX + 8];
    struct usage_totals t = {.requests = 7, .unpriced = 2};
    struct usage_totals out;
    struct str name;
    size_t len = usage_value_encode(&t, STR("team"), bytes);
    uint64_t head;

    (void)state;
    assert_int_equal(usage_value_decode(bytes, len, &out, &name), 0);
    assert_memory_equal(&t, &out, sizeof(t));
    assert_true(str_eq(name, STR("team")));
    /* one number more than we know */
    memmove(bytes + len - 4 + 8, bytes + len - 4, 4);
    memcpy(&head, bytes, 8);
    head++;
    memcpy(bytes, &head, 8);
    assert_int_equal(usage_value_decode(bytes, len + 8, &out, &name), 0);
    assert_int_equal(out.unpriced, 2);
    assert_true(str_eq(name, STR("team")));
    head += 1000;
    memcpy(bytes, &head, 8);
    assert_int_equal(usage_value_decode(bytes, len + 8, &out, &name), -1);
    assert_int_equal(usage_value_decode(bytes, 7, &out, &name), -1);
}

/* --- kill -9 --- */

static void child_writes(int fd)
{
    struct usage_store *s = open_with(&(struct usage_store_options){.log_max_records = 200});
    uint64_t seq = usage_store_seq(s, 0);

    for (;;) {
        for (uint32_t i = 0; i < 23; i++) {
            struct record r = record_of(i);

            add(s, 0, ++seq, &r);
        }
        commit(s);
        if (write(fd, &seq, sizeof(seq)) != sizeof(seq))
            _exit(1);
    }
}

static void test_kill_9_keeps_money_and_numbers_together(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 15; round++) {
        int fds[2];
        pid_t pid;
        uint64_t told;
        uint64_t sum = 0;
        struct usage_store *s;
        struct compared c;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child_writes(fds[1]);
        (void)close(fds[1]);
        for (uint32_t i = 0; i <= round; i++)
            assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(fds[0]);
        c = compare_with_log();
        s = open_store();
        assert_true(usage_store_seq(s, 0) >= told);
        for (uint64_t n = 0; n < usage_store_seq(s, 0); n++)
            sum += 1000 + n % 23;
        assert_int_equal(sum_of(BUDGET_OF_ALL, 3), sum);
        assert_int_equal(c.nanousd, 2 * sum);
        assert_int_equal(sum_now().cost_nanousd, sum);
        usage_store_close(s);
    }
}

/* --- strict --- */

static void test_strict_is_on_the_disk_at_once(void **state)
{
    struct usage_store *s =
        open_with(&(struct usage_store_options){.log_max_records = 10, .strict = true});
    struct record r = record_of(0);

    (void)state;
    add(s, 0, 1, &r);
    commit(s);
    assert_true(usage_store_is_synced(s));
    usage_store_close(s);
    s = open_store();
    add(s, 0, 2, &r);
    commit(s);
    assert_false(usage_store_is_synced(s));
    usage_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIR_TEST(test_windows_are_summed),
        DIR_TEST(test_a_batch_of_many_accounts_is_bounded),
        DIR_TEST(test_what_leaves_the_log_is_noted),
        DIR_TEST(test_old_windows_go),
        DIR_TEST(test_costs_by_team_and_customer),
        DIR_TEST(test_version_1_is_read_and_goes_on),
        cmocka_unit_test(test_values_of_a_later_version),
        DIR_TEST(test_kill_9_keeps_money_and_numbers_together),
        DIR_TEST(test_strict_is_on_the_disk_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
