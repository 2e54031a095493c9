/*
 * payers - whose budgets and limits a request counts against, and the sliding ones among them.
 *
 * Runs in:  worker.   Reads: published (owners, accounts), its own copies of model limits.
 * Writes: counters (sliding limits).
 * The key, its team and its customer are walked once, in auth, and their accounts copied: nothing in
 * a request points into the region. What belongs to a provider inside the key, to a provider or to a
 * model for everybody is added when a route is chosen. Does not: reserve money (money.h), tell why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_PAYERS_H
#define WORKER_PAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "server/worker/estimate.h"
#include "shm/ledger.h"
#include "shm/owners.h"

struct fail;
struct pub_route;
struct request;

#define PAYERS_MAX 8           /* owners of one attempt that have accounts of their own */
#define PAYERS_ACCOUNTS_MAX 96 /* of one attempt */

/* Accounts, in the request's arena. */
struct accounts {
    struct account *items;
    uint32_t n;
};

/* The key's own way up. */
struct payers {
    uint64_t team_id, customer_id; /* 0: none */
    struct accounts accounts;      /* of key, team and customer */
    bool has_rates;                /* sliding limits are among them */
};

/*
 * Walk up from r->key.owner and fill in r->payers. NULL; or why the key may not be used: somebody on
 * its way is blocked, *detail (static) says who.
 */
const struct fail *payers_walk(struct request *r, struct str *detail);
/*
 * The accounts of one attempt, in the order in which they refuse: of the provider in the key, those of
 * the way up, of the provider, of the model.
 */
struct accounts payers_of_route(struct request *r, const struct pub_route *route, struct str model);
/* Belongs it to a provider or model, so that another one may have room where this one has none? */
bool payers_is_of_route(const struct account *a);

/* --- sliding limits --- */

#define RATES_TAKEN_MAX 48
struct rate_taken {
    struct account account;
    uint64_t amount;
};

/* What a request has taken of them. */
struct rates {
    struct rate_taken *items; /* arena */
    uint32_t n, room;
};

/*
 * What others hold of a budget's window: for it every open hold is looked at, so one look answers all who ask within
 * HELD_SEEN_MS. Who is refused asks, and whoever hammers at a used up budget must not stop the worker.
 */
#define HELD_SEEN_MAX 64
#define HELD_SEEN_MS 20
struct held_seen {
    uint32_t index, window; /* of the account; ROW_NONE: free */
    uint64_t at_ms, amount; /* monotonic */
};
uint64_t payers_held(struct request *r, const struct account *a, uint32_t window);

/* Take from all of a list that are sliding, or from none: false, and *why. */
BF_MUST_CHECK bool rates_take(struct request *r, const struct accounts *list,
                              const struct estimate *est, struct refusal *why);
/* Give back what was taken behind the first `from`: it was for nothing. */
void rates_give_back(struct request *r, uint32_t from);
/* What was taken of tokens behind the first `from` turned out to be this. Once for each. */
void rates_settle(struct request *r, uint32_t from, uint64_t input, uint64_t output);

#endif
