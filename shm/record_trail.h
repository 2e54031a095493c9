/*
 * record_trail - the attempts of a usage record, as one string of bytes: record.h's other half.
 *
 * Runs in:  worker (encodes), aggregator and admin (decode).   Reads, writes: nothing shared.
 * Names that are the record's own are not repeated, so that the one attempt of most requests takes
 * 22 bytes. Does not: know msgpack (record.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RECORD_TRAIL_H
#define SHM_RECORD_TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/record.h"

#define RECORD_TRAIL_TEXT_MAX 48 /* of each name: a longer one is cut */
#define RECORD_TRAIL_HEAD 19
#define RECORD_TRAIL_MAX                                                                           \
    (RECORD_ATTEMPTS_MAX * (RECORD_TRAIL_HEAD + 3 * (1 + RECORD_TRAIL_TEXT_MAX)))

/* How many bytes were written. */
size_t record_trail_encode(const struct record *r, uint8_t out[RECORD_TRAIL_MAX]);
/* False when they make no sense. Names point into `in`; those of the record's own are not there yet. */
BF_MUST_CHECK bool record_trail_decode(struct str in, struct record *out);
/* All fields of the record are there: so are its own names in its attempts. */
void record_trail_finish(struct record *r);

#endif
