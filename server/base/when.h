/*
 * when - points in time as people write them.
 *
 * Runs in:  master (configuration), admin (queries), bfctl.   Reads, writes: nothing shared.
 * Does not: know what time it is (clock.h) or time zones by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

/* RFC 3339, or a date alone, which is its first moment in UTC; to milliseconds since 1970. */
bool when_parse(struct str text, uint64_t *out_ms);
/* As RFC 3339 in UTC, whole seconds. */
void when_format(struct buf *b, uint64_t ms);

#endif
