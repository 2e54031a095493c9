/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <lmdb.h>

#include "tests/unit/agg_tools.h"

/* Commits until it fails; returns the last number that is safe. */
static uint64_t fill(struct usage_store *s, uint64_t seq, struct error *err)
{
    struct record r = record_of(0);

    for (;;) {
        for (int i = 0; i < 100; i++) {
            if (try_add(s, 0, ++seq, &r, NOW_MS, err) != 0)
                return usage_store_seq(s, 0);
        }
        if (usage_store_commit(s, NOW_MS, err) != 0)
            return usage_store_seq(s, 0);
        assert_true(seq < 1000000);
    }
}

static void test_a_full_map_loses_nothing_and_is_relieved(void **state)
{
    struct usage_store_options small = {.log_max_records = 1000000, .map_bytes = 4u << 20};
    struct usage_store *s = open_with(&small);
    struct record r = record_of(0);
    struct error err = ERROR_INIT;
    uint64_t safe = fill(s, 0, &err);

    (void)state;
    assert_true(usage_store_map_was_full(s));
    assert_int_equal(counters.records, safe); /* the failed batch is not counted */
    usage_store_close(s);
    s = open_with(&small);
    assert_int_equal(usage_store_seq(s, 0), safe);
    assert_int_equal(sum_now().requests, safe);
    ok(usage_store_relieve(s, &err));
    for (uint64_t seq = safe + 1; seq <= safe + 100; seq++)
        add(s, 0, seq, &r);
    commit(s);
    assert_int_equal(sum_now().requests, safe + 100);
    usage_store_close(s);
}

static void test_a_full_disk_loses_nothing(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct error err = ERROR_INIT;
    struct rlimit old;
    struct rlimit tight;
    uint64_t safe;

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN); /* as a full disk, write() fails */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){1u << 20, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    safe = fill(s, 0, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_false(usage_store_map_was_full(s));
    assert_true(safe > 0);
    usage_store_close(s);
    s = open_store();
    assert_int_equal(usage_store_seq(s, 0), safe);
    assert_int_equal(sum_now().requests, safe);
    add(s, 0, safe + 1, &r);
    commit(s);
    assert_int_equal(log_rows(), safe + 1);
    usage_store_close(s);
}

/* Writes batches until it is killed, telling of each commit. */
static void child_writes(int fd)
{
    struct usage_store *s = open_store();
    uint64_t seq = usage_store_seq(s, 0);

    for (;;) {
        for (uint32_t i = 0; i < 37; i++) {
            struct record r = record_of(i);

            add(s, 0, ++seq, &r);
        }
        commit(s);
        if (write(fd, &seq, sizeof(seq)) != sizeof(seq))
            _exit(1);
    }
}

static void test_kill_9_leaves_whole_batches(void **state)
{
    uint64_t told = 0;

    (void)state;
    for (int round = 0; round < 15; round++) {
        int fds[2];
        pid_t pid;
        struct usage_store *s;
        uint64_t seq;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child_writes(fds[1]);
        (void)close(fds[1]);
        for (int i = 0; i <= round; i++)
            assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(fds[0]);
        s = open_store();
        seq = usage_store_seq(s, 0);
        usage_store_close(s);
        assert_true(seq >= told);
        assert_int_equal(seq % 37, 0);
        assert_int_equal(sum_now().requests, seq);
        assert_int_equal(log_rows(), seq);
    }
}

/* Dies within a snapshot, as an admin process does that is killed in the middle of a query. */
static void child_reads_and_dies(void)
{
    char path[PATH_MAX + 32];
    MDB_env *env;
    MDB_txn *txn;

    (void)snprintf(path, sizeof(path), "%s/" TABLES_DIR, dir);
    if (mdb_env_create(&env) == 0 && mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0640) == 0 &&
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0)
        (void)raise(SIGKILL);
    _exit(1); /* no place among the readers */
}

static void test_readers_that_died_are_forgotten(void **state)
{
    struct usage_store *s = open_store();
    struct record r = record_of(0);
    struct query_about about;
    struct error err = ERROR_INIT;
    struct query *q;
    int status;

    (void)state;
    add(s, 0, 1, &r);
    commit(s);
    for (int i = 0; i < TABLES_READERS; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            child_reads_and_dies();
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    /* All places are taken by the dead: a reader clears them. */
    q = query_open(dir);
    ok(query_about(q, &about, &err));
    assert_int_equal(about.counters.records, 1);
    query_close(q);
    usage_store_close(s);
}

static void test_the_dead_do_not_make_the_file_grow(void **state)
{
    struct usage_store *s = open_with(&(struct usage_store_options){.log_max_records = 100});
    struct record r = record_of(0);
    uint64_t seq = 0;
    char path[PATH_MAX + 32];
    struct stat st;
    pid_t pid;

    (void)state;
    add(s, 0, ++seq, &r);
    commit(s);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_reads_and_dies();
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    usage_store_tidy(s);
    for (int batch = 0; batch < 300; batch++) {
        for (int i = 0; i < 100; i++)
            add(s, 0, ++seq, &r);
        commit(s);
    }
    (void)snprintf(path, sizeof(path), "%s/" TABLES_DIR "/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 1 << 20); /* with the reader pinned it is eight times that */
    usage_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIR_TEST(test_a_full_map_loses_nothing_and_is_relieved),
        DIR_TEST(test_a_full_disk_loses_nothing),
        DIR_TEST(test_kill_9_leaves_whole_batches),
        DIR_TEST(test_readers_that_died_are_forgotten),
        DIR_TEST(test_the_dead_do_not_make_the_file_grow),
    };

    return cmocka_run_group_tests_name("agg_store_faults", tests, NULL, NULL);
}
