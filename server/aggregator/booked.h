/*
 * booked - money in memory, by account and window: a batch's bookings, or a walk's sums.
 *
 * Runs in:  aggregator, admin.   Reads, writes: its own memory only.
 * So that a thousand records of one key cost each of its accounts one row read and one row written.
 * Grows as needed: who fills it looks at booked_count. Does not: know LMDB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_BOOKED_H
#define AGGREGATOR_BOOKED_H

#include <stddef.h>
#include <stdint.h>

#include "shm/record.h"

struct booked_sum {
    struct booking key;
    uint64_t added;     /* nano-dollars booked */
    uint64_t forgotten; /* of records that leave the log, or never came into it */
    uint64_t last_ms;   /* of the latest booking; 0: none was added */
};

struct booked;

struct booked *booked_create(void);
void booked_free(struct booked *b); /* takes NULL */
void booked_clear(struct booked *b);

/* The sum of this account and window, made when there is none. Valid until the next one is made. */
struct booked_sum *booked_at(struct booked *b, struct booking key);
/* NULL: there is none. */
const struct booked_sum *booked_find(const struct booked *b, struct booking key);

/* What a record books; `real_ms`: when, not 0. */
void booked_add(struct booked *b, const struct record *r, uint64_t real_ms);
/* The same amounts are no longer to be found in the log. */
void booked_forget(struct booked *b, const struct record *r);

size_t booked_count(const struct booked *b);
const struct booked_sum *booked_item(const struct booked *b, size_t i); /* i < booked_count() */

#endif
