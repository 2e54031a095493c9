/*
 * args - the options of a command, by table.
 *
 * Runs in:  bfctl.   Reads, writes: nothing.
 * One table says what a command takes: args_parse reads the command line by it, help.c prints it, and
 * `bfctl help --json` gives it to the tests of completions and manual page. "--name value" and
 * "--name=value"; what stands behind "--" is no option. What is not known is told with the nearest
 * name. Does not: know commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_ARGS_H
#define BFCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/base.h"

#define ARG_MANY_MAX 32

/* How often, and whether "" is a value: a script's unset variable must not be "all of them". */
enum arg_kind {
    ARG_ONE,
    ARG_MANY, /* `at` is ARG_MANY_MAX of them and a NULL */
    ARG_LIST  /* may be empty: that takes a list away */
};

struct arg {
    const char *name;  /* "--limit" */
    const char *value; /* what stands behind it, as help calls it; NULL: nothing, it is a flag */
    const char *help;  /* NULL: another name for the row before it */
    size_t at;         /* in the command's options: a const char *, or a bool */
    enum arg_kind kind;
};

/* One way to use a command. */
struct args {
    const char *words; /* behind the command's name, its verb first: "create NAME"; may be "" */
    const char *help;  /* one line */
    const struct arg *items;
    size_t n;
    const char *note; /* lines below the options; NULL: none */
};

#define ARGS_NONE(words, help)                                                                     \
    {                                                                                              \
        words, help, NULL, 0, NULL                                                                 \
    }
#define ARGS_END                                                                                   \
    {                                                                                              \
        NULL, NULL, NULL, 0, NULL                                                                  \
    }

/*
 * Take the options out of argv (from argv[1] on) into `options`; what is left are *argc words in
 * order. -1: an error was printed.
 */
BF_MUST_CHECK int args_parse(int *argc, char **argv, const struct args *args, void *options);
/* Exactly min..max words behind the command's name; else -1, `what` says what is expected. */
BF_MUST_CHECK int args_words(int argc, char **argv, int min, int max, const char *what);
/* The one with this verb in a list that ARGS_END ends; NULL: there is none. */
const struct args *args_find(const struct args *uses, const char *verb);

#endif
