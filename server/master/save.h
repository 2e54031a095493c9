/*
 * save - a configuration into LMDB, and its stable numbers out of it.
 *
 * Runs in:  master.   Reads, writes: LMDB config, opened and closed within the call.
 * The image is built inside the same transaction, because the numbers in it come from there: both
 * are kept, or neither. What the file declares is mirrored row by row; only rows that differ are
 * written. Does not: publish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_SAVE_H
#define MASTER_SAVE_H

#include <stdbool.h>

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/changes.h"
#include "server/master/publish.h"

struct key_table;
struct region;

struct save_request {
    const char *state_dir;
    const struct config *conf;
    const struct entities *entities;
    const char *mock_url; /* NULL: no mock process */
    struct key_table *keys;
    const struct region *published;
    bool load_keys; /* put the API's keys into the table first */
    bool fresh;     /* no region knows a number yet: numbers out of use are given back */
};

/* *out_wrong_file: it is the configuration that does not go, not the store. */
BF_MUST_CHECK int save_config(const struct save_request *req, struct image *out,
                              bool *out_wrong_file, struct error *err);

#endif
