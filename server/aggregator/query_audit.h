/*
 * query_audit - one snapshot of the journal: sums of accounts, numbers of records, the log's sums.
 *
 * Runs in:  admin (and tests).   Reads: LMDB <state>/usage, read-only.   Writes: see query.h.
 * A snapshot is kept for the length of an audit, some milliseconds, or the time a look at the whole
 * log takes. Meanwhile the aggregator cannot reuse the pages that it frees.
 * Does not: know regions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_QUERY_AUDIT_H
#define AGGREGATOR_QUERY_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/aggregator/booked.h"
#include "server/aggregator/query.h"
#include "server/aggregator/tables.h"
#include "server/base/base.h"
#include "server/base/error.h"

struct journal_view;

/* Without a journal: a view in which everything is 0. */
BF_MUST_CHECK int journal_view_open(struct query *q, uint64_t boot_id, struct journal_view **out,
                                    struct error *err);
void journal_view_close(struct journal_view *v); /* takes NULL */

/* Number of a slot's last record that is in these sums. */
uint64_t journal_view_seq(const struct journal_view *v, uint32_t slot);
/* All zero: nothing was booked. What cannot be read is told by journal_view_failed. */
void journal_view_account(struct journal_view *v, struct booking key, struct account_sum *out);
typedef void journal_view_fn(void *ctx, const struct booking *key, const struct account_sum *sum);
void journal_view_each(struct journal_view *v, journal_view_fn *fn, void *ctx);

struct journal_log {
    uint64_t rows, begin_ms; /* rows, and since when: the oldest one's end */
    bool is_whole;           /* false: more rows than `max`, nothing was summed */
};
/* What the log's rows have booked, into `sums`. */
void journal_view_log(struct journal_view *v, uint64_t max, struct booked *sums,
                      struct journal_log *out);
/* -1 with *err when something above could not be read. */
BF_MUST_CHECK int journal_view_failed(const struct journal_view *v, struct error *err);

#endif
