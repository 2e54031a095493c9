/*
 * retries - how many more attempts all workers together may make: a debt that they share.
 *
 * Runs in:  workers (read, write).   Region: live.   Words of many writers: relaxed atomics, and compare and swap.
 * A retry adds one to the debt; a request takes limits.retry_ratio of one away, an attempt that a
 * provider answered well a whole one, and a second in which the ratio brought less than a whole one fills that up. So
 * retries that help pay for themselves, however many they are. When everything fails nothing is paid back but the
 * ratio: from the first failure on a second's worth of requests is tried again freely, and beyond the debt of
 * that second (RETRY_BURST at least) only the ratio is.
 * While nobody is in debt nothing is written, so that workers share a line that stays in their caches. A worker that is
 * killed leaves at most the retries that it had under way, and time pays them.
 * Does not: say what may be tried again, or where (worker/retry.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RETRIES_H
#define SHM_RETRIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/layout.h"

struct region;

#define RETRY_WHOLE 100000u   /* one retry, in thousandths of a percent */
#define RETRY_BURST 10        /* always there after a calm */
#define RETRY_FREE_US 1000000 /* from a calm's end on */
#define RETRY_LOST_MAX 10     /* uncounted ones that failed, one after the other */

struct retries {                                /* writers, readers: all workers */
    _Alignas(CACHE_LINE) _Atomic uint64_t debt; /* in parts of RETRY_WHOLE, like the next two */
    _Atomic uint64_t debt_max;
    _Atomic uint64_t paid; /* by the ratio, since rested_us */
    _Atomic uint64_t free_until_us;
    _Atomic uint64_t rested_us; /* monotonic: up to when its seconds were counted */
    _Atomic uint64_t lost;      /* uncounted attempts that failed since the last good answer */
};
static_assert(sizeof(struct retries) == CACHE_LINE, "one line");

struct retries *retries_of(const struct region *live);

/* A request begins. */
void retries_request(struct retries *b, uint64_t ratio);
/* An attempt was answered well. */
void retries_good(struct retries *b);
/* May one more be made now? It is counted. */
BF_MUST_CHECK bool retries_take(struct retries *b, uint64_t now_us);
/* One is made in any case. */
void retries_add(struct retries *b);
void retries_give_back(struct retries *b);

/*
 * An attempt where all seems well need not be counted, unless such ones have failed lately: what the weights say
 * may be old, or nobody's.
 */
bool retries_may_trust(const struct retries *b);
void retries_lost(struct retries *b);

#endif
