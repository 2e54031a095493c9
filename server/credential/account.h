/*
 * account - one credential: when it is fetched, what becomes of it.
 *
 * Runs in:  credential.   Reads: nothing shared.   Writes: its row in region tokens.
 * At most one request is under way. Renewed after three quarters of its life; after a failure
 * again and again, later each time, while the old token stays in the row.
 * Does not: know HTTP (fetch.h does) or the kinds of credentials (providers/auth does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CREDENTIAL_ACCOUNT_H
#define CREDENTIAL_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"
#include "server/credential/fetch.h"
#include "shm/region.h"

struct account;

struct account_options {
    struct str provider, key; /* for the log */
    uint32_t row;             /* of region tokens */
    uint64_t token_for;
    struct str packed; /* the credential */
};

struct account_env { /* what all accounts share */
    struct fetcher *fetcher;
    struct region *tokens;
    struct json_parser *json;
};

/* Goes on where a predecessor left the row. NULL: the credential is not sound. */
struct account *account_create(const struct account_env *env, const struct account_options *o,
                               uint64_t mono_ms);
void account_free(struct account *a); /* takes NULL; wipes */
bool account_is(const struct account *a, const struct account_options *o);
/* Start what is due; returns when to look again. */
uint64_t account_turn(struct account *a, uint64_t mono_ms);

/* --- pure, for tests: --- */

/* How long to wait before the next try: of a token of this age and remaining life, after this many
 * failures in a row. `random` is any number. */
uint64_t account_renew_in_ms(uint64_t age_ms, uint64_t left_ms, uint64_t random);
uint64_t account_retry_in_ms(uint32_t failures, uint64_t random);

#endif
