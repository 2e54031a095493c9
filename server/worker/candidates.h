/*
 * candidates - the routes that may serve a request now.
 *
 * Runs in:  worker.   Reads: published.   Writes: nothing shared.
 * Of the name that was resolved: each target that the key may use and that can be asked in the
 * client's way, times its provider's keys that serve the model, without those that were tried.
 * Does not: choose among them (balance.c, route.c), resolve names (resolve.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CANDIDATES_H
#define WORKER_CANDIDATES_H

#include "server/worker/balance.h"
#include "server/worker/request.h"

struct candidates {
    struct balance_item items[BALANCE_MAX];
    const struct pub_route *routes[BALANCE_MAX]; /* into the published image: for this turn only */
    struct str models[BALANCE_MAX];              /* likewise: the upstream's name */
    uint64_t tags[BALANCE_MAX];                  /* of the target and its key */
    size_t n;
    uint64_t affinity; /* which session's; 0: nobody's */
    bool is_unspoken;  /* a target was left out, because it cannot be asked in this way */
    bool is_unwished;  /* a route was, because the client asked for others (wishes.h) */
};

/* r->resolved is good. */
void candidates_gather(struct request *r, struct candidates *out);
/* One of them, by weight and health, a session's own first. There is at least one. */
size_t candidates_choose(struct worker *w, const struct candidates *found, uint64_t mono_ms);
/* Leave out every route to the provider and model of number `which`. */
void candidates_drop(struct candidates *found, size_t which);
/*
 * The face of a provider that can serve the request, NULL: none. Chats are translated into another
 * dialect where the provider does not speak the client's; everything else stays at home.
 */
const struct vendor_face *candidates_face(const struct request *r, const struct pub_provider *p,
                                          struct str model);

#endif
