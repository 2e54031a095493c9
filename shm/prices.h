/*
 * prices - the price book as bytes: what a token of each class costs at a provider, and the sum.
 *
 * Runs in:  master (packs), everyone (reads).   Region: published, as a part of the image.
 * Made when the program is built from conf/prices.yaml and packed anew when a configuration adds to
 * it. Prices are pico-dollars per token, sums nano-dollars, all arithmetic in 128 bits, rounded to
 * the nearest nano-dollar once, at the end. Does not: know YAML, or where a figure comes from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_PRICES_H
#define SHM_PRICES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/record.h"

#define PRICES_MAX 16384
#define PRICES_BYTES_MAX (8u << 20)
#define PRICE_TIERS_MAX 4
#define PICO_PER_NANO 1000u

/* Pico-dollars per token. A class that is not told has the price of the one it is a part of. */
struct price_rates {
    uint64_t input, output;
    uint64_t cached;                 /* read from the provider's cache */
    uint64_t written_5m, written_1h; /* into it */
    uint64_t reasoning;
    uint64_t audio_in, audio_out, image_in;
};

/* From this many input tokens on (0: from the first) these rates hold for the whole request. */
struct price_tier {
    uint64_t from_input;
    struct price_rates rates;
};

enum price_service { PRICE_STANDARD, PRICE_BATCH, PRICE_PRIORITY, PRICE_FLEX, PRICE_SERVICES };

struct price {
    uint32_t n_tiers; /* >= 1, ascending */
    uint32_t
        service_permille[PRICE_SERVICES]; /* of the rates; 1000 where the vendor has no other */
    uint32_t is_known;        /* 0: nobody has told; every figure is 0 and nothing is "free" */
    uint64_t request_nanousd; /* per request */
    uint64_t search_nanousd;  /* per use of a built-in tool billed by number */
    uint64_t image_nanousd;   /* per image made */
    struct price_tier tiers[PRICE_TIERS_MAX];
};

/* What a request used, for the sum; its sum is exact for up to 10^12 tokens a class. */
struct price_usage {
    struct usage_tokens tokens;
    struct usage_details details;
    enum price_service service;
};
/* Nano-dollars, rounded to the nearest; UINT64_MAX when it does not fit. */
uint64_t price_cost(const struct price *p, const struct price_usage *u);
/* The most that `input` and `output` tokens can cost: the dearest class of each. */
uint64_t price_most(const struct price *p, uint64_t input, uint64_t output);

/* --- the book: `b` is sound (prices_is_sound, once); NULL: an empty one --- */

struct price_head; /* the first bytes */

bool prices_is_sound(const struct price_head *b, size_t room);
/*
 * What `provider` (the name in the configuration; of this vendor) charges for an upstream model.
 * In this order: an override "provider/model" by its exact name, by the longest glob; the vendor's
 * row of that id; the vendor's row of the catalogue's name (`known`, empty: none); the default.
 * False: not known (out->is_known is 0).
 */
struct price_ask {
    struct str provider, vendor, model, known;
};
bool price_find(const struct price_head *b, const struct price_ask *ask, struct price *out);

/* --- packing (master, tools) --- */

struct price_row {
    const char *vendor; /* or a provider's name, for an override; NULL: the default of all */
    const char *model;  /* an id, a catalogue name, or a glob in an override */
    bool is_override;
    struct price price;
};
/* -1: too many, or a name twice. The bytes are appended to `out`. */
BF_MUST_CHECK int prices_pack(const struct price_row *rows, size_t n, struct buf *out,
                              struct error *err);

#endif
