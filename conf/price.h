/*
 * price - an entry of `prices:`: what a model's tokens cost, as a configuration says it.
 *
 * Runs in:  master, `bowfin -t`, bfctl check, tools/prices.   Reads, writes: nothing.
 * Dollars per million tokens are pico-dollars per token times a million, so six digits behind the point
 * are exact. What an entry does not say is worked out when it is loaded: a tier has what is said below
 * it, a class the price of the one that it is a part of. `told` remembers what was written.
 * Does not: know the packed book (shm/prices.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_PRICE_H
#define CONF_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"

#define CONF_PRICES_MAX 8192
#define CONF_PRICE_TIERS_MAX 8         /* of an entry, those of its services included */
#define CONF_RATE_MAX 1000000000000ull /* pico-dollars: a million dollars per million tokens */
#define CONF_FEE_MAX 1000000000000ull  /* nano-dollars: a thousand dollars */
#define CONF_PERMILLE_MAX 100000       /* a service costs at most a hundred times as much */

/* In the order of struct price_rates of shm/prices.h. */
enum conf_class {
    CONF_INPUT,
    CONF_OUTPUT,
    CONF_CACHED,
    CONF_WRITTEN_5M,
    CONF_WRITTEN_1H,
    CONF_REASONING,
    CONF_AUDIO_IN,
    CONF_AUDIO_OUT,
    CONF_IMAGE_IN,
    CONF_CLASSES
};
extern const char *const conf_class_names[CONF_CLASSES]; /* "input", ..., "cache_write_1h" */

/* In the order of enum price_service. */
enum conf_service { CONF_STANDARD, CONF_BATCH, CONF_PRIORITY, CONF_FLEX, CONF_SERVICES };
extern const char *const conf_service_names[CONF_SERVICES]; /* the first one is never written */

enum conf_fee { CONF_FEE_REQUEST, CONF_FEE_SEARCH, CONF_FEE_IMAGE, CONF_FEES };
extern const char *const conf_fee_names[CONF_FEES];

struct conf_rates {
    uint64_t rate[CONF_CLASSES]; /* pico-dollars per token */
    uint32_t told;               /* bits by class: as written here */
};

struct conf_price_tier {
    uint64_t above; /* holds for more input tokens than these; `always`: for all */
    bool always;
    uint32_t service; /* enum conf_service */
    struct conf_rates rates;
};

struct conf_price {
    const char *name; /* "provider/model", a glob of it, or a model's name; NULL: price_default */
    const char *const *vendors; /* n_vendors 0: all */
    size_t n_vendors;
    const char *const *also; /* "vendor/id" at the same price */
    size_t n_also;
    const char *source;               /* NULL: not told */
    uint32_t date;                    /* yyyymmdd; 0: not told */
    bool is_unchecked;                /* `checked: no`: not confirmed where the vendor says it */
    uint64_t fees[CONF_FEES];         /* nano-dollars */
    uint32_t permille[CONF_SERVICES]; /* of the standard rates; 0: not told */
    struct conf_price_tier *tiers;    /* sorted by service, then above; at least one */
    size_t n_tiers;
    struct conf_origin origin;
};

#endif
