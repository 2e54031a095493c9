/*
 * call - a handler's question to the master, and the master's refusal as an answer.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * Does not: wait.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/base/buf.h"
#include "server/base/json.h"

#define CALL_TIMEOUT_MS 10000   /* a change of one key is some milliseconds; the disk may be slow */
#define RELOAD_TIMEOUT_MS 55000 /* a large file; a little less than the workers wait for us */

#define CALL_BYTES_MAX 130000 /* of a call's text: CONTROL_TEXT_MAX and what is put around it */

/* The master said "ok". `reply` is valid during the call. */
typedef void call_fn(struct exchange *ex, const struct json *reply);

/*
 * Ask; `text` is sent at once and freed. Then either `fn` runs, or the exchange ends with the
 * master's own words (or 503, 504 when it cannot be asked or does not answer).
 */
void call_master(struct exchange *ex, struct buf *text, uint64_t timeout_ms, call_fn *fn);
/* The same, but `fn` gets the master's refusal as well: call_is_ok tells. */
void call_master_try(struct exchange *ex, struct buf *text, uint64_t timeout_ms, call_fn *fn);
bool call_is_ok(const struct json *reply);
/* End the exchange with the master's refusal. */
void call_refuse(struct exchange *ex, const struct json *reply);

#endif
