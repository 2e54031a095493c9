/*
 * hedge - a second call on another route, when the first one has not begun to answer in time.
 *
 * Runs in:  worker.   Reads: weights (percentiles of a route's first bytes), published.
 * Writes: its slot (counters).
 * Off unless the model says `hedge:`; then a call of it is watched: a good head is kept until the first
 * byte of its body comes, so that until then relay knows nothing of it. When the time is over, all that
 * belongs to the call (struct lane) is parked and the request makes a second attempt in the usual
 * fields, with a hold of its own. Whichever call brings a byte first, below a head that no other route could
 * improve, becomes the request's only one; the other is cancelled and booked, as an estimate. One that fails is
 * booked as its failure says, and the other goes on alone. So after a hedge there is one call
 * and relay's usual rules for it; no request has more than one hedge, or more attempts than it may have.
 * Of the requests of a model a worker hedges at most the share that was said: each one adds to an
 * allowance, which begins empty and does not grow beyond HEDGE_SAVED_MAX hedges.
 * Does not: retry, or ask fallbacks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HEDGE_H
#define WORKER_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"
#include "server/worker/request.h"

struct hold_note;
struct weight;

#define HEDGE_SAVED_MAX 20   /* a quiet day must not become a storm on a bad one */
#define HEDGE_SAMPLES_MIN 20 /* answers before a percentile means anything ... */
#define HEDGE_BEYOND_MIN 2   /* ... of which so many took longer */

struct hedge; /* hedge.c: in the request's arena once a call of a model with `hedge:` has begun */

/* What the model says of hedges is noted in the attempt. */
void hedge_note(struct request *r);
/* A call has begun: from now on it is watched, if it is one to be hedged. */
void hedge_watch(struct request *r);
/* Is the attempt that begins now a second one beside another? */
bool hedge_is_starting(const struct request *r);
/* What is held for a second one may become a record of its own, beside the first one's. */
void hedge_mark(const struct request *r, struct hold_note *note);
/*
 * The client has gone, or nobody will hear the answer: a second call ends now, and the first one is the
 * request's only one, unwatched. Harmless when there is none.
 */
void hedge_stop(struct request *r);
/* The request's arena goes: timers and buffers as well. */
void hedge_release(struct request *r);

/* --- hedge_start.c: whether, when and where --- */

/* How long to wait; 0: there is not enough history to say. */
uint64_t hedge_wait_us(const struct attempt *a, const struct weight *row);
/* A request of the model is there: it adds `share` (thousandths of a percent) to what may be hedged. */
void hedge_save(struct str model, uint32_t share);
/* Is a whole hedge saved? */
bool hedge_may_spend(struct str model);
void hedge_spend(struct str model);
/*
 * Another route of the same name, with room in the budgets: r->attempt and r->money are its own, and it
 * can be begun. False: there is none, and the request is as it was but for these two.
 */
BF_MUST_CHECK bool hedge_choose(struct request *r);

#endif
