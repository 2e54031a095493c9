/*
 * refusal - why there is no room: which budget or limit, of whom, how much is left, when there is more.
 *
 * Runs in:  worker.   Reads: published (names, calendars), counters.   Writes: nothing shared.
 * Budgets are 402, limits 429. No SDK repeats a 402; who is limited is told how long to wait in
 * `retry-after` and `retry-after-ms`, and not to try by itself where that is longer than SDKs wait.
 * Does not: decide, answer (fail.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_REFUSAL_H
#define WORKER_REFUSAL_H

#include "server/worker/request.h"

#define REFUSAL_HEADERS_MAX 3
#define REFUSAL_PATIENCE_MS 60000 /* SDKs take a longer wait for a mistake and make up their own */

/* Fail the request because of this: r->refusal is *why from here on. */
enum step_result refusal_fail(struct request *r, const struct refusal *why);
/* Whose an account is: "team \"research\"". Of a provider it is the one that was asked last. */
struct str refusal_whose(struct request *r, const struct account *a);
/* "1m", "1M"; "90s" for a length of its own. */
struct str refusal_length(struct request *r, const struct window *w);
/* What a used up budget is answered with: 402, unless it was configured otherwise. */
int refusal_budget_status(const struct request *r);
/* Is a failure about a budget or limit, so that r->refusal is about it? */
bool refusal_is(const struct fail *f);
/* The headers that say how long to wait; at most REFUSAL_HEADERS_MAX. */
size_t refusal_headers(struct request *r, struct http_header *out);

/* Nano-dollars as people write dollars: "0.0125", "1000.00". */
struct str refusal_dollars(struct arena *a, uint64_t nanousd);

#endif
