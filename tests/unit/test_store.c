/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/store.h"
#include "server/base/fd.h"
#include "tests/unit/temp_dir.h"

static char dir[TEMP_DIR_MAX];

static int make_dir(void **state)
{
    (void)state;
    return temp_dir_make(dir);
}

static int remove_dir(void **state)
{
    (void)state;
    return temp_dir_remove(dir);
}

static struct store *open_store(void)
{
    struct error err = ERROR_INIT;
    struct store *s = NULL;

    if (store_open(dir, &s, &err) != 0)
        fail_msg("%s", err.text);
    return s;
}

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

static void rows_are_kept(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    struct str got;

    (void)state;
    assert_int_equal(store_get(s, STORE_KEYS, STR("a"), &got, &err), 0);
    ok(store_begin(s, &err));
    ok(store_put(s, STORE_KEYS, STR("a"), STR("one"), &err));
    ok(store_put(s, STORE_FILE, STR("a"), STR("another table"), &err));
    ok(store_commit(s, true, &err));
    ok(store_begin(s, &err));
    ok(store_put(s, STORE_KEYS, STR("a"), STR("not kept"), &err));
    store_abort(s);
    ok(store_begin(s, &err));
    ok(store_delete(s, STORE_FILE, STR("a"), &err));
    ok(store_delete(s, STORE_FILE, STR("never there"), &err));
    ok(store_commit(s, false, &err));
    store_close(s);

    s = open_store();
    assert_int_equal(store_get(s, STORE_KEYS, STR("a"), &got, &err), 1);
    assert_true(str_eq(got, STR("one")));
    assert_int_equal(store_get(s, STORE_FILE, STR("a"), &got, &err), 0);
    store_close(s);
}

static void keys_have_bounds(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    char longest[512];
    struct str got;

    (void)state;
    memset(longest, 'k', sizeof(longest));
    ok(store_begin(s, &err));
    assert_int_equal(store_put(s, STORE_FILE, STR_NONE, STR("v"), &err), -1);
    assert_non_null(strstr(err.text, "a key of 0 bytes, it must have 1 to 511"));
    assert_int_equal(store_put(s, STORE_FILE, (struct str){longest, 512}, STR("v"), &err), -1);
    ok(store_put(s, STORE_FILE, (struct str){longest, 511}, STR_NONE, &err));
    assert_int_equal(store_get(s, STORE_FILE, (struct str){longest, 511}, &got, &err), 1);
    assert_int_equal(got.len, 0);
    store_close(s); /* with the transaction open */
}

static bool collect(void *ctx, struct str key, struct str value)
{
    char *text = ctx;

    (void)snprintf(text + strlen(text), 100, "%.*s=%.*s ", STR_ARGS(key), STR_ARGS(value));
    return !str_eq(key, STR("c"));
}

static void each_goes_in_order_and_stops(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    char text[200] = "";

    (void)state;
    ok(store_each(s, STORE_FILE, collect, text, &err));
    assert_string_equal(text, "");
    ok(store_begin(s, &err));
    ok(store_put(s, STORE_FILE, STR("d"), STR("4"), &err));
    ok(store_put(s, STORE_FILE, STR("b"), STR("2"), &err));
    ok(store_put(s, STORE_FILE, STR("c"), STR("3"), &err));
    ok(store_commit(s, false, &err));
    ok(store_each(s, STORE_FILE, collect, text, &err));
    assert_string_equal(text, "b=2 c=3 ");
    store_close(s);
}

static bool keep_all_but_b(void *ctx, struct str identity)
{
    (void)ctx;
    return !str_eq(identity, STR("route/b"));
}

static void numbers_are_stable_and_lowest(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    uint32_t n = 99;

    (void)state;
    ok(store_begin(s, &err));
    ok(store_number(s, STR("route/a"), 3, &n, &err));
    assert_int_equal(n, 0);
    ok(store_number(s, STR("route/b"), 3, &n, &err));
    assert_int_equal(n, 1);
    ok(store_number(s, STR("provider/a"), 3, &n, &err)); /* a space of its own */
    assert_int_equal(n, 0);
    ok(store_number(s, STR("route/c"), 3, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(store_number(s, STR("route/d"), 3, &n, &err), -1);
    assert_non_null(strstr(err.text, "all 3 numbers of route/ are in use"));
    assert_int_equal(n, 2);
    ok(store_commit(s, true, &err));
    store_close(s);

    s = open_store();
    ok(store_begin(s, &err));
    ok(store_number(s, STR("route/c"), 3, &n, &err));
    assert_int_equal(n, 2);
    ok(store_retire(s, STR("route/"), keep_all_but_b, NULL, &err));
    ok(store_number(s, STR("route/d"), 3, &n, &err));
    assert_int_equal(n, 1);
    ok(store_number(s, STR("provider/a"), 3, &n, &err));
    assert_int_equal(n, 0);
    ok(store_commit(s, true, &err));
    store_close(s);
}

static bool keep_odd(void *ctx, struct str identity)
{
    (void)ctx;
    return (identity.p[identity.len - 1] - '0') % 2 == 1;
}

static void many_numbers_stay_distinct(void **state)
{
    enum { N = 16384 };
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    static bool seen[N];
    uint32_t n;

    (void)state;
    memset(seen, 0, sizeof(seen));
    ok(store_begin(s, &err));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            char identity[64];
            int len = snprintf(identity, sizeof(identity), "route/p%d/model-%d", round, i);
            struct str text = {identity, (size_t)len};

            if (round == 1 && i % 2 == 1)
                continue; /* as many as the even ones that were given back */
            ok(store_number(s, text, N, &n, &err));
            assert_true(n < N);
            assert_true(round == 1 || !seen[n]);
            seen[n] = true;
        }
        if (round == 0)
            ok(store_retire(s, STR("route/"), keep_odd, NULL, &err));
    }
    assert_int_equal(store_number(s, STR("route/one more"), N, &n, &err), -1);
    ok(store_commit(s, false, &err));
    store_close(s);
}

static void write_file(const char *name, const void *bytes, size_t len)
{
    char path[PATH_MAX + 32];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/config/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, bytes, len), 0);
    (void)close(fd);
}

static void a_newer_version_is_refused(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    char want[PATH_MAX + 200];

    (void)state;
    ok(store_begin(s, &err));
    ok(store_put(s, STORE_META, STR("version"), STR("3"), &err));
    ok(store_commit(s, true, &err));
    store_close(s);
    s = NULL;
    assert_int_equal(store_open(dir, &s, &err), -1);
    assert_null(s);
    (void)snprintf(want, sizeof(want),
                   "%s/config: written by a newer bowfin (store version 3, this one knows 2); run "
                   "that one, or move the directory away",
                   dir);
    assert_string_equal(err.text, want);
}

static void a_damaged_file_is_named(void **state)
{
    static char junk[65536];
    struct error err = ERROR_INIT;
    struct store *s = NULL;

    (void)state;
    store_close(open_store());
    memset(junk, 'x', sizeof(junk));
    write_file("data.mdb", junk, sizeof(junk));
    assert_int_equal(store_open(dir, &s, &err), -1);
    assert_non_null(strstr(err.text, dir));
    assert_non_null(strstr(err.text, "data.mdb: not a sound database"));
}

static void a_file_in_the_way_is_named(void **state)
{
    struct error err = ERROR_INIT;
    struct store *s = NULL;
    char path[PATH_MAX + 32];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/config", dir);
    assert_int_equal(fd_write_file(path, STR("x"), 0600, &err), 0);
    assert_int_equal(store_open(dir, &s, &err), -1);
    assert_non_null(strstr(err.text, path));
}

static bool count_row(void *ctx, struct str key, struct str value)
{
    (void)key, (void)value;
    ++*(int *)ctx;
    return true;
}

/* Cut at every 4 KiB: an error that names it, or (when free pages were lost) all rows; no crash. */
static void a_cut_file_is_noticed(void **state)
{
    enum { ROWS = 2000 };
    struct error err = ERROR_INIT;
    struct store *s = open_store();
    struct buf whole = BUF_INIT;
    char path[PATH_MAX + 32];
    int errors = 0;

    (void)state;
    ok(store_begin(s, &err));
    for (int i = 0; i < ROWS; i++) {
        char key[32];
        int len = snprintf(key, sizeof(key), "key %d", i);

        ok(store_put(s, STORE_KEYS, (struct str){key, (size_t)len}, STR("a value of some bytes"),
                     &err));
    }
    ok(store_commit(s, true, &err));
    store_close(s);
    (void)snprintf(path, sizeof(path), "%s/config/data.mdb", dir);
    ok(fd_read_file(path, 1u << 30, &whole, &err));
    for (size_t len = 8192; len < whole.len; len += 4096) {
        int rows = 0;

        write_file("data.mdb", whole.data, len);
        s = NULL;
        err.text[0] = '\0';
        if (store_open(dir, &s, &err) != 0 ||
            store_each(s, STORE_KEYS, count_row, &rows, &err) != 0) {
            assert_non_null(strstr(err.text, path));
            errors++;
        } else {
            assert_int_equal(rows, ROWS);
        }
        store_close(s);
    }
    assert_true(errors > 10);
    buf_fini(&whole);
}

/* Puts rows, one synced commit each, and tells each number to `out` when its commit returned. */
static void write_until_killed(int out, uint32_t from)
{
    struct error err = ERROR_INIT;
    struct store *s = NULL;

    if (store_open(dir, &s, &err) != 0)
        _exit(3);
    for (uint32_t i = from;; i++) {
        char key[32];
        int len = snprintf(key, sizeof(key), "row/%u", i);
        struct str text = {key, (size_t)len};
        uint32_t number;

        if (store_begin(s, &err) != 0 || store_put(s, STORE_KEYS, text, text, &err) != 0 ||
            store_number(s, text, 1u << 20, &number, &err) != 0 ||
            store_commit(s, true, &err) != 0 || write(out, &i, sizeof(i)) != sizeof(i))
            _exit(4);
    }
}

/* One round: a writer is killed after `rows` commits or a little later; returns the last told. */
static uint32_t kill_writer(uint32_t from, uint32_t rows)
{
    int fds[2];
    uint32_t last = from;
    uint32_t told;
    int status;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        write_until_killed(fds[1], from);
    }
    (void)close(fds[1]);
    while (read(fds[0], &told, sizeof(told)) == sizeof(told)) {
        last = told;
        if (told == from + rows)
            (void)kill(pid, SIGKILL);
    }
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

static void a_kill_at_any_instant_loses_nothing(void **state)
{
    enum { ROUNDS = 25 };
    struct error err = ERROR_INIT;
    uint32_t next = 0;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t last = kill_writer(next, round % 7);
        struct store *s = open_store();
        int rows = 0;

        for (uint32_t i = 0; i <= last; i++) {
            char key[32];
            int len = snprintf(key, sizeof(key), "row/%u", i);
            struct str text = {key, (size_t)len};
            struct str got;

            assert_int_equal(store_get(s, STORE_KEYS, text, &got, &err), 1);
            assert_true(str_eq(got, text));
            assert_int_equal(store_get(s, STORE_INDEX, text, &got, &err), 1);
            assert_memory_equal(got.p, &i, sizeof(i)); /* no number was burnt or given twice */
        }
        ok(store_each(s, STORE_KEYS, count_row, &rows, &err));
        assert_in_range(rows, last + 1, last + 2); /* one may be committed and not told */
        next = (uint32_t)rows;
        store_close(s);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(rows_are_kept),
        TEST(keys_have_bounds),
        TEST(each_goes_in_order_and_stops),
        TEST(numbers_are_stable_and_lowest),
        TEST(many_numbers_stay_distinct),
        TEST(a_newer_version_is_refused),
        TEST(a_damaged_file_is_named),
        TEST(a_file_in_the_way_is_named),
        TEST(a_cut_file_is_noticed),
        TEST(a_kill_at_any_instant_loses_nothing),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
