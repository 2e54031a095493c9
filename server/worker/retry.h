/*
 * retry - how many more attempts may be made, when, and where first.
 *
 * Runs in:  worker.   Reads: published, weights (through balance).   Writes: its slot's counters.
 * All layers (the next key, the next target, fallbacks) draw on one budget of the worker, so that an outage
 * is not amplified. It is told as a debt: a retry adds one to it; a request takes limits.retry_ratio
 * of one away, an attempt that a provider answered well a whole one, and a second without anything one
 * as well. So retries that help pay for themselves, however many they are: with one of two targets
 * dead every second request is tried again, and nobody sees an error. When everything fails nothing is
 * paid back but the ratio: from the first failure on a second's worth of requests is tried again freely, and
 * beyond the debt of that second (RETRY_BURST at least) only the ratio is.
 * A route of another provider is asked at once; one of a provider that has just failed only when no better
 * one is there, after a pause with jitter that doubles.
 * Does not: say what may be tried again (outcome.h), count hedges (hedge.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

struct candidates;
struct request;

#define RETRY_WHOLE 100000u   /* one retry, in thousandths of a percent */
#define RETRY_BURST 10        /* always there after a calm */
#define RETRY_FREE_US 1000000 /* from a calm's end on */
#define RETRY_PAUSE_MS 50     /* the first one's longest; its half is the shortest */
#define RETRY_PAUSE_MAX_MS 1000

struct retry_budget {
    uint64_t debt, debt_max; /* in parts of RETRY_WHOLE */
    uint64_t free_until_us;
    uint64_t rested_us; /* up to when its seconds were counted */
};

void retry_budget_request(struct retry_budget *b, uint64_t ratio);
void retry_budget_good(struct retry_budget *b);
/* May one more be made now? It is counted. */
BF_MUST_CHECK bool retry_budget_take(struct retry_budget *b, uint64_t now_us);
void retry_budget_give_back(struct retry_budget *b);
/* The longest pause before the next attempt at who has failed `failures` times. */
uint64_t retry_pause_ms(uint32_t failures);

/* Of a request: what it has taken. */
struct retry {
    uint32_t granted; /* after so many attempts another one may be made: it is counted */
    uint32_t refused; /* ... it may not */
    uint32_t paused;  /* ... a pause was made */
    uint32_t aside;   /* ... only at a fallback that is well: it is not counted */
};

/* There is another route: may it be tried? The same answer until the next attempt. */
bool retry_may(struct request *r);
/* An attempt begins that is no hedge; r->n_attempts is that of those before. */
void retry_begins(struct request *r);
/* An attempt was answered as it should be, or as its caller deserved. */
void retry_was_good(struct request *r);
/* The request ends: what it has taken and not used goes back. */
void retry_ends(struct request *r);
/*
 * Of several routes keep those of providers that have not failed in this request, if any of them is
 * well. False: there are none, and all are as they were.
 */
bool retry_narrow(struct request *r, struct candidates *found);
/* Is one of them of a provider that has not failed in this request, and well? */
bool retry_has_better(struct request *r, const struct candidates *found);
/* All that is left has just failed: run the step again later? Once for each attempt. */
bool retry_pauses(struct request *r, const struct candidates *found);

#endif
