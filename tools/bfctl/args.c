/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/args.h"

#include <string.h>

#include "server/base/str.h"
#include "tools/bfctl/ctl.h"

#define ARGS_MAX 32

/* "--header..." may be repeated. */
static bool is_many(const struct arg *arg)
{
    return str_ends(str_of(arg->name), STR("..."));
}

static struct str name_of(const struct arg *arg)
{
    struct str name = str_of(arg->name);

    name.len -= is_many(arg) ? 3 : 0;
    return name;
}

static const struct arg *find(struct str name, const struct arg *args, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, name_of(&args[i])))
            return &args[i];
    }
    return NULL;
}

static int set(const struct arg *arg, const char *value)
{
    size_t n = 0;

    while (is_many(arg) && arg->value[n] != NULL)
        n++;
    if (n == ARG_MANY_MAX)
        return ctl_fail(-1, "%.*s at most %d times", STR_ARGS(name_of(arg)), ARG_MANY_MAX);
    arg->value[n] = value;
    return 0;
}

static int refuse(struct str name, const struct arg *args, size_t n)
{
    const char *names[ARGS_MAX];

    for (size_t i = 0; i < n && i < ARGS_MAX; i++)
        names[i] = args[i].name;
    const char *nearest = str_nearest(name, names, n < ARGS_MAX ? n : ARGS_MAX);
    if (nearest != NULL)
        (void)ctl_fail(CTL_USAGE, "unknown option %.*s; did you mean %s?", STR_ARGS(name), nearest);
    else
        (void)ctl_fail(CTL_USAGE, "unknown option %.*s; `bfctl help` lists what there is",
                       STR_ARGS(name));
    return -1;
}

/* One option at argv[i]. Returns how many words it took, or -1. */
static int take(int argc, char **argv, int i, const struct arg *args, size_t n)
{
    struct str word = str_of(argv[i]), name = word;
    ptrdiff_t equals = str_index(word, '=');

    if (equals >= 0)
        name.len = (size_t)equals;
    const struct arg *arg = find(name, args, n);
    if (arg == NULL)
        return refuse(name, args, n);
    if (arg->flag != NULL) {
        if (equals >= 0)
            return ctl_fail(-1, "%s takes no value", arg->name);
        *arg->flag = true;
        return 1;
    }
    if (equals >= 0) {
        return set(arg, argv[i] + equals + 1) == 0 ? 1 : -1;
    }
    if (i + 1 >= argc)
        return ctl_fail(-1, "%.*s needs a value", STR_ARGS(name_of(arg)));
    return set(arg, argv[i + 1]) == 0 ? 2 : -1;
}

int args_parse(int *argc, char **argv, const struct arg *args, size_t n)
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
        int taken = take(*argc, argv, i, args, n);
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
