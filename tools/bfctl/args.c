/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/args.h"

#include <string.h>

#include "server/base/str.h"
#include "tools/bfctl/ctl.h"

#define ARGS_MAX 40

static const struct arg *find(struct str name, const struct args *args)
{
    for (size_t i = 0; i < args->n; i++) {
        if (str_eq(name, str_of(args->items[i].name)))
            return &args->items[i];
    }
    return NULL;
}

static int set(const struct arg *arg, void *options, const char *value)
{
    const char **at = (const char **)((char *)options + arg->at);
    size_t n = 0;

    if (value[0] == '\0' && arg->kind != ARG_LIST)
        return ctl_fail(-1, "%s is empty, and needs a value: %s", arg->name, arg->value);
    while (arg->kind == ARG_MANY && at[n] != NULL)
        n++;
    if (n == ARG_MANY_MAX)
        return ctl_fail(-1, "%s at most %d times", arg->name, ARG_MANY_MAX);
    at[n] = value;
    return 0;
}

static int refuse(struct str name, const struct args *args)
{
    const char *names[ARGS_MAX];
    size_t n = min_u64(args->n, ARGS_MAX);

    for (size_t i = 0; i < n; i++)
        names[i] = args->items[i].name;
    const char *nearest = str_nearest(name, names, n);
    if (nearest != NULL)
        (void)ctl_fail(CTL_USAGE, "unknown option %.*s; did you mean %s?", STR_ARGS(name), nearest);
    else
        (void)ctl_fail(CTL_USAGE,
                       "unknown option %.*s; `bfctl help COMMAND` lists what a command takes",
                       STR_ARGS(name));
    return -1;
}

/* One option at argv[i]. Returns how many words it took, or -1. */
static int take(int argc, char **argv, int i, const struct args *args, void *options)
{
    struct str word = str_of(argv[i]), name = word;
    ptrdiff_t equals = str_index(word, '=');

    if (equals >= 0)
        name.len = (size_t)equals;
    const struct arg *arg = find(name, args);
    if (arg == NULL)
        return refuse(name, args);
    if (arg->value == NULL) {
        if (equals >= 0)
            return ctl_fail(-1, "%s takes no value", arg->name);
        *(bool *)((char *)options + arg->at) = true;
        return 1;
    }
    if (equals >= 0)
        return set(arg, options, argv[i] + equals + 1) == 0 ? 1 : -1;
    if (i + 1 >= argc)
        return ctl_fail(-1, "%s needs a value: %s", arg->name, arg->value);
    return set(arg, options, argv[i + 1]) == 0 ? 2 : -1;
}

int args_parse(int *argc, char **argv, const struct args *args, void *options)
{
    int out = 1;
    bool only_words = false;

    for (int i = 1; i < *argc;) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            i++;
            continue;
        }
        if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[out++] = argv[i++];
            continue;
        }
        int taken = take(*argc, argv, i, args, options);
        if (taken < 0)
            return -1;
        i += taken;
    }
    *argc = out;
    return 0;
}

int args_words(int argc, char **argv, int min, int max, const char *what)
{
    if (argc - 1 >= min && argc - 1 <= max)
        return 0;
    return ctl_fail(-1, "%s takes %s", argv[0], what);
}

const struct args *args_find(const struct args *uses, const char *verb)
{
    for (const struct args *a = uses; a->words != NULL; a++) {
        size_t len = strcspn(a->words, " ");

        if (strlen(verb) == len && strncmp(a->words, verb, len) == 0)
            return a;
    }
    return NULL;
}
