/*
 * pricing - what the price book says of a route's model, kept at hand.
 *
 * Runs in:  worker.   Reads: published (prices, catalogue).   Writes: nothing shared.
 * A look-up is a dozen binary searches, so what was found is kept for the generation of the
 * configuration it was found in, in a small table where old entries give way. A model is compared by
 * its whole name: nobody gets another one's price.
 * Does not: know what was used (money.h), keep anything of a request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_PRICING_H
#define WORKER_PRICING_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/prices.h"

struct pub_provider;
struct request;
struct worker;
struct pricing;

#define PRICING_MODEL_MAX 120 /* longer names are looked up each time */

struct priced {
    uint64_t generation; /* 0: free */
    uint64_t hash;       /* of provider and model: who it is, for estimates */
    uint32_t provider;   /* index in the image */
    uint32_t model_len;
    uint32_t context, max_output; /* of the catalogue; 0: unknown */
    struct price price;           /* is_known 0: nobody has told */
    char model[PRICING_MODEL_MAX];
};

struct pricing *pricing_create(void);
void pricing_free(struct pricing *p); /* takes NULL */

/* Valid until the next call. */
const struct priced *pricing_find(struct worker *w, const struct pub_provider *p, struct str model);
/* A copy for the request's life: as long as it has tiers. */
const struct price *pricing_keep(struct request *r, const struct priced *found);

#endif
