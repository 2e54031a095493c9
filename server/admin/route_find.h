/*
 * route_find - which routes GET /api/routes is asked for, and how requests are shared among them.
 *
 * Runs in:  admin.   Reads: published, weights.   Writes: nothing shared.
 * A model is looked for as clients name it (models:, its patterns, provider/model, the catalogue), then
 * as providers call it. What matches nothing is answered with what would have. Routes that share
 * requests are a set; the sets of a name with canaries get their parts of the callers.
 * Does not: write rows (route_list.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ROUTE_FIND_H
#define ADMIN_ROUTE_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "shm/published.h"

#define PART_WHOLE 100000u /* thousandths of a percent */

struct route_set {
    uint64_t declared, now; /* sums of its routes' weights */
    uint32_t part;          /* of the callers, of PART_WHOLE */
};

struct listed_route {
    const struct pub_route *route;
    uint64_t declared, now; /* weights; what balance makes of them */
    uint32_t set;
    uint32_t caller_share; /* of its whole set, where that is a canary; else 0 */
};

struct route_list {
    struct exchange *ex;
    const struct pub_view *v;
    struct listed_route *items;
    struct route_set *sets;
    uint32_t n, n_sets;
    uint64_t mono_ms;
    uint64_t now;   /* sum over the sets of one name; 0: each set is for itself */
    uint32_t spare; /* part of the callers whose own set has nothing left: others take them */
};

/* Of a provider and of a model, either may be empty. False: answered. */
BF_MUST_CHECK bool route_find(struct route_list *l, struct str provider, struct str model);
/* What a route gets of what its name gets, 0 to 1: as it is declared, and now. */
double route_declared_share(const struct route_list *l, const struct listed_route *it);
double route_share(const struct route_list *l, const struct listed_route *it);

#endif
