/*
 * pack - what the tools share that put a file of conf/ into the program: tools/catalogue, tools/prices.
 *
 * Runs in:  make.   Reads: one YAML file.   Writes: one file of bytes.
 * The file is read by the configuration's own parser, so what stands in it is checked as what a user
 * writes below the same key is. Does not: know what is packed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_PACK_H
#define TOOLS_PACK_H

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"

/* The bytes of what the configuration has below the key; -1 and *err. */
typedef int pack_fn(const struct config *conf, struct buf *out, struct error *err);

/* `TOOL FILE.yaml OUT`, for main: the exit status. `key`: the top-level key that takes the file's path. */
int pack_main(int argc, char **argv, const char *key, pack_fn *pack);

#endif
