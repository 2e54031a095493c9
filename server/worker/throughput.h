/*
 * throughput - streams that are slower than their model's floor are given up.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * From the head of a stream on, one timer looks four times per period how many tokens have come in the last
 * whole one, so that a stall is noticed wherever it begins: events with text, thinking or arguments, or their
 * bytes / 4 where that is more. Time in which the client itself does
 * not read does not count. A stream that is too slow is as one that went silent: another route before its
 * first content, an error event after it. Without a floor it costs one branch per attempt.
 * Does not: measure routes for their weights (the aggregator does, from samples).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_THROUGHPUT_H
#define WORKER_THROUGHPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/worker/loop.h"

struct request;

#define THROUGHPUT_PARTS 4 /* looks per period */

struct throughput {
    struct timer timer;
    struct {
        uint64_t bytes, events;
    } marks[THROUGHPUT_PARTS]; /* what had come at each of the last looks */
    uint32_t looks;
    uint32_t
        free_until; /* the number of the look up to which the client has not read all the time */
};

/* A good head has come. */
void throughput_begin(struct request *r);
/* The provider is paused, because the client does not read. */
void throughput_paused(struct request *r);
/* The attempt is over, or nobody listens. */
void throughput_end(struct request *r);
/* Are so many tokens in so many milliseconds fewer than `at_least` thousandths of one a second? */
bool throughput_is_slow(uint64_t tokens, uint32_t at_least, uint32_t over_ms);

#endif
