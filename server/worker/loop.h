/*
 * loop - the worker's event loop: timers and descriptors on h2o's loop.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Timers are coarse (LOOP_TICK_MS) and free to start and stop: a wheel that is stirred by one h2o
 * timeout, and only while timers are pending. Does not: spin, block, or allocate per timer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_TICK_MS 10

struct loop;
struct timer;
typedef void timer_fn(struct timer *t);

struct timer { /* embedded in its owner; zeroed is "not running" */
    struct timer *next, **prev;
    uint64_t due_ms;
    timer_fn *fn;
};

/* Starts (or restarts) it; fn runs once, not earlier than in `ms`. 0: the loop's next turn. */
void loop_timer_start(struct loop *loop, struct timer *t, uint64_t ms, timer_fn *fn);
void loop_timer_stop(struct timer *t);         /* harmless when not running */
uint64_t loop_now_ms(const struct loop *loop); /* monotonic, of this turn: no system call */
uint64_t loop_now_us(const struct loop *loop); /* monotonic, read now */

#endif
