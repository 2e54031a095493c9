/*
 * told - what a provider's answer tells of its limits: for the sample of its attempt.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Heads: Retry-After in its forms (seconds, a date, retry-after-ms, x-ms-retry-after-ms), x-ratelimit-*
 * (OpenAI, Azure and those who copy them), anthropic-ratelimit-*. Bodies of 429s: Google's RetryInfo and
 * QuotaFailure, OpenAI's insufficient_quota. All of it is a stranger's: bounded, and what is not
 * understood is passed over. A head without such headers costs one look at a letter for each of its headers.
 * Does not: judge (aggregator/headroom.c), pass headers on (head.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TOLD_H
#define WORKER_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/str.h"
#include "shm/sample.h"

#define TOLD_BODY_MAX 4096u /* of a 429's body: details stand in its first few hundred bytes */

struct told_limits {
    uint32_t retry_after_ms;
    uint16_t flags; /* SAMPLE_* */
    uint16_t requests_reset_ds, tokens_reset_ds;
    struct sample_headroom requests, tokens;
    char *body; /* arena; NULL: none was kept */
    uint32_t body_len;
};

/* The headers of one head, as they come: a limit is told in two or three of them. */
enum { LIMIT_REQUESTS, LIMIT_TOKENS, LIMIT_TOKENS_IN, LIMIT_TOKENS_OUT, LIMIT_KINDS };
struct told_heads {
    uint32_t seen; /* bits */
    uint32_t retry_after_ms;
    uint32_t left[LIMIT_KINDS], most[LIMIT_KINDS], reset_ms[LIMIT_KINDS];
};

/* Names of such headers begin with one of these letters. */
static inline bool told_may_matter(struct str name)
{
    return name.len > 10 && (name.p[0] == 'r' || name.p[0] == 'x' || name.p[0] == 'a');
}
/* `name` is lower case; `real_ms`: now, for dates. */
void told_header(struct told_heads *heads, struct str name, struct str value, uint64_t real_ms);
void told_head_end(struct told_limits *t, const struct told_heads *heads);

/* Bytes of the body of a 429, in any pieces. */
void told_body(struct told_limits *t, struct arena *arena, struct str bytes);
/* Into the attempt's sample. `model`: the upstream's name of it. */
void told_fill(const struct told_limits *t, struct str model, struct sample *out);
/* So little is left that it should be known before a long answer ends. */
bool told_is_scarce(const struct told_limits *t);

#endif
