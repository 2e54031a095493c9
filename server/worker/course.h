/*
 * course - which name a request goes by: the one that was asked for, a rule's, then fallbacks.
 *
 * Runs in:  worker.   Reads: published (rules, fallbacks, owners), counters (for budget.used).
 * Writes: nothing shared.
 * The first rule that holds, and whose model the key may use, decides instead of what was asked for.
 * When no route of a name is left, or its price fits no budget, the next fallback is looked at: those
 * that the client names in x-bf-fallbacks, else those that the model declares. A fallback that the
 * key may not use, or that is not there, is passed over (a model's own are allowed with its name); its own fallbacks are not followed, so that
 * every request ends. All attempts together stay within limits.attempts.
 * What the client writes goes through its key's aliases once; what rules and models say does not.
 * Does not: choose routes (route.c), evaluate conditions (rules.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_COURSE_H
#define WORKER_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

struct request;

#define COURSE_FALLBACKS_MAX 8
#define COURSE_CLIENT_MAX 5 /* of them a client may name */

struct course {
    struct str name;             /* what is resolved now; empty: the request has no model */
    struct str said;             /* what the client wrote for it; empty: a rule or model says it */
    struct str rule;             /* name of the rule that chose it; empty: none did */
    const struct str *fallbacks; /* arena; good once is_listed */
    uint32_t n, at;              /* ... and the next one */
    bool is_listed;
    bool are_clients;     /* the client named them */
    bool are_ours;        /* they are the model's own: who may use its name may use them */
    bool allowed_by_name; /* the key may use the name itself, whatever stands behind it */
};

/* Is there a fallback left that has a route which may be tried? */
bool course_has_next(struct request *r);
/* Go on with it: r->course and r->resolved are its own. False: there is none. */
bool course_next(struct request *r);

#endif
