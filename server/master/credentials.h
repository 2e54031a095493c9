/*
 * credentials - a configured key as providers/auth knows it.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * Does not: fetch anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_CREDENTIALS_H
#define MASTER_CREDENTIALS_H

#include "conf/config.h"
#include "providers/auth/credential.h"

/* False: the key is a plain text. The fields point into the configuration. */
bool credentials_of(const struct conf_provider *p, const struct conf_provider_key *k,
                    struct credential *out);
/* How many bytes the credential takes when packed, or the plain text. */
size_t credentials_bytes(const struct conf_provider *p, const struct conf_provider_key *k);
/* The region that requests of this key are signed for; empty: none are. */
struct str credentials_region(const struct conf_provider *p, const struct conf_provider_key *k);
/* Does any key need the credential process? */
bool credentials_needed(const struct config *conf);

#endif
