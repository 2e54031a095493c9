/*
 * shadow - a copy of a request for a second target, whose answer nobody hears.
 *
 * Runs in:  worker.   Reads: published.   Writes: its slot (counters; holds, through money).
 * A model with `shadow:` draws for each of its requests. When one that was drawn is settled, what its
 * client sent is copied, and from the next turn of the loop on a request of its own goes through
 * the steps of shadow_steps: the target's route, send, relay, settle. It is one that nobody hears
 * (r->unheard), so its answer is only looked at, and it makes one attempt: no retry, no fallback, no hedge,
 * no place in a queue. It holds nothing of anybody's budgets or limits; its record is marked, booked
 * under SHADOW_KEY_ID, and says what became of the request that it is a copy of. At most
 * SHADOWS_MAX are under way in a worker, with SHADOW_BYTES_MAX of requests; beyond that, while the
 * worker drains, and for requests longer than SHADOW_BODY_MAX, none is made, and that is counted.
 * Does not: delay or change the client's answer, keep what an answer says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SHADOW_H
#define WORKER_SHADOW_H

#include "server/worker/http.h"
#include "server/worker/request.h"
#include "shm/record.h"

#define SHADOWS_MAX 32              /* under way in a worker */
#define SHADOW_BODY_MAX (1u << 20)  /* of one request: longer prompts are rare */
#define SHADOW_BYTES_MAX (8u << 20) /* of all of them */

/* A request was drawn: where its copy will go. In its arena. */
struct shadow_draw {
    struct str model; /* of `models:` */
    struct str provider, name;
    uint32_t ms; /* how long it may take */
};

/* What a copy has beside a client's request. In the copy's arena. */
struct shadow {
    struct request *request;
    struct shadow *next, **prev; /* in the worker */
    struct http_exchange ex;     /* what the client sent */
    struct shadow_draw to;
    struct record_primary primary;
    size_t bytes;
    bool is_parsed;
};

/* The first call of a request begins: shall it have a shadow? One branch where the model has none. */
void shadow_draw(struct request *r);
/* A request that was drawn is settled, with this record. */
void shadow_begin(struct request *r, const struct record *rec);

/* --- of a shadow itself --- */

/* What its record says beside what every request's does; and what is counted. */
void shadow_record(struct request *r, struct record *rec);
/* It is over. */
void shadow_release(struct request *r);
/* The worker drains: all of them end now. */
void shadow_end_all(struct worker *w);

#endif
