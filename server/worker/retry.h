/*
 * retry - how many more attempts may be made, when, and where first.
 *
 * Runs in:  worker.   Reads: published, weights (through balance).   Writes: its slot's counters, the shared debt.
 * All layers (the next key, the next target, fallbacks) of all workers draw on one budget, so that an outage
 * is not amplified: the debt in shm/retries.h.
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

#define RETRY_PAUSE_MS 50 /* the first one's longest; its half is the shortest */
#define RETRY_PAUSE_MAX_MS 1000

/* The longest pause before the next attempt at who has failed `failures` times. */
uint64_t retry_pause_ms(uint32_t failures);

/* Of a request: what it has taken. */
struct retry {
    uint32_t granted; /* after so many attempts another one may be made: it is counted */
    uint32_t refused; /* ... it may not */
    uint32_t paused;  /* ... a pause was made */
    uint32_t aside;   /* ... only at a fallback that is well: it is not counted */
    uint32_t paid;    /* so many attempts begun, the last one was good: that is counted */
    bool is_trusted;  /* the attempt under way is such a one that is not counted */
};

/* There is another route: may it be tried? The same answer until the next attempt. */
bool retry_may(struct request *r);
/* An attempt begins that is no hedge; r->n_attempts is that of those before. */
void retry_begins(struct request *r);
/*
 * The attempt under way is answered as it should be, or as its caller deserved: told when its answer begins, because a
 * long one's end is too late for those who wait for a retry. Once counted, however often it is told.
 */
void retry_was_good(struct request *r);
/* ... or it failed, and others are asked. */
void retry_was_bad(struct request *r);
/* May an attempt at who seems well be made without counting it? */
bool retry_may_trust(const struct request *r);
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
