/*
 * tokens - what the credential process has fetched: a row per credential.
 *
 * Runs in:  credential (writes), workers and admin (read).   Region: tokens.
 * Row numbers are pub_key.token. A row says which credential it is of (`token_for`), so that a row
 * whose key has changed meanwhile counts as empty. Does not: decide when to renew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_TOKENS_H
#define SHM_TOKENS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/layout.h"
#include "shm/region.h"
#include "shm/seqlock.h"

#define TOKEN_WORDS 1000
#define TOKEN_TEXT_MAX (TOKEN_WORDS * 8) /* Entra's longest tokens have some 5 KiB */

struct token_row { /* writer: credential.  readers: all. */
    _Alignas(CACHE_LINE) struct seqlock lock;
    _Atomic uint32_t access_len, secret_len, session_len; /* one behind the other in `words` */
    _Atomic uint64_t token_for;                           /* pub_key.token_for; 0: never used */
    _Atomic uint64_t fetched_ms;                          /* real time; 0: never */
    _Atomic uint64_t expires_ms;                          /* real time; 0: it does not */
    _Atomic uint64_t renewals, failures;
    _Atomic uint32_t error; /* of the last try: enum token_error, or the endpoint's HTTP status */
    _Atomic uint32_t reserved;
    _Atomic uint64_t words[TOKEN_WORDS];
};
static_assert(sizeof(struct token_row) % CACHE_LINE == 0, "whole lines");

enum token_error { TOKEN_OK, TOKEN_UNREACHABLE, TOKEN_UNSOUND };

struct token { /* a copy */
    uint64_t token_for, fetched_ms, expires_ms, renewals, failures;
    uint32_t error;
    uint32_t access_len, secret_len, session_len;
    char text[TOKEN_TEXT_MAX]; /* access, secret, session; wiped by whoever copied it */
};

/* Without its text. False: the writer is in the row or died there; keep what you had. */
BF_MUST_CHECK bool tokens_look(const struct region *tokens, uint32_t row, struct token *out);
/* With it. False also when the row has no token of this credential. */
BF_MUST_CHECK bool tokens_read(const struct region *tokens, uint32_t row, uint64_t token_for,
                               struct token *out);
/* credential only. The lengths add up to TOKEN_TEXT_MAX at most. */
void tokens_publish(struct region *tokens, uint32_t row, const struct token *t);
/* All but the text and its lengths. */
void tokens_tell(struct region *tokens, uint32_t row, const struct token *t);

#endif
