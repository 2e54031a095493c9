/*
 * agg_tools - what the tests of the journal share: a state directory, records, a store.
 *
 * Runs in:  unit and torture tests.   Reads, writes: a directory of its own below $TMPDIR.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_AGG_TOOLS_H
#define TESTS_AGG_TOOLS_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/aggregator/query.h"
#include "server/aggregator/usage_store.h"
#include "shm/outbox.h"
#include "shm/record.h"
#include "tests/unit/temp_dir.h"

#define NOW_MS 1795348800000ull /* noon of 2026-11-22: the tests' real time */
#define BOOT_ID 0xb007u
#define BUDGET_OF_ALL 500u  /* accounts that record_of() books to */
#define BUDGET_OF_KEY 1000u /* and what the key's place among the three is added to */

static char dir[TEMP_DIR_MAX];
static struct agg_counters counters;

static inline int make_dir(void **state)
{
    (void)state;
    memset(&counters, 0, sizeof(counters));
    return temp_dir_make(dir);
}

static inline int remove_dir(void **state)
{
    (void)state;
    return temp_dir_remove(dir);
}

static inline struct record record_of(uint32_t n)
{
    struct record r = {.begun_ms = NOW_MS - 50,
                       .key_id = 1 + n % 3,
                       .key_name = STR("team"),
                       .provider = STR("mock"),
                       .provider_key = STR("main"),
                       .model = n % 2 == 0 ? STR("echo") : STR("lorem-10"),
                       .endpoint = STR("chat.completions"),
                       .status = 200,
                       .attempts = 1,
                       .tokens = {.input = 10, .output = 5, .cached = 2, .reasoning = 1},
                       .cost_nanousd = 1000 + n,
                       .n_bookings = 2,
                       .bookings = {{BUDGET_OF_ALL, 3}, {BUDGET_OF_KEY + n % 3, 7}},
                       .first_byte_us = 20000,
                       .total_us = 30000};

    memcpy(r.id, &n, sizeof(n));
    return r;
}

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

static inline struct usage_store *open_with(const struct usage_store_options *more)
{
    struct usage_store_options options = *more;
    struct usage_store *s = NULL;
    struct error err = ERROR_INIT;

    options.state_dir = dir;
    if (options.boot_id == 0)
        options.boot_id = BOOT_ID;
    ok(usage_store_open(&options, &counters, &s, &err));
    return s;
}

static inline struct usage_store *open_store(void)
{
    return open_with(&(struct usage_store_options){.log_max_records = 1000000});
}

static inline int try_add(struct usage_store *s, uint32_t slot, uint64_t seq,
                          const struct record *r, uint64_t now_ms, struct error *err)
{
    uint8_t bytes[OUTBOX_RECORD_MAX];
    size_t len = record_encode(r, bytes, sizeof(bytes));

    assert_int_not_equal(len, 0);
    return usage_store_add(s, &(struct usage_entry){slot, seq, r, {(const char *)bytes, len}},
                           now_ms, err);
}

static inline void add(struct usage_store *s, uint32_t slot, uint64_t seq, const struct record *r)
{
    struct error err = ERROR_INIT;

    ok(try_add(s, slot, seq, r, NOW_MS, &err));
}

static inline void commit(struct usage_store *s)
{
    struct error err = ERROR_INIT;

    ok(usage_store_commit(s, NOW_MS, &err));
}

/* The sum over everything that is stored. */
static inline struct usage_totals sum_all(struct arena *a)
{
    struct query *q = query_open(dir);
    struct usage_filter all = {0};
    struct usage_answer answer;
    struct usage_totals totals = {0};
    struct error err = ERROR_INIT;

    ok(query_usage(q, &all, a, &answer, &err));
    if (answer.n > 0)
        totals = answer.rows[0].totals;
    query_close(q);
    return totals;
}

static inline struct usage_totals sum_now(void)
{
    struct arena *a = arena_create(4096);
    struct usage_totals totals = sum_all(a);

    arena_free(a);
    return totals;
}

static inline uint64_t log_rows(void)
{
    struct query *q = query_open(dir);
    struct query_about about = {.log_rows = 0};
    struct error err = ERROR_INIT;

    ok(query_about(q, &about, &err));
    query_close(q);
    return about.log_rows;
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

#endif
