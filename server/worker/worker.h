/*
 * worker - the process that serves clients: what one worker has.
 *
 * Runs in:  worker.   Reads: published, weights.   Writes: its own slot in live; its two pipes.
 * Created after fork: h2o loop, curl handles. Per loop turn it looks once at the published
 * generation and adopts a new one, acknowledging it in its slot. Does not: open LMDB, lock, block,
 * sleep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/json.h"
#include "server/inherit.h"
#include "server/worker/payers.h"
#include "server/worker/retry.h"
#include "shm/live.h"
#include "shm/published.h"

struct estimator;
struct http_server;
struct rules;
struct shadow;
struct ledger;
struct model_limits;
struct pricing;
struct signers;
struct queue;
struct loop;
struct report;
struct upstream;

struct worker {
    const struct inherit *in;
    struct slot *slot;    /* this worker's own, in region live */
    struct pub_view view; /* current configuration; nothing in a request points into it */
    struct loop *loop;
    struct http_server *http;
    struct upstream *upstream;
    struct report *report;       /* samples and records on their way to the pipes */
    struct ledger *ledger;       /* holds, in the slot */
    struct estimator *estimator; /* what requests have used lately */
    struct pricing *pricing;     /* prices at hand */
    struct model_limits *limits; /* of models, for everybody: a copy */
    struct held_seen held_seen[HELD_SEEN_MAX];
    uint32_t n_unheard;     /* calls that go on without their clients */
    uint64_t unheard_bytes; /* of their requests */
    struct shadow *shadows; /* copies of requests under way (shadow.h) */
    uint32_t n_shadows;
    uint64_t shadow_bytes;   /* of their requests */
    struct signers *signers; /* sign.c: NULL until a request is signed */
    struct rules *rules;     /* rules.c: NULL until one is looked at */
    struct queue *queue;     /* queue.c: NULL until a request waits */
    struct json_parser *json;
    struct arena *scratch;         /* for one event of an answer: reset behind each */
    struct arena *free_arenas[64]; /* reset and ready: no malloc per request */
    uint32_t n_free_arenas;
    bool has_grown; /* some request's arena was very large: its memory goes back soon */
    uint64_t trimmed_ms;
    uint64_t random; /* state of worker_random */
    bool draining;   /* no new connections; open requests are finished */
};

/* xorshift: for choices, not for secrets. */
uint64_t worker_random(struct worker *w);
struct arena *worker_arena_take(struct worker *w);
void worker_arena_give(struct worker *w, struct arena *a);
void worker_scratch_reset(struct worker *w); /* what was large goes back to the system soon */

#endif
