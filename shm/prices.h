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
#define PRICE_GLOBS_MAX 1024 /* they are looked through one by one */
#define PRICES_BYTES_MAX (8u << 20)
#define PRICE_TIERS_MAX 8
#define PRICE_NAME_MAX 256
#define PRICE_RATE_MAX 1000000000000ull /* pico-dollars: a million dollars per million tokens */
#define PRICE_FEE_MAX 1000000000000ull  /* nano-dollars: a thousand dollars */
#define PRICE_PERMILLE_MAX 100000u
#define PICO_PER_NANO 1000u

/* Pico-dollars per token. A class that is not told has the price of the one it is a part of. */
struct price_rates {
    uint64_t input, output;
    uint64_t cached;                 /* read from the provider's cache */
    uint64_t written_5m, written_1h; /* into it */
    uint64_t reasoning;
    uint64_t audio_in, audio_out, image_in;
};

enum price_service { PRICE_STANDARD, PRICE_BATCH, PRICE_PRIORITY, PRICE_FLEX, PRICE_SERVICES };

/* From this many input tokens on (0: from the first) these rates hold for the whole request. */
struct price_tier {
    uint64_t from_input;
    uint32_t service; /* enum price_service */
    uint32_t reserved;
    struct price_rates rates;
};

struct price {
    uint32_t n_tiers;  /* >= 1; sorted by service, then from_input; the first is (standard, 0) */
    uint32_t is_known; /* 0: nobody has told; every figure is 0 and nothing is "free" */
    /* Of the standard rates, for a service without tiers of its own; 1000: no other price. */
    uint32_t service_permille[PRICE_SERVICES];
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
/*
 * Nano-dollars, rounded to the nearest; UINT64_MAX when it does not fit. Each token is counted once:
 * parts that are together larger than what they are parts of are cut to it.
 */
uint64_t price_cost(const struct price *p, const struct price_usage *u);
/* The most that `input` and `output` tokens can cost: the dearest class of each, and the fee. */
uint64_t price_most(const struct price *p, uint64_t input, uint64_t output);
uint64_t price_most_at(const struct price *p, enum price_service service, uint64_t input,
                       uint64_t output); /* price_most: the standard service */

/* --- the book: `b` is sound (prices_is_sound, once); NULL: an empty one --- */

struct price_text {
    uint32_t offset, len; /* in the text area */
};

struct price_entry {
    struct price_text model, vendor; /* vendor: a provider's name, for an override; "": all */
    uint32_t kind;                   /* enum price_kind */
    uint32_t price;                  /* offset in the pool */
};
enum price_kind { PRICE_ROW, PRICE_OVERRIDE, PRICE_GLOB };

/* The first bytes; offsets are from here. */
struct price_head {
    uint32_t bytes;
    uint32_t rows, n_rows;     /* sorted by kind, model, vendor; no globs */
    uint32_t n_vendor_rows;    /* so many of them are of kind PRICE_ROW, and first */
    uint32_t globs, n_globs;   /* the longest first */
    uint32_t pool, pool_bytes; /* struct price, each with as many tiers as it has; 8-aligned */
    uint32_t text, text_bytes;
    uint32_t has_fallback;
    uint32_t fallback; /* offset in the pool, of the default */
};

bool prices_is_sound(const struct price_head *b, size_t room);
/*
 * What `provider` (the name in the configuration; of this vendor) charges for an upstream model.
 * In this order: an override "provider/model" by its exact name, one of its catalogue name (`known`,
 * empty: none), the longest glob, an override for all providers (model, then known); the vendor's row of
 * that id; its row of the known name; its row "*"; the default. A tuned model ("ft:...") costs what is said of it or of
 * "ft:" and its known name, never what its base costs.
 * False: not known (out->is_known is 0).
 */
struct price_ask {
    struct str provider, vendor, model, known;
};
bool price_find(const struct price_head *b, const struct price_ask *ask, struct price *out);

/* For lists and for packing anew: entry i of prices_n (rows, then globs), and the default. */
struct price_view {
    struct str vendor, model;
    enum price_kind kind;
    struct price price;
};
uint32_t prices_n(const struct price_head *b);
void prices_at(const struct price_head *b, uint32_t index, struct price_view *out);
bool prices_default(const struct price_head *b, struct price *out);

/* --- packing (master, tools) --- */

struct price_row {
    const char
        *vendor; /* or a provider's name, for an override; "": all of them; NULL: the default */
    const char *model; /* an id, a catalogue name, or a glob (and vendor too) in an override */
    bool is_override;
    struct price price;
};
/* Are its figures within the bounds above, its tiers in order? */
bool price_is_sound(const struct price *p);
/* -1: too many, a name twice, or a figure out of bounds. The bytes are appended to `out`. */
BF_MUST_CHECK int prices_pack(const struct price_row *rows, size_t n, struct buf *out,
                              struct error *err);

#endif
