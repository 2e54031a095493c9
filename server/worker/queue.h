/*
 * queue - requests that wait for a place, because every route that could serve them is full.
 *
 * Runs in:  worker.   Reads: published, counters, live (what other workers' requests wait for).
 * Writes: its own slot (queues.h, stats).
 * Places are concurrency accounts of a provider, a target or a model (ledger.h): taken with the hold
 * of an attempt, so they are exact over all workers and go back when a worker is killed. When route
 * finds no room by any name, the request waits here, holding nothing; a timer looks every
 * QUEUE_LOOK_MS, only while somebody waits, whether an account that is waited for has room, and lets
 * the next in line (line.h) try again from its first name. Who comes later does not pass those who
 * wait, in whichever worker they do; workers that wait for the same take turns (queues.h). A worker
 * that waits alone looks as soon as one of its own calls ends.
 * Does not: limit keys, teams or customers (those are refused at once), reserve money.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_QUEUE_H
#define WORKER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/worker/request.h"
#include "server/worker/worker.h"

#define QUEUE_LOOK_MS 10 /* how long a place may be free before somebody who waits sees it */
#define QUEUE_HEADERS_MAX 2

/* Weights of the keys' priorities: of the places that come free. */
#define QUEUE_HIGH 4
#define QUEUE_NORMAL 2
#define QUEUE_LOW 1

/*
 * The step of route, around what looks for a route by all names: where that fails and something
 * was full, the request waits.
 */
enum step_result queue_route(struct request *r, step_fn *through);
/* A route was refused for this; what is full is waited for, should nothing else be found. */
void queue_note(struct request *r, const struct refusal *why);
/* False: others wait for one of these, and this request has not its turn; *why. r->queued is set. */
bool queue_may_take(struct request *r, const struct accounts *list, struct refusal *why);
/* The request ends: it waits no longer. Harmless when it does not. */
void queue_leave(struct request *r);

uint64_t queue_waited_us(const struct request *r); /* until now, all in all */

/* Is a failure one of the queue's? */
bool queue_is(const struct fail *f);
/* How long it will take by what was seen lately; at most QUEUE_HEADERS_MAX. */
size_t queue_headers(struct request *r, struct http_header *out);

void queue_look_soon(struct queue *q);
/* A call of this worker has ended. */
static inline void queue_freed(struct worker *w)
{
    if (w->queue != NULL)
        queue_look_soon(w->queue);
}
void queue_free(struct queue *q); /* takes NULL */

#endif
