/*
 * pace - long work in short pieces, so that whoever wakes up meanwhile soon gets a processor.
 *
 * Runs in:  master.   Reads: nothing.   Writes: nothing shared.
 * A low priority is not enough on a machine without a processor to spare: a scheduler lets who runs
 * finish a slice of milliseconds, and a request waits for it. Work that calls pace() often rests by
 * itself after a fraction of one. Does not: wait for anything; do anything in a thread that has not
 * begun it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_PACE_H
#define BASE_PACE_H

#include <stdint.h>

/* From here on this thread rests `rest_us` after every `work_us`, microseconds both. */
void pace_begin(uint32_t work_us, uint32_t rest_us);
void pace_end(void);
/* Between two pieces of work: some microseconds at most. */
void pace(void);

#endif
