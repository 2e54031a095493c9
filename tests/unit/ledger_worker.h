/*
 * ledger_worker - one worker's ledger, opened for each test: what test_ledger*.c share.
 *
 * Runs in:  unit tests.   Reads, writes: regions of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_LEDGER_WORKER_H
#define TESTS_LEDGER_WORKER_H

#include "tests/unit/ledger_fixture.h"

static struct ledger_fixture f;
static struct ledger *l;

static inline int set_up(void **state)
{
    (void)state;
    fixture_open(&f);
    l = fixture_worker(&f, 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    ledger_close(l);
    fixture_close(&f);
    return 0;
}

static inline uint32_t take(const struct account *accounts, uint32_t n, uint64_t likely,
                            uint64_t worst)
{
    struct hold_want want = fixture_want(accounts, n, likely, worst);

    return fixture_take(l, &want);
}

static inline struct refusal refused(const struct account *accounts, uint32_t n, uint64_t likely,
                                     uint64_t worst)
{
    struct hold_want want = fixture_want(accounts, n, likely, worst);

    return fixture_refused(l, &want);
}

static inline uint64_t used(const struct account *a)
{
    return fixture_used(&f, a, FIXTURE_NOW);
}

#endif
