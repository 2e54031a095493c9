/*
 * wishes - what a client asks of the routes of its request, beside the model.
 *
 * Runs in:  worker.   Reads: published.   Writes: nothing shared.
 * x-bf-provider-key pins a provider's key, as NAME or provider/NAME; x-bf-tags wants targets or keys
 * that have all of its tags. Every attempt stays on such routes, and names that have none (rules',
 * fallbacks') are passed over. A wish only narrows: what the virtual key may not use stays shut. Without a wish each question costs one branch.
 * Does not: choose among what is left (balance.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_WISHES_H
#define WORKER_WISHES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

struct pub_key;
struct pub_provider;
struct request;

struct wishes {
    struct str provider; /* of the pinned key; empty: whichever has one of that name */
    struct str key;      /* name of a provider's key; empty: none is pinned */
    struct str tags;     /* as the client wrote them; empty: none */
    uint64_t bits;       /* of these in the image of `generation` */
    uint64_t generation;
    bool is_pinned;
    bool is_unheard_of; /* that image has not all of the tags, and no rule that asks for tags */
    bool are_any;
};

/* Read them off the request's head, before anything is resolved. */
void wishes_read(struct request *r);
/* Before a name is resolved: tags mean what they mean in the current image. */
void wishes_renew(struct request *r);
/* Is a route with this provider key one that was wished for? `tags`: its target's. */
bool wishes_allow(const struct request *r, const struct pub_key *key, uint64_t tags);
/* Has this provider a key that was wished for? */
bool wishes_fit(const struct request *r, const struct pub_provider *p);

#endif
