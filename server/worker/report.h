/*
 * report - samples and usage records on their way to the aggregator.
 *
 * Runs in:  worker.   Reads: weights (what is stored).   Writes: its slot's outbox and counters;
 * its two pipes. Both go out in batches, some milliseconds later or when a batch is full, in
 * non-blocking writes of at most PIPE_BUF bytes that hold whole messages. Samples: dropped and
 * counted when the pipe is full. Records: put into the outbox first (shm/outbox.h), sent from
 * there, never dropped. Does not: wait for the aggregator, ever.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include <stdbool.h>

#include "server/base/base.h"
#include "shm/record.h"
#include "shm/sample.h"

struct report;
struct worker;

struct report *report_create(struct worker *w);
void report_free(struct report *r);
void report_sample(struct report *r, const struct sample *s);
/* Safe when it returns. Its number in the outbox; 0: the outbox is full, and it is lost. */
uint64_t report_record(struct report *r, const struct record *rec);
/* A record was put there with its hold (ledger.h), as number `seq`; 0: it was lost. */
void report_settled(struct report *r, uint64_t seq);
uint64_t report_stored(const struct report *r); /* number of the last one that is on disk */
void report_flush(struct report *r);            /* also called by the loop */
bool report_is_sent(const struct report *r);    /* nothing waits: may it end? */

#endif
