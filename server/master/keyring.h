/*
 * keyring - the file's virtual keys, brought up to date by a reload.
 *
 * Runs in:  master.   Reads: a checked configuration, LMDB config (which accounts they have).
 * Writes: the key table and its rows in region published; LMDB config within the caller's transaction.
 * A key of the file has an id from its name, so that it stays the same over reloads. Does not: keep a
 * plain key anywhere; the API's keys (entity.h).
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
#include "server/master/marks.h"
#include "server/master/money.h"
#include "shm/keys.h"

struct changes;
struct store;

/*
 * What a configuration's keys are beside those in the table. Most are in it already, exactly so, and
 * are passed over from here on: the store's mirror and the table are only brought up to date in the
 * others. Good until the table changes.
 */
struct keyring_diff {
    uint32_t *differing; /* indexes of the configuration's keys; heap */
    struct marks *marks; /* of each of them, after keyring_marks; in arena */
    size_t n_differing;
    struct str *gone; /* names of the file's keys in the table that are not declared so; in arena */
    uint64_t *gone_ids;
    size_t n_gone;
    bool changed; /* accounts were made or given up */
    struct arena *arena;
};
/* After file_plan. -1: they do not go beside the API's; "FILE:LINE: ..." for each. */
BF_MUST_CHECK int keyring_compare(struct money *m, const struct config *conf,
                                  struct keyring_diff *out, struct error *err);
/* Which accounts the differing ones have; those of the ones that are gone are given up. */
BF_MUST_CHECK int keyring_marks(const struct config *conf, struct store *s, struct keyring_diff *d,
                                struct error *err);
void keyring_diff_fini(struct keyring_diff *d); /* takes a zeroed one */
/* Add, change and remove until the table has what the file declares. */
BF_MUST_CHECK int keyring_apply(struct money *m, const struct config *conf,
                                const struct keyring_diff *diff, struct changes *changes,
                                struct error *err);
uint64_t keyring_file_id(struct str name);

/* --- the first version's encoding of an API's key in the store, without its id --- */

void key_encode(const struct virtual_key *key, struct buf *out);
/* 0, or -1 when it is not a sound one. Texts point into `in`. */
BF_MUST_CHECK int key_decode(struct str in, uint64_t id, struct virtual_key *out);

#endif
