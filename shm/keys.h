/*
 * keys - the virtual-key table: a million keys, one in-place update visible to all at once.
 *
 * Runs in:  master (writes), workers and admin (read).   Region: published.
 * Three areas: an index of 8-byte slots (tag of the hash + entry number; linear probing; a bigger
 * index is built beside the old one and switched with one store), dense 128-byte entries under a
 * seqlock each, and blobs (name, models, ...) of power-of-two sizes that belong to one entry each
 * and are read under its lock. The free lists live in the master's private memory and are rebuilt
 * from the entries when it starts on regions that it found. Does not: know plain keys; only SHA-256
 * of them is ever stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_KEYS_H
#define SHM_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/crypto.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/region.h"

#define KEY_NAME_MAX 128   /* bytes of a virtual key's name */
#define KEY_BLOB_MAX 16384 /* name, models and what later issues add, encoded */

/* A virtual key as people and workers see it; never the key itself. */
struct virtual_key {
    uint64_t id; /* not 0; stable over reloads and restarts */
    uint8_t hash[SHA256_BYTES];
    uint64_t created_ms; /* real time */
    uint64_t expires_ms; /* real time; 0: never */
    uint32_t flags;      /* KEY_* */
    struct str name;     /* unique */
    struct str models;   /* NUL-separated globs on provider/model or a model name; empty: all */
    struct str hint;     /* "sk-bf-...x7Qa": enough to recognise it */
    struct str scope;    /* what else it may and may not (scope.h); empty: nothing is said */
    uint32_t owner;      /* row of its budgets, limits and parents (owners.h); 0: none */
};
#define KEY_ACTIVE 1u
#define KEY_ORIGIN_API 2u /* else: the file's */
#define KEY_STRICT 4u     /* refuse what can be translated in part only */
#define KEY_ALIAS 8u      /* an old text of a rotated key: scope.h says of which (books_as) */

#define KEY_HIGH 16u /* its requests go before others' where there is not room for all */
#define KEY_LOW 32u  /* ... behind others' */

/* --- reading --- */

/*
 * Copies the key with this hash into *out, its texts into the arena. False: there is none, or the
 * entry could not be read consistently (its writer died inside it), which the caller treats the
 * same.
 */
BF_MUST_CHECK bool keys_find(const struct region *published, const uint8_t hash[SHA256_BYTES],
                             struct arena *a, struct virtual_key *out);
/* By id, which has no index: some 10 ns an entry, for what people ask by hand. */
BF_MUST_CHECK bool keys_find_id(const struct region *published, uint64_t id, struct arena *a,
                                struct virtual_key *out);
/* Entry number `at` (0 .. keys_high()-1) for listing; false when it is free. */
BF_MUST_CHECK bool keys_at(const struct region *published, uint32_t at, struct arena *a,
                           struct virtual_key *out);
uint32_t keys_high(const struct region *published);  /* entries ever used */
uint32_t keys_count(const struct region *published); /* entries in use */

/* --- writing (master) --- */

struct key_table; /* private memory: free lists, and id -> entry and name -> entry */

/* Takes over what the region holds (nothing, in a new one). The region must outlive it. */
struct key_table *key_table_open(struct region *published);
void key_table_close(struct key_table *t); /* takes NULL; the region is left as it is */

/* Insert, or replace the one with the same id. -1: hash or name taken by another id, blob too long,
 * full. */
BF_MUST_CHECK int key_table_put(struct key_table *t, const struct virtual_key *key,
                                struct error *err);
bool key_table_remove(struct key_table *t, uint64_t id); /* false: there was none */
BF_MUST_CHECK bool key_table_get(const struct key_table *t, uint64_t id, struct arena *a,
                                 struct virtual_key *out);
/*
 * Is there exactly this key, but for its id, creation and owner? *at is the entry where it was found; when
 * it comes in as the one of the key before, a list in the table's order is compared without a
 * look-up.
 */
BF_MUST_CHECK bool key_table_has(const struct key_table *t, const struct virtual_key *key,
                                 uint32_t *at);
uint32_t key_table_owner(const struct key_table *t, uint32_t at); /* of the entry found there */
bool key_table_id_of_name(const struct key_table *t, struct str name, uint64_t *out_id);
/* Call with each id in the table; the callback must not change the table. */
void key_table_each(const struct key_table *t, void (*fn)(void *ctx, uint64_t id), void *ctx);

#endif
