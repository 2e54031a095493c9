/*
 * own_key - a virtual key as its own credential: whose it is, and what it may see.
 *
 * Runs in:  admin.   Reads: published (keys).   Writes: its own count of such calls.
 * A key reads its own state and nothing else: GET /v1/key (also behind the prefixes of the dialects)
 * and LiteLLM's /key/info. Anybody with a key can ask, so it is bounded: OWN_KEY_PER_SECOND calls of
 * a key (of keys that share one of OWN_KEY_SLOTS counters), each a few short calls to the master.
 * Does not: open anything else of the management API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_OWN_KEY_H
#define ADMIN_OWN_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/base/base.h"
#include "shm/keys.h"

#define OWN_KEY_SLOTS 256
#define OWN_KEY_PER_SECOND 10

struct own_key_rates {
    struct {
        uint64_t second; /* of the real clock */
        uint32_t n;      /* calls in it */
    } slots[OWN_KEY_SLOTS];
    uint64_t scanned; /* the last second in which one went through the journal */
};

/* The credential: x-bf-vk, a bearer, x-api-key or their like, "key" in the query of /v1/key. */
struct str own_key_credential(const struct exchange *ex);
/* Is the credential a virtual key? Then *out is it, whatever its state. */
bool own_key_find(struct exchange *ex, struct virtual_key *out);
/* Of the key that this text is one of: a rotated key's old text has a row of its own for a while. */
uint64_t own_key_id(struct exchange *ex, const struct virtual_key *key);
/* May this key be told about itself now? False: answered (403, 429). */
BF_MUST_CHECK bool own_key_may(struct exchange *ex, const struct virtual_key *key);

/* May this call go through the whole journal? All keys together once a second, others always. */
bool own_key_may_scan(const struct exchange *ex);

/* GET /v1/key: then it is answered, now or later. */
bool own_key_handle(struct exchange *ex);

#endif
