/*
 * throttle - how long to wait before a dead child is started again.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * A child that dies before it did its job is trouble that a new one will meet as well: each such
 * death doubles the wait, up to THROTTLE_MAX_MS. One that had served is replaced at once.
 * Does not: start anything, look at a clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_THROTTLE_H
#define MASTER_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_FIRST_MS 100 /* not noticed by people; ten forks a second are no storm */
#define THROTTLE_MAX_MS 5000  /* a repaired cause is taken up within seconds */

struct throttle {
    uint32_t failures; /* deaths in a row without having served */
};

/* A child died. Returns the milliseconds to wait before the next. */
uint64_t throttle_death(struct throttle *t, bool served);

#endif
