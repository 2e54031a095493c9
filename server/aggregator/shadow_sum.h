/*
 * shadow_sum - requests and their shadows compared: one row for a day and a pair of routes.
 *
 * Runs in:  aggregator (adds), admin (reads and merges).   Reads, writes: nothing itself.
 * A shadow's record has both sides in it (record_primary.h), so a row is a sum of single records. Times
 * are kept as histograms of four buckets per power of two. Stored as this struct: it has a version, and
 * the file does not leave the machine. Does not: know LMDB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_SHADOW_SUM_H
#define AGGREGATOR_SHADOW_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/record.h"
#include "shm/stats.h"

#define SHADOW_TEXT_MAX 96 /* bytes of each name in a key: five of them stay below LMDB's 511 */
#define SHADOW_KEY_MAX (4 + 5 * (1 + SHADOW_TEXT_MAX))
static_assert(SHADOW_KEY_MAX <= 511, "a key of LMDB");

enum { SHADOW_PRIMARY, SHADOW_COPY, SHADOW_SIDES };

struct shadow_key {
    uint32_t day;     /* since 1970, UTC */
    struct str model; /* of `models:` */
    struct str providers[SHADOW_SIDES], models[SHADOW_SIDES];
};

struct shadow_side {
    uint64_t failed;    /* status below 200 or from 400 on */
    uint64_t estimated; /* its tokens were */
    uint64_t unpriced;  /* not in the cost */
    uint64_t tokens_in, tokens_out;
    uint64_t cost_nanousd;
    uint64_t first_byte_us, total_us; /* sums ... */
    uint64_t n_first_byte;            /* ... of so many; total: of all */
    uint32_t first_byte[HISTOGRAM_BUCKETS];
    uint32_t total[HISTOGRAM_BUCKETS];
};

struct shadow_sum {
    uint32_t version; /* SHADOW_SUM_VERSION */
    uint32_t reserved;
    uint64_t requests;
    uint64_t same_status;
    struct shadow_side sides[SHADOW_SIDES];
};
#define SHADOW_SUM_VERSION 1

/* False: the record has nothing to compare. Texts of *out_key point into it. */
BF_MUST_CHECK bool shadow_sum_of(const struct record *r, uint32_t day, struct shadow_key *out_key,
                                 struct shadow_sum *out);
void shadow_sum_add(struct shadow_sum *to, const struct shadow_sum *more);
/* 0, or -1 when it is not one. */
BF_MUST_CHECK int shadow_sum_decode(const void *in, size_t len, struct shadow_sum *out);
/* The value below which `permille` of a side's times lie. 0: there are none. */
uint64_t shadow_quantile_us(const uint32_t buckets[HISTOGRAM_BUCKETS], uint32_t permille);

/* Bytes written to `out`; long names are cut. */
size_t shadow_key_encode(const struct shadow_key *k, uint8_t out[SHADOW_KEY_MAX]);
/* 0, or -1 when it is not one. Texts point into `in`. */
BF_MUST_CHECK int shadow_key_decode(const void *in, size_t len, struct shadow_key *out);

#endif
