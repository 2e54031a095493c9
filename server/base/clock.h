/*
 * clock - what time it is.
 *
 * Runs in:  every process and tool.   Reads: the kernel's clocks.   Writes: nothing.
 * The only source of time, so that tests put another one in its place at link time.
 * Does not: sleep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: durations; the same in all processes of a boot */
uint64_t clock_mono_ms(void);
uint64_t clock_real_ms(void); /* since 1970: what people and records see */

#endif
