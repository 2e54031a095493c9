/*
 * apply - a checked configuration becomes the one in effect.
 *
 * Runs in:  master.   Reads: a checked configuration.   Writes: LMDB config; regions published and
 * secrets.
 * Everything that can fail is done before the flip; what follows it only copies. Does not: start or
 * stop anybody (start.c, reload.c), bind listeners.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_APPLY_H
#define MASTER_APPLY_H

#include <stdbool.h>

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/changes.h"

struct master;
struct options;

/* config_load with this build's vendors and the command line's overrides. */
BF_MUST_CHECK int apply_load(const char *path, const struct options *options, struct config **out,
                             struct error *err);

/* The mock's socket, when the configuration needs one and there is none yet. */
BF_MUST_CHECK int apply_mock(struct master *m, const struct config *conf, struct error *err);

enum apply_when {
    APPLY_FRESH, /* at the start, into new regions */
    APPLY_START, /* at the start, into regions that were kept */
    APPLY_RELOAD,
};
struct apply {
    enum apply_when when;
    struct changes *changes; /* filled */
    bool wrong_file;         /* filled: it is the configuration that does not go, not the machine */
};
/* -1: what was in effect still is. */
BF_MUST_CHECK int apply_config(struct master *m, const struct config *conf, struct apply *how,
                               struct error *err);

#endif
