/*
 * audit - do counters, journal and log say the same of every account?
 *
 * Runs in:  admin (and tests).   Reads: regions published, counters, live, weights; the journal.
 * Writes: nothing. For each window that a counter keeps of each budget, what must be equal is
 *     counter = open holds + records that wait in outboxes + the journal's sum,
 * and for each window that the journal has
 *     journal's sum = what the log's rows booked + what was noted of rows that left the log.
 * The second is read in one snapshot. The first lies in memory that changes while it is read, so an
 * account that does not agree at first is looked at again until it rests; one that never rests
 * within AUDIT_WAIT_MS is told as busy, with the least difference that was seen. A worker that was
 * killed in the middle of settling leaves a steady difference until it is recovered, within a second:
 * who asks again after that gets the truth.
 * Does not: repair, sleep, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_AUDIT_H
#define AGGREGATOR_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/query.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/record.h"
#include "shm/region.h"

#define AUDIT_LOG_MAX 2000000 /* rows of log that are compared: some 0.7 s */
#define AUDIT_ROWS_MAX 1000   /* differences in an answer; all are summed */
#define AUDIT_WAIT_MS 2000    /* for all accounts that do not rest, together */

enum audit_kind { AUDIT_COUNTER, AUDIT_LOG };

struct audit_row { /* a difference */
    enum audit_kind kind;
    struct booking key;
    uint32_t owner_kind; /* AUDIT_COUNTER: enum owner_kind */
    uint64_t owner_id;
    uint64_t counter, held, waiting; /* AUDIT_COUNTER */
    uint64_t journal;
    uint64_t log, forgotten; /* AUDIT_LOG */
    int64_t difference;      /* the first figure less the others */
    bool is_busy;            /* it changed all the while: perhaps nothing is wrong */
};

struct audit {
    uint64_t accounts, windows;               /* compared */
    uint64_t counter, held, waiting, journal; /* their sums */
    uint64_t difference;                      /* of all that rest, without signs; must be 0 */
    uint64_t busy, busy_difference;           /* windows that did not rest */
    uint64_t log_windows, log_rows, log, log_forgotten;
    uint64_t log_since_ms; /* the oldest row's; 0: the log is empty */
    bool has_log;          /* false: it has more than AUDIT_LOG_MAX rows and was not compared */
    struct audit_row *rows;
    size_t n_rows;
    uint64_t truncated; /* differences that are only in the sums */
};

/* -1: the journal cannot be read, or was faster than this for too long. */
BF_MUST_CHECK int audit_money(const struct regions *regions, struct query *q, uint64_t real_ms,
                              struct arena *a, struct audit *out, struct error *err);

#endif
