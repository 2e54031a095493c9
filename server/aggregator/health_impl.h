/*
 * health_impl - what health.c (samples in) and health_tell.c (weights out) share.
 *
 * Runs in:  aggregator.   Reads, writes: nothing itself. Only those two include it.
 * Does not: decide anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_HEALTH_IMPL_H
#define AGGREGATOR_HEALTH_IMPL_H

#include "server/aggregator/figures.h"
#include "server/aggregator/headroom.h"
#include "server/aggregator/health.h"
#include "server/aggregator/lane_book.h"
#include "server/aggregator/latency.h"

struct row {
    uint64_t identity;   /* 0: no route has this row */
    uint32_t generation; /* in which this identity came */
    uint32_t key, target;
    uint64_t samples;
    bool is_dirty;
    bool is_spared; /* open, but enough of its siblings are */
    bool is_any;    /* serves any model: limits are in the book of lanes */
    struct figures figures;
    struct headroom headroom; /* as its provider told it */
    struct latency *latency;  /* NULL: nothing was heard of its first bytes */
    struct weight told;
};

struct key { /* a provider key */
    uint64_t id;
    uint64_t refused_ms; /* when it was refused last; 0: it is well */
    uint64_t until_ms, backoff_ms;
    uint64_t rest_until_ms;   /* its vendor limits all of its models; 0: not */
    struct headroom capacity; /* as the operator declared it */
};

struct target {
    uint64_t id;
    double best_first;          /* microseconds, of the quickest sibling; 0: not known */
    double best_per_token;      /* likewise */
    uint32_t n, n_open, n_shut; /* routes, those that their faults opened, and not spared */
};

struct health {
    struct row *rows;  /* ROUTES_MAX; only touched ones take memory */
    uint32_t rows_end; /* behind the last one that ever had a route */
    uint32_t *used;    /* rows that have a route */
    size_t n_used;
    uint32_t *dirty; /* with samples since the last tick */
    size_t n_dirty;
    struct key *keys; /* sorted by id */
    size_t n_keys;
    struct target *targets; /* sorted by id */
    size_t n_targets;
    struct lane_book *lanes;
    bool all_are_dirty;
    bool is_urgent; /* a route was shut since the last tick */
};

#endif
