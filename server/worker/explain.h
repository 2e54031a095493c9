/*
 * explain - what a request would get, told by the code that decides it.
 *
 * Runs in:  admin, tests.   Reads: nothing itself.   Writes: the arena of what is explained.
 * A request whose `explain` is set goes through the same steps as any other, up to the choice of a
 * route; where something is decided the step tells it here, and where something would be taken (a
 * hold, a part of a sliding limit) it only looks. In a worker `explain` is NULL: a branch for each
 * decision. All names are walked, as if no route of a name would do, so the fallbacks are told too.
 * Does not: decide anything (explain_run.h runs it, admin/explain.c writes it down).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_EXPLAIN_H
#define WORKER_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/expr.h"
#include "server/base/str.h"
#include "server/worker/request.h"
#include "shm/weights.h"

struct candidates;
struct hold_want;
struct pub_key;
struct pub_provider;

/* What became of a rule that was looked at. */
enum explain_rule_end {
    EXPLAIN_RULE_NOT_ITS, /* it is for another key, team or customer */
    EXPLAIN_RULE_FALSE,
    EXPLAIN_RULE_NOWHERE, /* it holds, but the name it leads to cannot be used */
    EXPLAIN_RULE_LEADS
};

struct explain_value { /* of a variable that its condition asked for */
    struct explain_value *next;
    uint32_t variable; /* enum rule_variable */
    struct str key;    /* of a map */
    struct str text;
    bool is_there;
};

struct explain_rule {
    struct explain_rule *next;
    uint32_t index; /* in the image */
    enum explain_rule_end end;
    struct explain_value *values;
    const struct fail *fail; /* NOWHERE: why, else NULL */
    struct str detail;
};

/* A target, or a route of it, that is not among the candidates. */
struct explain_left {
    struct explain_left *next;
    struct str provider, model;
    struct str provider_key; /* empty: the target as a whole */
    const char *why;         /* static */
};

struct explain_route {
    struct explain_route *next;
    uint32_t row;
    struct str provider, provider_key, model;
    uint64_t configured; /* weight, in thousandths: the target's x the key's x the virtual key's */
    uint32_t
        side_share; /* of the callers, for its whole side, in thousandths of a percent; 0: none */
    uint32_t side_routes; /* ... and how many routes that side has */
    uint64_t share;       /* of `shares` of its name; 0: not drawn now */
    uint64_t chance;      /* of `chances` of its name: where the request would end, in this state */
    struct weight health; /* as published */
    bool was_asked;       /* an earlier name will have asked it by then */
    bool is_spare;        /* its turn comes when the caller's own side has nothing left */
    bool is_elsewhere;    /* it has no room by itself: another one is drawn instead */
    bool is_least_bad;    /* nobody has a share: this one is tried all the same */
    bool has_token;       /* false: its key's token was never fetched */
    const struct fail *fail; /* why there is no room for it; NULL: there is */
    struct str detail;
    uint64_t likely, worst; /* nano-dollars that would be held */
    struct estimate estimate;
    struct accounts accounts; /* that they count against */
    bool is_priced;
    struct upstream_request limits; /* times */
};

enum explain_origin {
    EXPLAIN_ASKED,
    EXPLAIN_BY_RULE,
    EXPLAIN_FALLBACK,
    EXPLAIN_ON_CONTEXT, /* when a provider refuses the prompt as too long */
    EXPLAIN_ON_FILTER   /* when a content filter refuses it */
};

/* A name on the course, in the order in which they are looked at. */
struct explain_name {
    struct explain_name *next;
    enum explain_origin origin;
    struct str name;
    struct str
        said; /* what the client wrote, where its key means `name` by it; else the same or empty */
    struct resolved resolved; /* generation 0: it stands for nothing */
    const struct fail *fail;  /* why none of its routes can be used; NULL: one can */
    struct str detail;
    struct explain_left *left;
    struct explain_route *routes;
    bool is_well;    /* one of its routes is; else a later name goes first whose are */
    uint64_t shares; /* sum */
    bool
        is_dealt; /* ... known: by what the model's shares are dealt out, so that the side is sure */
    bool has_session; /* ... is known, so that its requests stay on one route */
    uint64_t chances; /* of those that are not passed over when they are drawn */
};

struct explain {
    struct arena *arena;
    bool has_key; /* it is asked for a virtual key ... */
    uint8_t key_hash[SHA256_BYTES];
    uint64_t at_ms; /* what conditions take for the time; 0: now */
    bool has_used;  /* likewise for budget.used */
    double used;    /* ... 1 is all of it */
    uint32_t side;  /* on which a caller of whom nothing is told is taken to be */
    struct explain_rule *rules;
    struct explain_name *names;
    struct explain_rule *rule; /* that is looked at */
    struct explain_name *name; /* whose turn it is */
    bool is_routed;            /* it came as far as to the choice of a route */
    const struct explain_name *
        chosen; /* the first one that is well and has a usable route, else the first that has one; NULL: none */
};

/* --- told by the steps; each only when r->explain is set --- */

void explain_rule_begins(struct request *r, uint32_t index);
void explain_rule_ends(struct request *r, enum explain_rule_end end);
void explain_rule_asks(struct request *r, uint32_t variable, struct str key,
                       const struct expr_value *value, bool is_there);
/* r->course.name is about to be resolved. */
void explain_name_begins(struct request *r, enum explain_origin origin);
/* It cannot be used: r->fail says why, or (NULL) the key may not use it. */
void explain_name_fails(struct request *r);
/* It may be used after all, or again. */
void explain_name_is_good(struct request *r);
/* Its candidates are gathered, possibly not for the first time. */
void explain_gathers(struct request *r);
void explain_leaves_out(struct request *r, const struct pub_provider *p, const struct pub_key *key,
                        struct str model, const char *why);
/* In the place of hold_take: looks whether there is room for it. */
enum hold_result explain_take(struct request *r, const struct hold_want *want, struct refusal *why);
/* In the place of hold_raise, likewise: up to a tenth beyond the limits of what may be raised. */
bool explain_raise(struct request *r, uint64_t likely, struct refusal *why);
/*
 * The names that are gone to for what was refused for its own sake: when the others have been walked,
 * because nobody knows at which of them that will be.
 */
void explain_diverts(struct request *r);
/* In the place of a choice: tells of all candidates and says STEP_FAIL, so that the next name is looked at. */
enum step_result explain_choose(struct request *r, struct candidates *found);

#endif
