/*
 * options - bowfin's command line, as a table.
 *
 * Runs in:  master, before it is one.   Reads: argv.   Writes: nothing.
 * The texts point into argv. Does not: act on anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/inherit.h"

enum command { COMMAND_RUN, COMMAND_CHECK, COMMAND_MOCK, COMMAND_HELP, COMMAND_VERSION };

struct options {
    enum command command;
    const char *config_path; /* NULL: not given */
    const char *state_dir, *run_dir;
    const char *listen[LISTENERS_MAX];
    size_t n_listen;
    uint32_t workers; /* 0: not given */
};

/* -1: wrong usage; the text says what. */
BF_MUST_CHECK int options_parse(int argc, char **argv, struct options *out, struct error *err);
void options_help(struct buf *out);

#endif
