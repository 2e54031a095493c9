/*
 * once - a change that is asked for twice with one idempotency text is made once.
 *
 * Runs in:  master.   Reads, writes: LMDB config, table STORE_ONCE, within the caller's transaction.
 * Kept for a day: a digest of the text and of the call, and what the answer needs. No key's text is
 * kept: a key that is made under an idempotency text is derived from it, from a random value that is
 * kept, and from the management API's token, so that the same answer can be given again, to who knows
 * the text, and by nobody who has the disk alone.
 * Does not: parse calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_ONCE_H
#define MASTER_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/crypto.h"
#include "server/base/error.h"
#include "server/base/json.h"
#include "server/base/str.h"

struct store;

#define ONCE_MS (24 * 3600000ull)
#define ONCE_TEXT_MAX 16384 /* of `note` */

enum once_state { ONCE_NONE, ONCE_NEW, ONCE_AGAIN, ONCE_OTHER };

struct once {
    enum once_state state; /* OTHER: the text was used for another call */
    uint8_t text[SHA256_BYTES], call[SHA256_BYTES], nonce[SHA256_BYTES];
    uint64_t id;     /* of the entity that it was about */
    struct str note; /* what else the answer needs */
};

/* What is known of the call's "idempotency". */
BF_MUST_CHECK int once_find(struct store *s, const struct json *call, struct arena *a,
                            struct once *out, struct error *err);
/* The same bytes for the same once and secret: for a key's text. */
void once_derive(const struct once *o, struct str secret, uint8_t out[SHA256_BYTES]);
/* Remember it, when the call has such a text; those of yesterday are forgotten. */
BF_MUST_CHECK int once_put(struct store *s, const struct once *o, struct error *err);

#endif
