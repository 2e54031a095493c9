/*
 * record_primary - what a shadow's usage record says of the request that it is a copy of: record.h's third part.
 *
 * Runs in:  worker (encodes), aggregator and admin (decode).   Reads, writes: nothing shared.
 * One string of bytes. A shadow books nothing, so it takes no more room than bookings would.
 * Does not: know msgpack (record.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RECORD_PRIMARY_H
#define SHM_RECORD_PRIMARY_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/record.h"

#define RECORD_PRIMARY_TEXT_MAX 96 /* of each name: a longer one is cut */
#define RECORD_PRIMARY_HEAD (16 + 2 * 4 + 5 * 8)
#define RECORD_PRIMARY_MAX (RECORD_PRIMARY_HEAD + 2 * (1 + RECORD_PRIMARY_TEXT_MAX))
static_assert(RECORD_PRIMARY_MAX <= RECORD_BOOKINGS_MAX * 12, "in the place of bookings");

/* How many bytes were written. */
size_t record_primary_encode(const struct record_primary *p, uint8_t out[RECORD_PRIMARY_MAX]);
/* False when they make no sense. Names point into `in`. */
BF_MUST_CHECK bool record_primary_decode(struct str in, struct record_primary *out);

#endif
