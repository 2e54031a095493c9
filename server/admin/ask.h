/*
 * ask - calls to the master and their answers.
 *
 * Runs in:  admin.   Reads, writes: the control socket.
 * Several calls may be under way; an answer finds its call by number. A call that the master does
 * not answer in time ends with NULL, and its late answer is dropped. What the master sends is
 * checked like any peer's message.
 * Does not: wait (the event loop calls ask_on_readable), know what is asked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ASK_H
#define ADMIN_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define ASK_PENDING_MAX 64 /* calls under way; each is one client's request */

struct ask;

/*
 * Called once per call, never from inside ask_start when that returned 0. `reply` is valid during
 * the call; NULL: the master did not answer in time, or nonsense.
 */
typedef void ask_fn(void *ctx, const struct json *reply);

struct ask *ask_create(int control, struct json_parser *json); /* borrows both */
void ask_free(struct ask *a);                                  /* takes NULL; no callbacks */

/* Send a call. -1: too many are under way or the socket is full; fn is not called. */
BF_MUST_CHECK int ask_start(struct ask *a, struct str text, uint64_t timeout_ms, ask_fn *fn,
                            void *ctx);
/* Take what has arrived. False: the master is gone. */
BF_MUST_CHECK bool ask_on_readable(struct ask *a);
/* End the calls whose time is up. */
void ask_expire(struct ask *a);
uint32_t ask_pending(const struct ask *a);

#endif
