/*
 * account_sums - what the journal has booked to each account, for counters that begin anew.
 *
 * Runs in:  master, before its first fork (and tests).   Reads: LMDB <state>/usage, read-only.
 * Writes: nothing but its place in LMDB's reader table.   Door: lmdb.
 * The environment is opened, read in one snapshot and closed again within the call, so that nothing
 * of it crosses a fork. Does not: create the environment, know regions, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_ACCOUNT_SUMS_H
#define AGGREGATOR_ACCOUNT_SUMS_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/record.h"

/* `nanousd`: everything booked to this window of this account. An account's windows ascend. */
typedef void account_sums_fn(void *ctx, const struct booking *window, uint64_t nanousd);

/* 0: `fn` saw all; also when there is no journal yet. -1 with *err: it cannot be read. */
BF_MUST_CHECK int account_sums_each(const char *state_dir, account_sums_fn *fn, void *ctx,
                                    struct error *err);

#endif
