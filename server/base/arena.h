/*
 * arena - memory with one lifetime, given back all at once.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * A reset keeps the first chunk, so a pooled arena serves request after request without malloc.
 * Does not: free single objects, run destructors, bound what is taken (callers do).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "server/base/base.h"
#include "server/base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct arena;

/* `chunk_bytes`: the size of the first chunk and of later ones. Owned by the caller. */
struct arena *arena_create(size_t chunk_bytes);
void arena_free(struct arena *a); /* takes NULL */
void arena_reset(struct arena *a);
/* Overwrite all that is in it, for one that held secrets; then reset or free it. */
void arena_wipe(struct arena *a);

/* 16-byte aligned; never NULL. arena_zalloc gives zeroed memory. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
/* Copies are NUL-terminated behind their length. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) BF_PRINTF(2, 3);
struct str arena_concat(struct arena *a, const struct str *parts, size_t n);

/* A text that grows in an arena: doubling wastes at most as much as it holds. Begins as zeros. */
struct arena_text {
    char *data;
    size_t len, cap;
};
void arena_append(struct arena *a, struct arena_text *t,
                  struct str more); /* the caller bounds it */
static inline struct str arena_text_view(const struct arena_text *t)
{
    return (struct str){t->data, t->len};
}

size_t arena_bytes(const struct arena *a); /* taken from the heap now */

#ifdef __cplusplus
}
#endif

#endif
