/*
 * keyring - virtual keys: the file's, brought up to date by a reload, and the API's, kept in LMDB.
 *
 * Runs in:  master.   Reads: a checked configuration, LMDB config.   Writes: the key table in
 * region published; LMDB config for keys of origin API, on disk before the table shows them.
 * A key of the file has an id from its name, so that it stays the same over reloads; one of the API
 * has a random id. Does not: keep a plain key anywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_KEYRING_H
#define MASTER_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/keys.h"

struct changes;
struct store;

#define KEY_TEXT_PREFIX "sk-bf-"
#define KEY_TEXT_TOKEN 43 /* characters behind it: 256 bits */
#define KEY_TEXT_LEN (sizeof(KEY_TEXT_PREFIX) - 1 + KEY_TEXT_TOKEN)
#define KEY_MODELS_MAX 1024      /* patterns of one key */
#define KEY_MODEL_BYTES_MAX 256u /* of one pattern */

/* --- the file's keys --- */

/*
 * What a configuration's keys are beside those in the table. Most are in it already, exactly so, and
 * are passed over from here on: the store's mirror and the table are only brought up to date in the
 * others. Good until the table changes.
 */
struct keyring_diff {
    uint32_t *differing; /* indexes of the configuration's keys; heap */
    size_t n_differing;
    struct str *gone; /* names of the file's keys in the table that are not declared so; in arena */
    uint64_t *gone_ids;
    size_t n_gone;
    struct arena *arena;
};
/* -1: they do not go beside the API's; "FILE:LINE: ..." for each. */
BF_MUST_CHECK int keyring_compare(const struct key_table *t, const struct region *published,
                                  const struct config *conf, struct keyring_diff *out,
                                  struct error *err);
void keyring_diff_fini(struct keyring_diff *d); /* takes a zeroed one */
/* Add, change and remove until the table has what the file declares. */
BF_MUST_CHECK int keyring_apply(struct key_table *t, const struct region *published,
                                const struct config *conf, const struct keyring_diff *diff,
                                struct changes *changes, struct error *err);
uint64_t keyring_file_id(struct str name);

/* --- the API's keys --- */

enum keyring_result {
    KEYRING_OK,
    KEYRING_NOT_FOUND,
    KEYRING_CONFLICT,
    KEYRING_INVALID,
    KEYRING_READ_ONLY,
    KEYRING_FULL,
    KEYRING_INTERNAL
};

/* What a caller gives; what it does not give stays as it is (or takes its default). */
struct key_wish {
    bool has_name, has_models, has_expires, has_active, has_strict;
    struct str name;
    struct str models; /* NUL-separated */
    uint64_t expires_ms;
    bool active, strict;
};

struct new_key {
    uint64_t id, created_ms;
    char text[KEY_TEXT_LEN + 1]; /* shown once; the caller wipes it */
    char hint[24];
};

/* Put every key of the store into the table, and take those out that it does not have. */
BF_MUST_CHECK int keyring_load(struct key_table *t, struct store *s, struct error *err);

enum keyring_result keyring_create(struct key_table *t, const char *state_dir,
                                   const struct key_wish *wish, struct new_key *out,
                                   struct error *err);
enum keyring_result keyring_update(struct key_table *t, const char *state_dir, uint64_t id,
                                   const struct key_wish *wish, struct error *err);
enum keyring_result keyring_delete(struct key_table *t, const char *state_dir, uint64_t id,
                                   struct error *err);

/* --- the store's encoding of a key (version 1), without its id --- */

void key_encode(const struct virtual_key *key, struct buf *out);
/* 0, or -1 when it is not a sound one. Texts point into `in`. */
BF_MUST_CHECK int key_decode(struct str in, uint64_t id, struct virtual_key *out);

#endif
