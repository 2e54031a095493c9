/*
 * money - what a request may cost, what is held for it, and what it cost in the end.
 *
 * Runs in:  worker.   Reads: published.   Writes: its own slot (holds, outbox), counters.
 * A hold for each attempt, taken when its route and so its price is known, whether anybody has a
 * budget or not: it is what books a stream whose worker is killed. It ends in settle, with the
 * record, or goes back when the provider has refused. A streamed answer that costs more than is held
 * raises its hold, or is cut. A whole one cannot be cut: where a budget nears its end, as much as it
 * can cost at most must fit (README.md). Does not: choose routes, answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_MONEY_H
#define WORKER_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "server/worker/payers.h"
#include "shm/ledger.h"
#include "shm/prices.h"

struct pub_route;
struct record;
struct request;

#define MONEY_AHEAD 256    /* bytes of text that a hold is ahead of a stream: a read or two */
#define MONEY_RAISE_STEP 4 /* a hold is raised by a quarter of what it is, so that it is seldom */

/* Of the attempt under way. */
struct money {
    struct str provider;        /* arena; that was asked last what it may cost */
    const struct price *price;  /* arena; NULL: no route was chosen yet */
    struct estimate_ask ask;    /* with the route's figures */
    struct estimate estimate;   /* tokens */
    struct accounts accounts;   /* all that it counts against */
    enum price_service service; /* as asked for, then as the answer said it */
    uint64_t likely;            /* nano-dollars held at least */
    uint64_t raise_at;          /* bytes of streamed text that cost more than that */
    uint32_t hold;
    uint32_t rates_from; /* of r->rates: this attempt's own */
    uint64_t needed;     /* nano-dollars that did not fit, ... */
    uint32_t tenth; /* ... and the part of the limit that may be added to it: 1 / tenth; 0: none */
    bool is_asked;  /* `ask` says what the request is */
    bool is_held;
    bool is_raisable;         /* a budget with OVERSHOOT_AUTO is among them */
    uint64_t cost_nanousd;    /* settled */
    uint64_t record;          /* number of the record; 0: there is none */
    uint64_t stored_since_ms; /* waiting for it to be stored (monotonic); 0: not yet */
};

enum money_result {
    MONEY_HELD,
    MONEY_ELSEWHERE, /* only what belongs to this provider or model is used up */
    MONEY_REFUSED,   /* the key, its team or its customer has no room */
    MONEY_UNPRICED,  /* nobody has told its price, and it was said to refuse then */
    MONEY_FULL,      /* no more calls at the same time in this worker */
};

/* What will be asked of the request's estimate before its route is known (sliding limits in admit). */
void money_estimate(struct request *r, struct estimate *out);
/* Hold what an attempt on this route may cost. *why is filled in for ELSEWHERE and REFUSED. */
enum money_result money_take(struct request *r, const struct pub_route *route, struct str model,
                             struct refusal *why);
/* Were the budget free of what others hold, would there be room? After a refusal. */
bool money_may_come_free(struct request *r, const struct refusal *why);
/* The provider is about to be called. */
void money_sent(struct request *r);
/*
 * More text has been streamed. False: it costs more than its budgets let it; *why, and the answer
 * must end.
 */
BF_MUST_CHECK bool money_streamed(struct request *r, struct refusal *why);
/* There will be no call: as if it had not been taken. */
void money_untake(struct request *r);
/* The attempt used nothing: what is held goes back. Harmless when nothing is. */
void money_release(struct request *r);

/* The service tier that an answer, or a piece of it, says it was served in. */
void money_look_service(struct request *r, struct str json);

/*
 * The end: the record gets its cost, bookings and flags, and is put into the outbox, together with
 * what is held of it. True: it is there; false: lost (counted by the caller).
 */
bool money_settle(struct request *r, struct record *rec);
/*
 * The attempt is given up and another one follows, but the provider may have worked on it: what it told of its usage,
 * else its prompt as an estimate, is booked in a record of its own.
 */
void money_abandon(struct request *r, struct record *rec);
/* durability: strict. Must the answer's end wait until its record is stored? */
bool money_is_stored(const struct request *r);

#endif
