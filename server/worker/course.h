/*
 * course - which name a request goes by: the one that was asked for, a rule's, then fallbacks.
 *
 * Runs in:  worker.   Reads: published (rules, fallbacks, owners), counters (for budget.used).
 * Writes: nothing shared.
 * The first rule that holds, and whose model the key may use, decides instead of what was asked for;
 * one that holds and leads nowhere is passed over and named.
 * When no route of a name is left, or its price fits no budget, the next fallback is looked at: those
 * that the client names in x-bf-fallbacks or its body (brought.c), else those that the model declares. A
 * prompt that was too long, or that a content filter refused, leads to the model's own list for that
 * instead, if it has one. A fallback that the key may not use, or that is not there, is passed over
 * and named (a model's own are allowed with its name); its own fallbacks are not followed, and each list
 * is gone through once, so that every request ends. All attempts together stay within limits.attempts.
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

#include "providers/cause.h"

struct fail;
struct request;
struct resolved;

#define COURSE_FALLBACKS_MAX 8
#define COURSE_CLIENT_MAX 5     /* of them a client may name */
#define COURSE_LISTS 3          /* the usual one, and one for each cause */
#define COURSE_RULE_SKIPS_MAX 4 /* rules named in x-bf-skipped: a file may have a thousand */
#define COURSE_SKIPS_MAX (COURSE_RULE_SKIPS_MAX + COURSE_FALLBACKS_MAX)

struct course_list {
    const struct str *names; /* arena */
    uint32_t n, at;          /* ... and the next one */
    bool are_ours;           /* the model's own: who may use its name may use them */
};

/* A fallback, or a rule that holds, that was passed over, and why. */
struct course_skip {
    struct str name; /* a rule's: "rule:NAME", or its number as in x-bf-rule */
    const struct fail *why;
};

struct course {
    struct str name;          /* what is resolved now; empty: the request has no model */
    struct str said;          /* what the client wrote for it; empty: a rule or model says it */
    struct str rule;          /* name of the rule that chose it; empty: none did */
    const struct str *wished; /* arena: what the client's body named */
    uint32_t n_wished;
    bool has_wishes; /* ... if only that it wants none */
    bool is_listed;
    bool are_clients;      /* the client named the usual ones */
    bool allowed_by_name;  /* the key may use the name itself, whatever stands behind it */
    enum error_cause list; /* which of the lists is gone through */
    struct course_list lists[COURSE_LISTS]; /* by their cause; good once is_listed */
    struct course_skip skips[COURSE_SKIPS_MAX];
    uint32_t n_skips;
    uint32_t begun; /* attempts that were made before it was this name's turn */
};

typedef bool course_fn(struct request *r);

/* Is there a fallback left that has a route which may be tried? */
bool course_has_next(struct request *r);
/* How many of those that are left have one, and what `holds` asks of the name: it stands in r->resolved. */
uint32_t course_count(struct request *r, course_fn *holds);
/* Go on with it: r->course and r->resolved are its own. False: there is none. */
bool course_next(struct request *r);
/* All is as it was, but for what has been found out about the lists. */
void course_go_back(struct request *r, const struct course *was, const struct resolved *resolved);
/* Has the model a list for refusals of this cause, and was it not gone through? */
bool course_has_list(struct request *r, enum error_cause cause);
/* ... for what a filter refuses, as the image says: asked of every answer, without reading the lists. */
bool course_is_filtered(const struct request *r);
/* Go on with that list: as course_next. False, and nothing has changed: nothing in it can be asked. */
bool course_divert(struct request *r, enum error_cause cause);
/* "claude/echo=model_not_allowed, rule:gold=model_not_allowed, ..." of those that were passed over; empty: none was. */
struct str course_skipped(struct request *r);

#endif
