/*
 * timers - a heap of moments.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Intrusive: the node is embedded in its owner. Does not: read a clock, call anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_TIMERS_H
#define MOCK_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct mock_timer { /* zeroed: not in a heap */
    uint64_t due_ms;
    size_t place; /* 1 + index in the heap; 0: not running */
};

struct mock_timers { /* zeroed: empty */
    struct mock_timer **heap;
    size_t n, room;
};

void mock_timers_fini(struct mock_timers *t);
/* (Re)starts it. */
void mock_timer_start(struct mock_timers *t, struct mock_timer *timer, uint64_t due_ms);
void mock_timer_stop(struct mock_timers *t, struct mock_timer *timer); /* harmless when idle */
/* The earliest one, still running; NULL when there is none. */
struct mock_timer *mock_timers_first(const struct mock_timers *t);

#endif
