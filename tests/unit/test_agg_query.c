/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/agg_tools.h"

static struct arena *arena;
static struct query *query;

static int begin(void **state)
{
    if (make_dir(state) != 0)
        return -1;
    arena = arena_create(4096);
    query = query_open(dir);
    return 0;
}

static int end(void **state)
{
    query_close(query);
    arena_free(arena);
    return remove_dir(state);
}

static struct log_page page_of(const struct log_filter *filter, struct log_range range)
{
    struct log_filter limited = *filter;
    struct log_page page;
    struct error err = ERROR_INIT;

    limited.range = range;
    ok(query_log(query, &limited, arena, &page, &err));
    return page;
}

static struct usage_answer usage_of(const struct usage_filter *filter, uint32_t group)
{
    struct usage_filter grouped = *filter;
    struct usage_answer answer;
    struct error err = ERROR_INIT;

    grouped.group = group;
    ok(query_usage(query, &grouped, arena, &answer, &err));
    return answer;
}

static void test_without_a_journal_answers_are_empty(void **state)
{
    struct query_about about;
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(page_of(&(struct log_filter){0}, (struct log_range){.limit = 10}).n, 0);
    assert_int_equal(usage_of(&(struct usage_filter){0}, USAGE_BY_KEY).n, 0);
    ok(query_about(query, &about, &err));
    assert_int_equal(about.log_rows, 0);
}

static void test_a_path_that_is_too_long(void **state)
{
    char path[1024];
    struct query *q;
    struct query_about about;
    struct error err = ERROR_INIT;

    (void)state;
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    q = query_open(path);
    ok(query_about(q, &about, &err)); /* the aggregator could not make it either */
    query_close(q);
}

/* Records 1..n, one key of three, two models; record i ended at NOW_MS - 20, logged in order. */
static struct usage_store *fill(uint32_t n)
{
    struct usage_store *s = open_store();

    for (uint32_t i = 1; i <= n; i++) {
        struct record r = record_of(i);

        r.status = i % 10 == 0 ? 429 : 200;
        if (usage_store_is_full(s))
            commit(s);
        add(s, 0, i, &r);
    }
    commit(s);
    return s;
}

static uint32_t number_of(const struct log_row *row)
{
    uint32_t n;

    memcpy(&n, row->record.id, sizeof(n));
    return n;
}

static void test_pages_are_newest_first_without_gaps(void **state)
{
    struct usage_store *s = fill(103);
    struct log_filter all = {0};
    uint32_t expected = 103;
    uint64_t before = 0;

    (void)state;
    do {
        struct log_page page = page_of(&all, (struct log_range){.before = before, .limit = 10});

        assert_true(page.n > 0);
        for (size_t i = 0; i < page.n; i++)
            assert_int_equal(number_of(&page.rows[i]), expected--);
        before = page.next;
    } while (before != 0);
    assert_int_equal(expected, 0);
    usage_store_close(s);
}

static void test_new_rows_do_not_move_a_page(void **state)
{
    struct usage_store *s = fill(20);
    struct log_filter all = {0};
    struct log_page first = page_of(&all, (struct log_range){.limit = 5});
    struct log_page second;

    (void)state;
    for (uint32_t i = 21; i <= 40; i++) {
        struct record r = record_of(i);

        add(s, 0, i, &r);
    }
    commit(s);
    second = page_of(&all, (struct log_range){.before = first.next, .limit = 5});
    assert_int_equal(number_of(&second.rows[0]), 15);
    /* and following the log brings exactly the new ones */
    second = page_of(&all, (struct log_range){.after = first.rows[0].cursor, .limit = 1000});
    assert_int_equal(second.n, 20);
    assert_int_equal(number_of(&second.rows[19]), 21);
    assert_int_equal(second.next, 0);
    usage_store_close(s);
}

static void test_filters(void **state)
{
    struct usage_store *s = fill(60);
    struct log_range range = {.limit = 1000};

    (void)state;
    assert_int_equal(page_of(&(struct log_filter){.has_key_id = true, .key_id = 1}, range).n, 20);
    assert_int_equal(page_of(&(struct log_filter){.model = STR("echo")}, range).n, 30);
    assert_int_equal(page_of(&(struct log_filter){.provider = STR("mock")}, range).n, 60);
    assert_int_equal(page_of(&(struct log_filter){.provider = STR("moc")}, range).n, 0);
    assert_int_equal(page_of(&(struct log_filter){.status_class = 4}, range).n, 6);
    assert_int_equal(page_of(&(struct log_filter){.status = 429}, range).n, 6);
    assert_int_equal(page_of(&(struct log_filter){.status = 200, .model = STR("echo")}, range).n,
                     24);
    usage_store_close(s);
}

static void test_texts_outlive_the_snapshot(void **state)
{
    struct usage_store *s = fill(1);
    struct log_page page = page_of(&(struct log_filter){0}, (struct log_range){.limit = 1});

    (void)state;
    query_close(query); /* the map is gone */
    query = query_open(dir);
    assert_true(str_eq(page.rows[0].record.model, STR("lorem-10")));
    assert_true(str_eq(page.rows[0].record.key_name, STR("team")));
    assert_int_equal(page.rows[0].record.tokens.input, 10);
    usage_store_close(s);
}

static void test_times(void **state)
{
    struct usage_store *s = open_store();
    struct log_range range = {.limit = 1000};
    struct error err = ERROR_INIT;
    struct log_page page;

    (void)state;
    for (uint32_t i = 1; i <= 10; i++) { /* number i ended at NOW_MS + i seconds */
        struct record r = record_of(i);

        r.begun_ms = NOW_MS + i * 1000ull - 30;
        ok(try_add(s, 0, i, &r, NOW_MS + 3600000, &err));
    }
    commit(s);
    page =
        page_of(&(struct log_filter){.since_ms = NOW_MS + 3000, .until_ms = NOW_MS + 7000}, range);
    assert_int_equal(page.n, 4);
    assert_int_equal(number_of(&page.rows[0]), 6);
    assert_int_equal(number_of(&page.rows[3]), 3);
    assert_int_equal(page.examined, 4); /* found, not searched for */
    assert_int_equal(page_of(&(struct log_filter){.since_ms = UINT64_MAX}, range).n, 0);
    assert_int_equal(page_of(&(struct log_filter){.until_ms = UINT64_MAX}, range).n, 10);
    assert_int_equal(page_of(&(struct log_filter){.until_ms = 1}, range).n, 0);
    usage_store_close(s);
}

static void test_a_filter_that_matches_little_takes_many_short_calls(void **state)
{
    struct usage_store *s = fill(LOG_EXAMINED_MAX + 5000);
    struct log_filter rare = {.status = 777};
    struct log_page page = page_of(&rare, (struct log_range){.limit = 10});

    (void)state;
    assert_int_equal(page.n, 0);
    assert_int_equal(page.examined, LOG_EXAMINED_MAX);
    assert_int_not_equal(page.next, 0);
    page = page_of(&rare, (struct log_range){.before = page.next, .limit = 10});
    assert_int_equal(page.examined, 5000);
    assert_int_equal(page.next, 0);
    usage_store_close(s);
}

static void test_any_cursor_is_answered(void **state)
{
    struct usage_store *s = fill(10);
    static const uint64_t cursors[] = {0, 1, 2, NOW_MS, NOW_MS << LOG_KEY_SHIFT, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
        for (size_t j = 0; j < ARRAY_LEN(cursors); j++) {
            struct log_range range = {cursors[i], cursors[j], SIZE_MAX};

            assert_true(page_of(&(struct log_filter){0}, range).n <= 10);
        }
    }
    assert_int_equal(page_of(&(struct log_filter){0}, (struct log_range){.limit = 0}).n, 1);
    usage_store_close(s);
}

static void test_cursors_as_text(void **state)
{
    static const uint64_t values[] = {0, 1, 0xdeadbeef, NOW_MS << LOG_KEY_SHIFT, UINT64_MAX};
    char text[CURSOR_TEXT_LEN + 1];
    uint64_t back;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        query_cursor_format(values[i], text);
        assert_true(query_cursor_parse(str_of(text), &back));
        assert_int_equal(back, values[i]);
    }
    assert_false(query_cursor_parse(STR(""), &back));
    assert_false(query_cursor_parse(STR("123"), &back));
    assert_false(query_cursor_parse(STR("00000000000000 1"), &back));
    assert_false(query_cursor_parse(STR("000000000000000g"), &back));
    assert_false(query_cursor_parse((struct str){"000000000000000\0", 16}, &back));
    assert_false(query_cursor_parse(STR("00000000000000011"), &back));
}

static void test_usage_is_grouped(void **state)
{
    struct usage_store *s = fill(60);
    struct usage_filter all = {0};
    struct usage_answer answer = usage_of(&all, USAGE_BY_KEY | USAGE_BY_MODEL);

    (void)state;
    assert_int_equal(answer.n, 6);
    for (size_t i = 0; i < answer.n; i++) {
        assert_int_equal(answer.rows[i].totals.requests, 10);
        assert_int_equal(answer.rows[i].key_id, 1 + i / 2);
        assert_true(str_eq(answer.rows[i].model, i % 2 == 0 ? STR("echo") : STR("lorem-10")));
        assert_true(str_eq(answer.rows[i].key_name, STR("team")));
        assert_int_equal(answer.rows[i].provider.len, 0);
        assert_int_equal(answer.rows[i].day, 0);
    }
    answer = usage_of(&all, USAGE_BY_DAY | USAGE_BY_PROVIDER);
    assert_int_equal(answer.n, 1);
    assert_int_equal(answer.rows[0].day, NOW_MS / MS_PER_DAY);
    assert_true(str_eq(answer.rows[0].provider, STR("mock")));
    assert_int_equal(answer.rows[0].totals.requests, 60);
    assert_int_equal(answer.rows[0].totals.failed, 6);
    assert_int_equal(answer.rows[0].totals.tokens.input, 600);
    usage_store_close(s);
}

static uint64_t requests_of(const struct usage_filter *filter)
{
    struct usage_answer answer = usage_of(filter, 0);

    return answer.n > 0 ? answer.rows[0].totals.requests : 0;
}

static void fill_day(struct usage_store *s, uint64_t now_ms, uint64_t first_seq)
{
    struct error err = ERROR_INIT;

    for (uint32_t i = 0; i < 30; i++) {
        struct record r = record_of(i);

        r.begun_ms = now_ms - 100;
        ok(try_add(s, 0, first_seq + i, &r, now_ms, &err));
    }
}

/* Thirty records on each of five days. */
static void fill_days(struct usage_store *s)
{
    for (uint64_t day = 0; day < 5; day++)
        fill_day(s, NOW_MS + day * MS_PER_DAY, 1 + day * 30);
    commit(s);
}

static void test_usage_is_filtered(void **state)
{
    struct usage_store *s = open_store();

    (void)state;
    fill_days(s);
    assert_int_equal(requests_of(&(struct usage_filter){0}), 150);
    assert_int_equal(usage_of(&(struct usage_filter){0}, USAGE_BY_DAY).n, 5);
    assert_int_equal(requests_of(&(struct usage_filter){.has_key_id = true, .key_id = 2}), 50);
    assert_int_equal(usage_of(&(struct usage_filter){.has_key_id = true, .key_id = 4}, 0).n, 0);
    assert_int_equal(requests_of(&(struct usage_filter){.model = STR("echo")}), 75);
    assert_int_equal(usage_of(&(struct usage_filter){.provider = STR("x")}, 0).n, 0);
    /* the second and the third day */
    assert_int_equal(requests_of(&(struct usage_filter){.since_ms = NOW_MS + MS_PER_DAY,
                                                        .until_ms = NOW_MS + 2 * MS_PER_DAY + 1}),
                     60);
    assert_int_equal(usage_of(&(struct usage_filter){.since_ms = UINT64_MAX}, 0).n, 0);
    usage_store_close(s);
}

static void test_more_groups_than_fit_are_counted(void **state)
{
    struct usage_store *s = open_store();
    struct usage_answer answer;

    (void)state;
    for (uint32_t i = 1; i <= USAGE_ROWS_MAX + 100; i++) {
        struct record r = record_of(0);

        r.key_id = i;
        if (usage_store_is_full(s))
            commit(s);
        add(s, 0, i, &r);
    }
    commit(s);
    answer = usage_of(&(struct usage_filter){0}, USAGE_BY_KEY);
    assert_int_equal(answer.n, USAGE_ROWS_MAX);
    assert_int_equal(answer.truncated, 100);
    assert_false(answer.is_partial);
    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).rows[0].totals.requests,
                     USAGE_ROWS_MAX + 100);
    usage_store_close(s);
}

static void test_a_journal_that_is_made_anew_is_found(void **state)
{
    struct usage_store *s = fill(5);

    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).rows[0].totals.requests, 5);
    usage_store_close(s);
    assert_int_equal(remove_dir(state), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).n, 0);
    memset(&counters, 0, sizeof(counters));
    s = fill(7);
    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).rows[0].totals.requests, 7);
    usage_store_close(s);
}

static void test_a_map_that_grew_is_followed(void **state)
{
    struct usage_store *s =
        open_with(&(struct usage_store_options){.log_max_records = 10, .map_bytes = 1u << 20});
    struct record r = record_of(1);
    uint64_t seq = 1;

    (void)state;
    add(s, 0, seq, &r);
    commit(s);
    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).n, 1);
    usage_store_close(s);
    s = open_store();
    while (seq < 20000) {
        if (usage_store_is_full(s))
            commit(s);
        add(s, 0, ++seq, &r);
    }
    commit(s);
    assert_int_equal(usage_of(&(struct usage_filter){0}, 0).rows[0].totals.requests, 20000);
    usage_store_close(s);
}

#define QUERY_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUERY_TEST(test_without_a_journal_answers_are_empty),
        QUERY_TEST(test_a_path_that_is_too_long),
        QUERY_TEST(test_pages_are_newest_first_without_gaps),
        QUERY_TEST(test_new_rows_do_not_move_a_page),
        QUERY_TEST(test_filters),
        QUERY_TEST(test_texts_outlive_the_snapshot),
        QUERY_TEST(test_times),
        QUERY_TEST(test_a_filter_that_matches_little_takes_many_short_calls),
        QUERY_TEST(test_any_cursor_is_answered),
        QUERY_TEST(test_cursors_as_text),
        QUERY_TEST(test_usage_is_grouped),
        QUERY_TEST(test_usage_is_filtered),
        QUERY_TEST(test_more_groups_than_fit_are_counted),
        QUERY_TEST(test_a_journal_that_is_made_anew_is_found),
        QUERY_TEST(test_a_map_that_grew_is_followed),
    };

    return cmocka_run_group_tests_name("agg_query", tests, NULL, NULL);
}
