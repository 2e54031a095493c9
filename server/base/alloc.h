/*
 * alloc - memory that cannot fail: a call succeeds or the process dies.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * Does not: bound anything. Whatever a client, file or peer sizes is bounded before it gets here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

#include "server/base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All return heap memory for free(). xcalloc and xrealloc die also when n * size overflows. */
void *xalloc(size_t bytes);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *old, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(struct str s);

#ifdef __cplusplus
}
#endif

#endif
