/*
 * frames - records out of a stream of bytes that may hold anything.
 *
 * Runs in:  aggregator.   Reads: what came over a record pipe or out of an outbox.   Writes:
 * nothing. A frame is struct outbox_head and the record behind it. What is no frame is skipped up
 * to the next place that looks like one, and counted. Does not: look into records, keep bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_FRAMES_H
#define AGGREGATOR_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/outbox.h"

#define FRAME_MAX (sizeof(struct outbox_head) + OUTBOX_RECORD_MAX)

struct frame {
    uint64_t seq;         /* not 0 */
    const uint8_t *bytes; /* into the buffer; not aligned */
    uint32_t len;         /* 1..OUTBOX_RECORD_MAX */
};

/*
 * The next whole frame at or behind *at. True: *out is one and *at is behind it. False: what is
 * left from *at (fewer than FRAME_MAX bytes) is the begin of one, or nothing. Skipped bytes are
 * added to *garbage.
 */
BF_MUST_CHECK bool frames_next(const uint8_t *bytes, size_t len, size_t *at, struct frame *out,
                               uint64_t *garbage);

#endif
