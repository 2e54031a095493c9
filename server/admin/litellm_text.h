/*
 * litellm_text - LiteLLM's ways of writing money, durations and keys.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * Amounts are floats of dollars there; here they are read digit by digit and rounded to nano-dollars
 * once, so that 0.1 is a tenth of a dollar. Does not: know routes or entities.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_TEXT_H
#define ADMIN_LITELLM_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/writer.h"
#include "server/base/base.h"
#include "server/base/crypto.h"
#include "server/base/str.h"

#define LITELLM_DOLLARS_MAX 1000000000u /* of one amount, as everywhere (conf/money.h) */
#define LITELLM_WINDOW_MAX 24
#define LITELLM_TOKEN_TEXT (2 * SHA256_BYTES + 1)

/* A JSON number of dollars, also "1e-06". False: negative, not one, or more than the most. */
BF_MUST_CHECK bool litellm_dollars(struct str number, uint64_t *out_nanousd);
/* As a JSON number, "0.0015": exact, and a float to whoever reads floats. */
void litellm_write_dollars(struct writer *w, const char *key, uint64_t nanousd);

/* "30s", "30m", "24h", "7d", "2w", "1mo" from `now_ms` on; months are the calendar's. */
BF_MUST_CHECK bool litellm_duration_end(struct str text, uint64_t now_ms, uint64_t *out_ms);

/* When a budget of this duration begins anew. LiteLLM resets days, weeks and months by the calendar. */
struct litellm_window {
    char window[LITELLM_WINDOW_MAX]; /* as our budgets say it: "1d", "12h" */
    bool calendar;
};
BF_MUST_CHECK bool litellm_window(struct str text, struct litellm_window *out);
/* The other way round, for a budget that was not made here. `ms`: of its window. */
struct str litellm_duration_of(struct str window);

/* The SHA-256 of a key's text; 64 hexadecimal digits are one already. */
void litellm_hash(struct str key, uint8_t out[SHA256_BYTES]);
bool litellm_is_hash(struct str text);

/* null when `ms` is 0. */
void litellm_write_time(struct writer *w, const char *key, uint64_t ms);

#endif
