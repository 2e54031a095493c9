/*
 * sums - usage totals in memory, by (day, key, provider, model).
 *
 * Runs in:  aggregator, admin.   Reads, writes: its own memory only.
 * So that a thousand records of one key cost one row read and one row written; and for grouping.
 * Does not: know LMDB, keep anything after sums_clear.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_SUMS_H
#define AGGREGATOR_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/tables.h"
#include "server/base/base.h"
#include "server/base/str.h"

struct sum {
    struct str key;  /* encoded struct usage_key */
    struct str name; /* of the virtual key, as it was seen last */
    uint64_t hash;
    struct usage_totals totals;
};

struct sums;

struct sums *sums_create(uint32_t max); /* a power of two */
void sums_free(struct sums *s);         /* takes NULL */
/* Texts are copied. False: it is a new sum and there is no room. */
BF_MUST_CHECK bool sums_add(struct sums *s, const struct usage_key *key, struct str name,
                            const struct usage_totals *totals);
bool sums_is_full(const struct sums *s);
size_t sums_count(const struct sums *s);
const struct sum *sums_at(const struct sums *s, size_t i); /* i < sums_count() */
void sums_clear(struct sums *s);

#endif
