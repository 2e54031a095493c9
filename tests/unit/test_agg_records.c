/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <sys/wait.h>

#include "server/aggregator/records.h"
#include "server/base/clock.h"
#include "shm/live.h"
#include "shm/weights.h"
#include "tests/unit/agg_tools.h"

/* The regions of a daemon, and an aggregator's store and records on them. */
static struct region live = REGION_NONE(REGION_LIVE);
static struct region weights = REGION_NONE(REGION_WEIGHTS);
static struct usage_store *store;
static struct records *records;

static void start(void)
{
    store = open_store();
    records = records_create(&live, &weights, store, &counters);
}

/* As kill -9 does: nothing is finished, only the regions and the file stay. */
static void stop(void)
{
    records_free(records);
    usage_store_close(store);
    records = NULL;
    store = NULL;
}

static int begin(void **state)
{
    struct error err = ERROR_INIT;

    if (make_dir(state) != 0 || region_create(REGION_LIVE, BOOT_ID, &live, &err) != 0 ||
        region_create(REGION_WEIGHTS, BOOT_ID, &weights, &err) != 0)
        return -1;
    live_take(live_slot(&live, 0), 1, NOW_MS);
    live_take(live_slot(&live, 1), 2, NOW_MS);
    start();
    return 0;
}

static int end(void **state)
{
    stop();
    region_close(&live);
    region_close(&weights);
    return remove_dir(state);
}

static struct outbox *box(uint32_t slot)
{
    return &live_slot(&live, slot)->outbox;
}

/* What a worker does when a request is settled. Returns the record's number. */
static uint64_t put(uint32_t slot, uint32_t n)
{
    uint8_t bytes[OUTBOX_RECORD_MAX];
    struct record r = record_of(n);
    size_t len = record_encode(&r, bytes, sizeof(bytes));
    uint64_t seq = outbox_put(box(slot), bytes, (uint32_t)len, weights_stored(&weights, slot));

    assert_int_not_equal(seq, 0);
    return seq;
}

static void put_many(uint32_t slot, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        (void)put(slot, i);
}

/* The frames that a worker would write to its pipe: all from number `from` on. */
static size_t frames_from(uint32_t slot, uint64_t from, uint8_t *out, size_t room)
{
    size_t len = 0;
    size_t n;

    while ((n = outbox_read(box(slot), from, out + len, room - len, &from)) > 0)
        len += n;
    return len;
}

static void feed(uint32_t slot, const uint8_t *bytes, size_t len)
{
    struct error err = ERROR_INIT;

    ok(records_feed(records, slot, (struct str){(const char *)bytes, len}, NOW_MS, &err));
}

static bool sweep(bool all, uint64_t mono_ms)
{
    struct error err = ERROR_INIT;
    int more = records_sweep(records, all, mono_ms, NOW_MS, &err);

    if (more < 0)
        fail_msg("%s", err.text);
    return more > 0;
}

static void commit_all(void)
{
    struct error err = ERROR_INIT;

    ok(records_commit(records, NOW_MS, &err));
}

static void test_frames_become_totals(void **state)
{
    static uint8_t bytes[65536];
    size_t len;

    (void)state;
    put_many(0, 100);
    len = frames_from(0, 1, bytes, sizeof(bytes));
    feed(0, bytes, len);
    assert_int_equal(weights_stored(&weights, 0), 0); /* not before the commit */
    commit_all();
    assert_int_equal(weights_stored(&weights, 0), 100);
    assert_int_equal(sum_now().requests, 100);
    assert_int_equal(counters.duplicates + counters.fetched + counters.lost, 0);
}

static void test_frames_cut_anywhere(void **state)
{
    static uint8_t bytes[65536];
    size_t len;

    (void)state;
    put_many(0, 60);
    len = frames_from(0, 1, bytes, sizeof(bytes));
    for (size_t step = 1; step < 5000; step = step * 3 + 1) {
        stop();
        assert_int_equal(remove_dir(NULL), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
        memset(&counters, 0, sizeof(counters));
        weights_set_stored(&weights, 0, 0);
        start();
        for (size_t at = 0; at < len; at += step)
            feed(0, bytes + at, min_u64(step, len - at));
        commit_all();
        assert_int_equal(sum_now().requests, 60);
        assert_int_equal(counters.garbage_bytes, 0);
        assert_int_equal(counters.fetched, 0);
    }
}

static void test_what_comes_twice_counts_once(void **state)
{
    static uint8_t bytes[65536];
    size_t len;

    (void)state;
    put_many(0, 50);
    len = frames_from(0, 1, bytes, sizeof(bytes));
    for (int i = 0; i < 3; i++)
        feed(0, bytes, len);
    commit_all();
    feed(0, bytes, len);
    commit_all();
    assert_int_equal(sum_now().requests, 50);
    assert_int_equal(counters.duplicates, 150);
}

static void test_slots_have_numbers_of_their_own(void **state)
{
    static uint8_t bytes[65536];

    (void)state;
    put_many(0, 10);
    put_many(1, 20);
    feed(0, bytes, frames_from(0, 1, bytes, sizeof(bytes)));
    feed(1, bytes, frames_from(1, 1, bytes, sizeof(bytes)));
    commit_all();
    assert_int_equal(sum_now().requests, 30);
    assert_int_equal(weights_stored(&weights, 0), 10);
    assert_int_equal(weights_stored(&weights, 1), 20);
}

static void test_a_gap_is_filled_from_the_outbox(void **state)
{
    static uint8_t bytes[65536];
    size_t len;

    (void)state;
    put_many(0, 50);
    len = frames_from(0, 41, bytes, sizeof(bytes)); /* 1..40 never came */
    feed(0, bytes, len);
    commit_all();
    assert_int_equal(sum_now().requests, 50);
    assert_int_equal(counters.fetched, 50);
    assert_int_equal(counters.lost, 0);
}

static void test_a_long_gap_is_filled_by_and_by(void **state)
{
    static uint8_t bytes[65536];
    uint32_t n = 20000;
    int sweeps = 0;

    (void)state;
    put_many(0, n);
    feed(0, bytes, frames_from(0, n, bytes, sizeof(bytes)));
    assert_true(counters.fetched < 1000);
    while (sweep(true, 1000))
        sweeps++;
    assert_in_range(sweeps, 1, 20);
    commit_all();
    assert_int_equal(sum_now().requests, n);
    assert_int_equal(counters.lost, 0);
}

static void test_what_is_late_is_fetched(void **state)
{
    (void)state;
    put_many(0, 5); /* and the worker died before it wrote to its pipe */
    (void)sweep(false, 1000);
    (void)sweep(false, 1000 + RECORDS_LATE_MS - 1);
    commit_all();
    assert_int_equal(sum_now().requests, 0); /* its pipe may still bring it */
    (void)sweep(false, 1000 + RECORDS_LATE_MS);
    commit_all();
    assert_int_equal(sum_now().requests, 5);
    assert_int_equal(weights_stored(&weights, 0), 5);
}

static void test_a_new_aggregator_goes_on(void **state)
{
    static uint8_t bytes[65536];
    size_t len;

    (void)state;
    put_many(0, 30);
    len = frames_from(0, 1, bytes, sizeof(bytes));
    feed(0, bytes, len);
    commit_all();
    put_many(0, 30);
    feed(0, bytes, frames_from(0, 31, bytes, sizeof(bytes)));
    stop(); /* the second half was not committed, its frames are no longer in the pipe */
    start();
    feed(0, bytes, len); /* and this was sent again by a new worker that did not know */
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests, 60);
    assert_int_equal(counters.lost, 0);
}

static void test_a_journal_removed_under_living_regions(void **state)
{
    (void)state;
    put_many(0, 300);
    (void)sweep(true, 1000);
    commit_all();
    stop();
    assert_int_equal(remove_dir(state), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    memset(&counters, 0, sizeof(counters));
    start();
    put_many(0, 10);
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests, 10);
    assert_int_equal(counters.lost, 0); /* they were told to be stored, and were */
}

static void test_garbage_costs_nothing_but_itself(void **state)
{
    static uint8_t bytes[65536];
    static uint8_t garbage[8192];
    struct outbox_head fake = {OUTBOX_MAGIC, 100, 1ull << 40};
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (uint8_t)(i * 37 + i / 251);
    memcpy(garbage + 100, &fake, sizeof(fake));
    fake.len = UINT32_MAX;
    memcpy(garbage + 500, &fake, sizeof(fake));
    fake = (struct outbox_head){OUTBOX_MAGIC, 2000, 3};
    memcpy(garbage + sizeof(garbage) - 50, &fake, sizeof(fake)); /* takes the next frames along */
    for (uint64_t from = 1; from <= 500; from += 50) {
        put_many(0, 50);
        len = frames_from(0, from, bytes, sizeof(bytes));
        feed(0, garbage, sizeof(garbage));
        feed(0, bytes, len);
    }
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests + counters.bad_records, 500);
    assert_true(counters.bad_records <= 1); /* the fake head with a number that was due */
    assert_true(counters.garbage_bytes > sizeof(garbage));
    assert_int_equal(weights_stored(&weights, 0), 500);
}

static void test_a_number_from_the_future_is_garbage(void **state)
{
    static uint8_t bytes[65536];
    struct outbox_head head;

    (void)state;
    put_many(0, 10);
    (void)frames_from(0, 1, bytes, sizeof(bytes));
    memcpy(&head, bytes, sizeof(head));
    head.seq = 1ull << 50;
    memcpy(bytes, &head, sizeof(head));
    feed(0, bytes, sizeof(head) + head.len);
    commit_all();
    assert_int_equal(sum_now().requests, 0);
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests, 10);
}

static void test_an_unsound_record_does_not_stop_the_others(void **state)
{
    uint8_t nonsense[64];

    (void)state;
    memset(nonsense, 0xc1, sizeof(nonsense));
    put_many(0, 5);
    assert_int_equal(outbox_put(box(0), nonsense, sizeof(nonsense), 0), 6);
    put_many(0, 5);
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests, 10);
    assert_int_equal(counters.bad_records, 1);
    assert_int_equal(weights_stored(&weights, 0), 11);
}

static void test_the_outbox_is_kept_small(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        put_many(0, 1000);
        (void)sweep(true, 1000);
        commit_all();
    }
    assert_int_equal(sum_now().requests, 60000);
    /* the same few chunks were used again and again */
    assert_true(atomic_load(&box(0)->head) - atomic_load(&box(0)->tail) <= 8);
}

/* Sweeps and commits until it is killed. */
static void child_aggregates(int fd)
{
    stop(); /* the parent's */
    start();
    for (;;) {
        uint64_t stored;

        (void)sweep(true, clock_mono_ms());
        commit_all();
        stored = weights_stored(&weights, 0);
        if (write(fd, &stored, sizeof(stored)) != sizeof(stored))
            _exit(1);
    }
}

static void test_kill_9_loses_and_repeats_nothing(void **state)
{
    uint32_t total = 0;

    (void)state;
    stop();
    for (int round = 0; round < 20; round++) {
        uint64_t stored = 0;
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child_aggregates(fds[1]);
        (void)close(fds[1]);
        for (int turns = 0; turns < 3 + round; turns++) {
            put_many(0, 91);
            total += 91;
            assert_int_equal(read(fds[0], &stored, sizeof(stored)), sizeof(stored));
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(fds[0]);
    }
    start();
    (void)sweep(true, 1000);
    commit_all();
    assert_int_equal(sum_now().requests, total);
    assert_int_equal(log_rows(), total);
    assert_int_equal(counters.lost, 0);
}

#define RECORDS_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(test_frames_become_totals),
        RECORDS_TEST(test_frames_cut_anywhere),
        RECORDS_TEST(test_what_comes_twice_counts_once),
        RECORDS_TEST(test_slots_have_numbers_of_their_own),
        RECORDS_TEST(test_a_gap_is_filled_from_the_outbox),
        RECORDS_TEST(test_a_long_gap_is_filled_by_and_by),
        RECORDS_TEST(test_what_is_late_is_fetched),
        RECORDS_TEST(test_a_new_aggregator_goes_on),
        RECORDS_TEST(test_a_journal_removed_under_living_regions),
        RECORDS_TEST(test_garbage_costs_nothing_but_itself),
        RECORDS_TEST(test_a_number_from_the_future_is_garbage),
        RECORDS_TEST(test_an_unsound_record_does_not_stop_the_others),
        RECORDS_TEST(test_the_outbox_is_kept_small),
        RECORDS_TEST(test_kill_9_loses_and_repeats_nothing),
    };

    return cmocka_run_group_tests_name("agg_records", tests, NULL, NULL);
}
