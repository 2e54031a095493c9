/*
 * entity_record - what the store keeps of an entity that the API made.
 *
 * Runs in:  master.   Reads, writes: private memory.
 * A head of fixed size, then lists, then the entity as JSON, as conf/entity.h reads it, without its
 * parent: that is an id, so that it may be renamed. Never a key's text, only its hash.
 * Does not: check the JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_ENTITY_RECORD_H
#define MASTER_ENTITY_RECORD_H

#include <stdint.h>

#include "conf/entity.h"
#include "conf/store.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/str.h"
#include "server/master/marks.h"

#define ALIASES_MAX 4 /* old texts of a key whose grace has not ended */

struct alias {
    uint64_t id, expires_ms;
    uint8_t hash[SHA256_BYTES];
};

struct entity_record {
    uint64_t id, created_ms;
    uint64_t parent; /* id; 0: none */
    enum conf_kind kind, parent_kind;
    uint8_t hash[SHA256_BYTES]; /* of a key */
    struct alias aliases[ALIASES_MAX];
    uint32_t n_aliases;
    struct marks marks;
    struct str hint, body;
};

void entity_encode(const struct entity_record *r, struct buf *out);
/* 0, or -1 when it is not a sound one. Texts point into `in`, marks into the arena. */
BF_MUST_CHECK int entity_decode(struct str in, enum conf_kind kind, uint64_t id, struct arena *a,
                                struct entity_record *out);

enum store_table entity_table(enum conf_kind kind);
/* LMDB orders big-endian numbers as numbers. */
struct str entity_store_key(uint64_t id, char out[8]);
bool entity_store_id(struct str key, uint64_t *out);

#endif
