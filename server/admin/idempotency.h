/*
 * idempotency - a POST that is sent twice with one Idempotency-Key is done once.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * The answers of the last IDEMPOTENCY_MAX such calls, for a day, in this process's memory (which no
 * core dump has: they may hold new keys). A call whose answer has not come yet refuses its double;
 * the same key for another call is refused, too. Only what was done is remembered: a call that was
 * refused changed nothing and may come again. What survives this process is the master's: it gets
 * the key as well and knows which entity it made for it.
 * Does not: decide who may call (access has been checked before).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_IDEMPOTENCY_H
#define ADMIN_IDEMPOTENCY_H

#include "server/admin/exchange.h"
#include "server/base/base.h"

#define IDEMPOTENCY_MAX 1024         /* calls remembered; a new one takes the oldest's place */
#define IDEMPOTENCY_KEY_MAX 255      /* bytes of the header */
#define IDEMPOTENCY_ANSWER_MAX 65536 /* a longer answer is not kept */
#define IDEMPOTENCY_AGE_MS (24 * 3600000u) /* after that the key may be used anew */

struct idempotency;

struct idempotency *idempotency_create(void);
void idempotency_free(struct idempotency *all); /* takes NULL */

/* False: answered, with the earlier answer or a refusal. True: go on (also without a key). */
BF_MUST_CHECK bool idempotency_begin(struct exchange *ex);
/* The answer is complete; exchange_finish calls it for every exchange. */
void idempotency_end(struct exchange *ex);

#endif
