/*
 * send - one attempt: the request as the provider gets it.
 *
 * Runs in:  worker.   Reads: published (route_step hands it in).   Writes: its slot's counters.
 * Same dialect in and out: the body goes as it came, but for the model's name and the wish for
 * usage. Abroad it is translated (translate.h), and the
 * headers that belong to the client's dialect stay behind. Client headers pass, except those that belong to the connection, to the gateway, or carry
 * the client's credentials. Does not: choose, retry, read answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SEND_H
#define WORKER_SEND_H

#include "server/worker/request.h"

struct pub_key;
struct pub_provider;

/*
 * Build URL, headers and body of r->attempt for a provider and one of its keys. STEP_NEXT, or STEP_FAIL
 * when the request cannot be translated for it.
 */
enum step_result send_prepare(struct request *r, const struct pub_provider *p,
                              const struct pub_key *key);
/* May this header (lower-case name) of the client go to another server? */
bool send_header_passes(struct str name);

/* An attempt begins: counted, and the call is started. */
void attempt_begin(struct request *r);
/*
 * It ends, for whatever reason: cancelled if it still runs, counted, told to the aggregator, its
 * secret wiped. Harmless when none is under way.
 */
void attempt_end(struct request *r, enum sample_outcome outcome);
/* Of an attempt that goes on: what its head told of limits. */
void attempt_tell_early(struct request *r);

#endif
