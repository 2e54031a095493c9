/*
 * temp_dir - a directory for one test, and its end.
 *
 * Runs in:  tests.   Reads, writes: the file system.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_TEMP_DIR_H
#define UNIT_TEMP_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define TEMP_DIR_MAX 4096

/* Make one under $TMPDIR, else /tmp. Returns 0, or -1 with errno. */
static inline int temp_dir_make(char out[TEMP_DIR_MAX])
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(out, TEMP_DIR_MAX, "%s/bowfin-unit-XXXXXX", parent != NULL ? parent : "/tmp");
    return mkdtemp(out) != NULL ? 0 : -1;
}

static inline int temp_dir_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* With all that is in it. Returns 0, or -1 with errno. */
static inline int temp_dir_remove(const char *dir)
{
    return nftw(dir, temp_dir_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
