/*
 * health - what the samples say about each route, and how much traffic it should get.
 *
 * Runs in:  aggregator.   Reads, writes: its own memory only; time is given by the caller.
 * Per route: shares and means that fade with a half-life, a breaker, and how long to stay away.
 * Whose fault an attempt's end was decides what it does:
 *   ok                                good; ends a back-off
 *   caller's fault                    the route answered: ends a run of failures, else nothing
 *   client gone                       says nothing about the route
 *   hedged                            was silent for at least so long, else nothing
 *   key refused                       opens all routes of this provider key for a while
 *   rate limited                      this route (of a route for any model: this model there; or all of
 *                                     the key, when its vendor says so) rests for Retry-After, or a pause
 *   upstream error, connect, timeout, cut    bad; too many open the route
 * Does not: log, know names, decide for a request (worker/balance.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_HEALTH_H
#define AGGREGATOR_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/headroom.h"
#include "server/aggregator/lane_book.h"
#include "server/base/base.h"
#include "shm/lanes.h"
#include "shm/sample.h"
#include "shm/weights.h"

/*
 * Two memories: fifteen seconds, so that a fault is forgotten within a minute and a few good answers do
 * not wash it away; and five seconds, so that a route which begins to fail or to crawl loses its
 * traffic before many have met it. Of faults the worse of the two counts.
 */
#define HEALTH_HALF_LIFE_MS 15000ull
#define HEALTH_QUICK_MS 5000ull
/* Of this many good ones every route is thought to begin with, so that one fault out of one
 * attempt is not a share of 100 %, and an idle route heals. */
#define HEALTH_PRIOR 10.0
/* Open: more than half of at least five recent attempts failed, or the last five all did. */
#define HEALTH_OPEN_SAMPLES 5.0
#define HEALTH_OPEN_SHARE 0.5
#define HEALTH_OPEN_RUN 5
/* Degraded from one in ten, healthy again below one in twenty: between them it stays what it was.
 */
#define HEALTH_DEGRADED_SHARE 0.10
#define HEALTH_HEALTHY_SHARE 0.05
/* Back-off of the breaker: doubled each time that a probe fails. */
#define HEALTH_OPEN_MS 5000ull
#define HEALTH_OPEN_MAX_MS 15000ull /* probes are real requests that are retried: cheap */
/* A probe's weight: one in twenty requests finds out whether it is back, three must be well. */
#define HEALTH_PROBE_WEIGHT (WEIGHT_FULL / 20)
#define HEALTH_PROBES 3
/* Back from open: a tenth of its weight at first, all of it after this. */
#define HEALTH_SLOW_START_MS 10000ull
/* A refused key is rarely put right within a minute. */
#define HEALTH_KEY_MS 60000ull
#define HEALTH_KEY_MAX_MS 600000ull
/* 429 without Retry-After: pause, doubled with each one that follows. With it: at most an hour,
 * so that a wrong header does not switch a route off for a day. */
#define HEALTH_PAUSE_MS 1000ull
#define HEALTH_PAUSE_MAX_MS 30000ull
#define HEALTH_RETRY_MAX_MS 3600000ull
/*
 * Half as slow again as the best sibling (to the first byte, or from token to token) is noise;
 * beyond, weight falls with the third power of the ratio: five times as slow leaves one fortieth,
 * enough to see that it is well again.
 */
#define HEALTH_SLOW_RATIO 1.5
#define HEALTH_SLOW_POWER 3.0
#define HEALTH_SLOW_FLOOR 0.02
#define HEALTH_SLOW_SAMPLES 5.0
#define HEALTH_TOKENS_LEAST 200.0
/*
 * Targets of a group are different models, which nobody can compare; but each with itself. What is
 * usual fades with ten minutes, so a brown-out is seen for about as long and then is how it is.
 */
#define HEALTH_USUAL_MS 600000ull
#define HEALTH_USUAL_STEP_MS 1000u
#define HEALTH_USUAL_SAMPLES 20.0
#define HEALTH_USUAL_SEED 200.0 /* what a predecessor told counts as so many samples at most */
/* One fault in a hundred is noise; beyond, (1 - share)^12: one in five leaves a fifteenth. */
#define HEALTH_ERROR_NOISE 0.01
#define HEALTH_ERROR_POWER 12.0
#define HEALTH_ERROR_FLOOR 0.02

struct health_route {
    uint32_t row;      /* < ROUTES_MAX */
    uint64_t identity; /* hash of provider, key, model: another one means another route */
    uint64_t key;      /* hash of provider and key */
    uint64_t target;   /* hash of provider and model: siblings share it */
    bool is_any;       /* it serves any model: each has limits of its own */
    struct headroom_capacity capacity; /* of its key */
};

enum health_verdict { HEALTH_TAKEN, HEALTH_BAD, HEALTH_STALE };

struct health;

struct health *health_create(void);
void health_free(struct health *h); /* takes NULL */

/*
 * The routes of a published generation. A row whose identity is as before keeps its figures, also
 * for samples of older generations; another identity begins anew and older samples are stale.
 */
void health_configure(struct health *h, uint32_t generation, const struct health_route *routes,
                      size_t n);

/*
 * What the region says of a row: told by a predecessor that died. Its breaker stays as it was; the
 * shares begin anew. For rows of the first configuration, after it.
 */
void health_seed(struct health *h, uint32_t row, const struct weight *told);

/* Likewise of a lane; after the rows. */
void health_seed_lane(struct health *h, uint32_t place, const struct lane *told);

/* `now_ms` is monotonic; the sample's own time is used when it is sound. */
enum health_verdict health_sample(struct health *h, const struct sample *s, uint64_t now_ms);

/* Since the last tick a route was shut: the next should not wait for its turn. */
bool health_is_urgent(const struct health *h);

/* Called with each row whose figures differ from what was told last. */
typedef void health_row_fn(void *ctx, uint32_t row, const struct weight *was,
                           const struct weight *now);

/*
 * Move breakers on and tell what changed. `all`: also rows that only faded since (else those with
 * new samples or a time that is up). True when some row will still change by itself.
 */
bool health_tick(struct health *h, uint64_t now_ms, bool all, health_row_fn *fn, void *ctx);
/* Likewise the lanes. Returns how many are in use. */
uint32_t health_tick_lanes(struct health *h, uint64_t now_ms, lane_fn *fn, void *ctx);

#endif
