/*
 * save - a configuration into LMDB, and its stable numbers out of it.
 *
 * Runs in:  master.   Reads, writes: LMDB config, opened and closed within the call.
 * The image is built inside the same transaction, because the numbers in it come from there: both
 * are kept, or neither. What the file declares is mirrored row by row; only rows that differ are
 * written. Each change of the mirror gives it a new mark: when the store has the mark that the
 * caller remembers, the virtual keys in it are those of the key table, and 100,000 rows need not be
 * read to write the one that differs. Does not: publish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_SAVE_H
#define MASTER_SAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/changes.h"
#include "server/master/file_owners.h"
#include "server/master/keyring.h"
#include "server/master/publish.h"

struct money;

/* Of the mirror's state; all zero: not known, all of it is compared. */
struct mirror_mark {
    uint8_t bytes[16];
};

struct save_request {
    const char *state_dir;
    const struct config *conf;
    const struct entities *entities;
    const char *mock_url; /* NULL: no mock process */
    struct money *money;
    struct mirror_mark mark; /* of the mirror when the key table was last made like it */
    bool load;               /* at a start: put what the API made into the tables first */
    bool fresh;              /* no region knows a number yet: numbers out of use are given back */
};

struct saved {
    struct image image;
    struct file_plan owners; /* for file_commit */
    bool planned;
    struct keyring_diff keys; /* for keyring_apply */
    struct mirror_mark mark;
    bool wrong_file; /* on failure: it is the configuration that does not go, not the store */
};

/* saved_fini is due also after a failure. */
BF_MUST_CHECK int save_config(const struct save_request *req, struct saved *out, struct error *err);
void saved_fini(struct saved *s); /* takes a zeroed one */

#endif
