/*
 * figures - of one route: sums that fade, and a breaker.
 *
 * Runs in:  aggregator, below health.c.   Reads, writes: the struct it is given, nothing else.
 * Does not: know other routes, provider keys or what is published. Constants are in health.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_FIGURES_H
#define AGGREGATOR_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/sample.h"

struct figures {
    uint64_t faded_ms;                              /* up to when the sums have faded */
    double good, bad, attempts, total_sum, total_n; /* long memory; sums are microseconds */
    double quick_good, quick_bad;                   /* short memory, like all that follows */
    double first_sum, first_n;                      /* of good ones, to the first byte */
    double token_sum, token_n;                      /* from there to the end, and tokens */
    double usual_sum, usual_n;                      /* to the first byte, over a long time */
    uint64_t usual_ms;                              /* up to when these have faded */
    uint32_t run;                                   /* faults one after the other */
    uint32_t pauses;                                /* 429 one after the other */
    uint32_t probes;                                /* good ones since it opened */
    uint32_t state;                                 /* enum route_state, of the route alone */
    uint32_t reason;                                /* enum sample_outcome */
    uint64_t state_ms;                              /* since when */
    uint64_t open_until_ms, open_ms;                /* this back-off's end and length */
    uint64_t retry_at_ms;                           /* Retry-After */
    uint64_t well_ms;                               /* when it came back; 0: it was never away */
};

void figures_fade(struct figures *f, uint64_t at_ms);
double figures_bad_share(const struct figures *f);             /* 0..1, of the worse memory */
double figures_ramp(const struct figures *f, uint64_t now_ms); /* 0.1..1: of a slow start */
/* Of good answers, microseconds; 0: too few to say. */
double figures_first(const struct figures *f);
double figures_per_token(const struct figures *f);
/* How many times as slow as it usually is, to the first byte; 1: too little is known. */
double figures_slower(const struct figures *f);
bool figures_are_shut(const struct figures *f); /* open or half open */

/* `begun_ms`: of the attempt; only those that began after it opened say that it is back. */
void figures_answer(struct figures *f, uint64_t begun_ms, uint64_t now_ms);
void figures_good(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms);
/* Given up while it was silent, longer than the others took: slow, and no fault. */
void figures_silent(struct figures *f, const struct sample *s);
/* True: it opened. */
bool figures_fault(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms);
/* Of a 429 that does not say how long: doubled with each of the `pauses` before it. */
uint64_t figures_pause(uint32_t pauses);
void figures_rest(struct figures *f, uint64_t until_ms);
/* Breakers whose time is up, and the line between healthy and degraded. */
void figures_move_on(struct figures *f, uint64_t now_ms);

#endif
