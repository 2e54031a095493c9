/*
 * restore - counters that begin anew get back what the journal has booked.
 *
 * Runs in:  master, at a start with new regions, before any worker.   Reads: LMDB usage.
 * Writes: region counters.
 * Does not: change the journal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_RESTORE_H
#define MASTER_RESTORE_H

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/money.h"

/* All budgets are in the tables. -1: the journal cannot be read. */
BF_MUST_CHECK int restore_counters(struct money *m, struct error *err);

#endif
