/*
 * rates - sliding limits: requests and tokens in any minute, hour or day.
 *
 * Runs in:  workers (take, correct), everybody (read).   Region: counters; ledger.h has what others call.
 * Does not: know windows of budgets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RATES_H
#define SHM_RATES_H

#include <stdint.h>

#include "shm/ledger.h"

struct counter;

void rate_usage(const struct counter *c, const struct account *a, uint64_t real_ms,
                struct usage_now *out);

#endif
