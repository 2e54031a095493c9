/*
 * args - the options of a command, by table.
 *
 * Runs in:  bfctl.   Reads, writes: nothing.
 * "--name value" and "--name=value"; what stands behind "--" is no option. What is not known is
 * told with the nearest name. Does not: know commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_ARGS_H
#define BFCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/base.h"

#define ARG_MANY_MAX 32

struct arg {
    const char *name; /* "--limit"; a one-letter form stands in a row of its own: "-f" */
    const char *
        *value; /* either this (of "--header..." the first of ARG_MANY_MAX, and a NULL) ... */
    bool *flag; /* ... or this */
};

/*
 * Take the options out of argv (from argv[1] on); what is left are *argc words in order. -1: an
 * error was printed.
 */
BF_MUST_CHECK int args_parse(int *argc, char **argv, const struct arg *args, size_t n);
/* Exactly min..max words behind the command's name; else -1, `what` says what is expected. */
BF_MUST_CHECK int args_words(int argc, char **argv, int min, int max, const char *what);

#endif
