/*
 * health_tools - what the tests of health and of figures share: three routes and a clock.
 *
 * Runs in:  unit tests.   Reads, writes: nothing outside the test's process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_HEALTH_TOOLS_H
#define TESTS_HEALTH_TOOLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/aggregator/health.h"
#include "shm/layout.h"

/* The clock of the tests: far from 0, where "not set" is. */
#define T0 1000000000ull

enum { GENERATION = 7 };

/* Rows 0 and 1: two keys of one provider for one model; 2: the first key, another model. */
static const struct health_route routes[] = {
    {.row = 0, .identity = 100, .key = 10, .target = 1},
    {.row = 1, .identity = 101, .key = 11, .target = 1},
    {.row = 2, .identity = 102, .key = 10, .target = 2},
};

static struct weight told[ROUTES_MAX];
static unsigned tellings;

static void on_row(void *ctx, uint32_t row, const struct weight *was, const struct weight *now)
{
    (void)ctx;
    (void)was;
    told[row] = *now;
    tellings++;
}

static inline int begin(void **state)
{
    struct health *h = health_create();

    memset(told, 0, sizeof(told));
    health_configure(h, GENERATION, routes, ARRAY_LEN(routes));
    (void)health_tick(h, T0, true, on_row, NULL);
    tellings = 0;
    *state = h;
    return 0;
}

static inline int end(void **state)
{
    health_free(*state);
    return 0;
}

static struct sample sample_of(uint32_t row, enum sample_outcome outcome, uint64_t at)
{
    return (struct sample){.version = SAMPLE_VERSION,
                           .outcome = (uint8_t)outcome,
                           .generation = GENERATION,
                           .row = row,
                           .first_byte_us = 1000,
                           .total_us = 2000,
                           .http_status = 200,
                           .sent_ms = (uint32_t)at};
}

static inline void put(struct health *h, uint32_t row, enum sample_outcome outcome, unsigned n,
                       uint64_t at)
{
    for (unsigned i = 0; i < n; i++) {
        struct sample s = sample_of(row, outcome, at);

        assert_int_equal(health_sample(h, &s, at), HEALTH_TAKEN);
    }
}

static inline void tick(struct health *h, uint64_t at)
{
    (void)health_tick(h, at, true, on_row, NULL);
}

static inline void open_row(struct health *h, uint32_t row, uint64_t at)
{
    put(h, row, SAMPLE_CONNECT, HEALTH_OPEN_RUN, at);
    tick(h, at);
    assert_int_equal(told[row].state, ROUTE_OPEN);
}

#define HEALTH_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif
