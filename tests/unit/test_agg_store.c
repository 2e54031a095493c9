/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/agg_tools.h"

static void test_nothing_is_true_before_the_commit(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);

    (void)state;
    add(s, 0, 1, &r);
    assert_int_equal(usage_store_seq(s, 0), 0);
    assert_int_equal(sum_now().requests, 0);
    usage_store_close(s); /* not committed */
    s = open_store();
    assert_int_equal(usage_store_seq(s, 0), 0);
    assert_int_equal(counters.records, 0);
    add(s, 0, 1, &r);
    commit(s);
    assert_int_equal(usage_store_seq(s, 0), 1);
    assert_int_equal(sum_now().requests, 1);
    assert_int_equal(log_rows(), 1);
    usage_store_close(s);
}

static void test_everything_is_summed(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct usage_totals t;

    (void)state;
    add(s, 0, 1, &r);
    r.status = 500;
    r.flags = RECORD_STREAM | RECORD_NO_USAGE;
    r.tokens = (struct usage_tokens){0};
    add(s, 0, 2, &r);
    r.status = 200;
    r.flags = RECORD_ESTIMATED | RECORD_CLIENT_GONE;
    r.tokens = (struct usage_tokens){.input = 1ull << 40, .output = 3};
    add(s, 1, 1, &r);
    commit(s);
    t = sum_now();
    assert_int_equal(t.requests, 3);
    assert_int_equal(t.failed, 2);
    assert_int_equal(t.streams, 1);
    assert_int_equal(t.no_usage, 1);
    assert_int_equal(t.estimated, 1);
    assert_int_equal(t.tokens.input, (1ull << 40) + 10);
    assert_int_equal(t.tokens.output, 8);
    assert_int_equal(t.tokens.cached, 2);
    assert_int_equal(t.tokens.reasoning, 1);
    usage_store_close(s);
}

static void test_sums_go_on_over_commits_and_restarts(void **state)
{
    uint64_t seq = 0;

    (void)state;
    for (int restart = 0; restart < 3; restart++) {
        struct usage_store *s = open_store();

        assert_int_equal(usage_store_seq(s, 5), seq);
        for (int batch = 0; batch < 4; batch++) {
            for (uint32_t i = 0; i < 10; i++) {
                struct record r = record_of(i);

                add(s, 5, ++seq, &r);
            }
            commit(s);
        }
        usage_store_close(s);
    }
    assert_int_equal(sum_now().requests, 120);
    assert_int_equal(log_rows(), 120);
    assert_int_equal(counters.records, 120);
}

static void test_other_boots_are_forgotten(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);

    (void)state;
    add(s, 3, 41, &r);
    commit(s);
    usage_store_close(s);
    s = open_with(&(struct usage_store_options){.boot_id = 99, .log_max_records = 10});
    assert_int_equal(usage_store_seq(s, 3), 0);
    usage_store_close(s);
    s = open_store(); /* even when the old one comes again */
    assert_int_equal(usage_store_seq(s, 3), 0);
    usage_store_close(s);
}

static void test_an_unsound_record_takes_its_number(void **state)
{
    struct usage_store *s = open_store();
    struct error err = ERROR_INIT;

    (void)state;
    ok(usage_store_add(s, &(struct usage_entry){.seq = 1}, NOW_MS, &err));
    commit(s);
    assert_int_equal(usage_store_seq(s, 0), 1);
    assert_int_equal(counters.bad_records, 1);
    assert_int_equal(log_rows(), 0);
    usage_store_close(s);
}

static void test_a_batch_is_bounded(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    uint64_t seq = 0;

    (void)state;
    while (!usage_store_is_full(s)) {
        r.key_id++; /* each a sum of its own */
        add(s, 0, ++seq, &r);
    }
    assert_int_equal(seq, USAGE_BATCH_SUMS);
    commit(s);
    assert_false(usage_store_is_full(s));
    while (!usage_store_is_full(s))
        add(s, 0, ++seq, &r);
    assert_int_equal(seq, USAGE_BATCH_SUMS + USAGE_BATCH_RECORDS);
    commit(s);
    assert_int_equal(sum_now().requests, seq);
    usage_store_close(s);
}

static void test_the_log_keeps_its_count(void **state)
{
    struct usage_store *s = open_with(&(struct usage_store_options){.log_max_records = 100});
    uint64_t seq = 0;

    (void)state;
    for (int batch = 0; batch < 20; batch++) {
        for (uint32_t i = 0; i < 50; i++) {
            struct record r = record_of(i);

            add(s, 0, ++seq, &r);
        }
        commit(s);
        assert_true(log_rows() <= 100);
    }
    assert_int_equal(log_rows(), 100);
    assert_int_equal(sum_now().requests, seq); /* totals are not the log's */
    usage_store_close(s);
}

static void test_a_smaller_limit_is_reached_in_slices(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct error err = ERROR_INIT;
    uint64_t before;

    (void)state;
    for (uint64_t seq = 1; seq <= 2000; seq++)
        add(s, 0, seq, &r);
    commit(s);
    usage_store_close(s);
    s = open_with(&(struct usage_store_options){.log_max_records = 10});
    before = log_rows();
    for (int turns = 0; usage_store_is_overdue(s, NOW_MS); turns++) {
        ok(usage_store_commit(s, NOW_MS, &err)); /* without anything new */
        assert_true(before - log_rows() < 500);
        before = log_rows();
        assert_true(turns < 20);
    }
    assert_int_equal(log_rows(), 10);
    usage_store_close(s);
}

static void test_old_rows_go(void **state)
{
    struct usage_store *s =
        open_with(&(struct usage_store_options){.log_max_records = 1000, .log_max_age_ms = 60000});
    struct record r = record_of(0);
    struct error err = ERROR_INIT;

    (void)state;
    add(s, 0, 1, &r);
    commit(s);
    assert_false(usage_store_is_overdue(s, NOW_MS + 59000));
    assert_true(usage_store_is_overdue(s, NOW_MS + 61000));
    ok(usage_store_commit(s, NOW_MS + 61000, &err));
    assert_int_equal(log_rows(), 0);
    assert_false(usage_store_is_overdue(s, NOW_MS + 61000));
    assert_int_equal(counters.log_deleted, 1);
    usage_store_close(s);
}

static void test_no_log_is_kept_when_it_is_off(void **state)
{
    struct usage_store *s = open_with(&(struct usage_store_options){.log_max_records = 0});
    struct record r = record_of(0);

    (void)state;
    add(s, 0, 1, &r);
    commit(s);
    assert_int_equal(log_rows(), 0);
    assert_int_equal(sum_now().requests, 1);
    assert_int_equal(counters.log_dropped, 1);
    usage_store_close(s);
}

static void test_old_days_go(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct error err = ERROR_INIT;
    uint64_t later = NOW_MS + (USAGE_DAYS_KEPT + 2) * MS_PER_DAY;

    (void)state;
    add(s, 0, 1, &r);
    commit(s);
    assert_int_equal(sum_now().requests, 1);
    r.begun_ms = later - 1000;
    ok(try_add(s, 0, 2, &r, later, &err));
    ok(usage_store_commit(s, later, &err));
    assert_int_equal(sum_now().requests, 1); /* the new one */
    usage_store_close(s);
}

static void test_invented_names_do_not_fill_the_disk(void **state)
{
    struct usage_store *s =
        open_with(&(struct usage_store_options){.log_max_records = 10, .day_rows_max = 20});
    struct record r = record_of(0);
    struct arena *a = arena_create(4096);
    struct query *q = query_open(dir);
    struct usage_answer answer;
    struct usage_filter all = {.group = USAGE_BY_MODEL};
    struct error err = ERROR_INIT;
    char name[32];

    (void)state;
    for (uint64_t seq = 1; seq <= 200; seq++) {
        (void)snprintf(name, sizeof(name), "made-up-%u", (unsigned)seq);
        r.model = str_of(name);
        add(s, 0, seq, &r);
        if (seq % 7 == 0)
            commit(s);
    }
    commit(s);
    assert_int_equal(counters.models_folded, 180);
    ok(query_usage(q, &all, a, &answer, &err));
    assert_int_equal(answer.n, 21);
    assert_int_equal(sum_all(a).requests, 200);
    query_close(q);
    arena_free(a);
    usage_store_close(s);
}

static void test_a_model_that_was_never_called_gets_no_row(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct arena *a = arena_create(4096);
    struct query *q = query_open(dir);
    struct usage_answer answer;
    struct usage_filter all = {.group = USAGE_BY_MODEL};
    struct error err = ERROR_INIT;

    (void)state;
    r.provider = STR_NONE;
    r.model = STR("whatever the client wrote");
    r.status = 404;
    add(s, 0, 1, &r);
    commit(s);
    ok(query_usage(q, &all, a, &answer, &err));
    assert_int_equal(answer.n, 1);
    assert_int_equal(answer.rows[0].model.len, 0);
    assert_int_equal(answer.rows[0].totals.failed, 1);
    query_close(q);
    arena_free(a);
    usage_store_close(s);
}

static void test_a_state_directory_that_is_not_there(void **state)
{
    struct usage_store_options options = {.state_dir = "/nonexistent/bowfin", .boot_id = 1};
    struct usage_store *s = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(usage_store_open(&options, &counters, &s, &err), -1);
    assert_non_null(strstr(err.text, "/nonexistent/bowfin/usage"));
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIR_TEST(test_nothing_is_true_before_the_commit),
        DIR_TEST(test_everything_is_summed),
        DIR_TEST(test_sums_go_on_over_commits_and_restarts),
        DIR_TEST(test_other_boots_are_forgotten),
        DIR_TEST(test_an_unsound_record_takes_its_number),
        DIR_TEST(test_a_batch_is_bounded),
        DIR_TEST(test_the_log_keeps_its_count),
        DIR_TEST(test_a_smaller_limit_is_reached_in_slices),
        DIR_TEST(test_old_rows_go),
        DIR_TEST(test_no_log_is_kept_when_it_is_off),
        DIR_TEST(test_old_days_go),
        DIR_TEST(test_invented_names_do_not_fill_the_disk),
        DIR_TEST(test_a_model_that_was_never_called_gets_no_row),
        DIR_TEST(test_a_state_directory_that_is_not_there),
    };

    return cmocka_run_group_tests_name("agg_store", tests, NULL, NULL);
}
