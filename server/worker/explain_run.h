/*
 * explain_run - a worker that serves nobody: runs a request's steps up to the choice of a route.
 *
 * Runs in:  admin, tests.   Reads: published, weights, counters, tokens.
 * Writes: a slot of its own, in private memory; nothing shared.
 * It has what the steps ask of a worker: a view, a slot, a ledger over it, prices, an estimator that
 * has learned nothing. Nothing is in flight in its slot, so what is told are shares and not a draw.
 * Does not: send, learn, know JSON (admin/explain.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_EXPLAIN_RUN_H
#define WORKER_EXPLAIN_RUN_H

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/worker/explain.h"

struct explainer;
struct inherit;

/* NULL and *err: there is no memory for its slot. The regions must outlive it. */
struct explainer *explainer_create(const struct regions *regions, struct error *err);
void explainer_free(struct explainer *e); /* takes NULL */
/* For tests and benchmarks. */
struct worker *explainer_worker(struct explainer *e);

/* A request that nobody sent. */
struct explain_ask {
    const uint8_t *key_hash; /* of the virtual key; NULL: none */
    struct str method, path, query, body;
    struct str peer;                   /* address */
    const struct http_header *headers; /* names in lower case */
    size_t n_headers;
    uint64_t at_ms; /* what conditions take for the time; 0: now */
    bool has_used;  /* what they take for budget.used is told ... */
    double used;    /* ... 1: all of it */
};

/*
 * What it would get, by this view (its own copy of the image). Everything is in the arena, and so is
 * the request, whose `explain` tells the rest.
 */
struct request *explain_run(struct explainer *e, const struct pub_view *view,
                            const struct explain_ask *ask, struct arena *arena);

#endif
