/*
 * buf - a growing run of bytes, and the writer of JSON text.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * Does not: bound its own growth; whoever fills it from outside does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/str.h"

struct buf {
    char *data; /* NUL-terminated when not NULL */
    size_t len;
    size_t cap;
    struct arena *arena; /* where data lies; NULL: on the heap */
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, NULL                                                                           \
    }
/* One that grows in an arena: what it holds stays there, nothing is to be freed. */
#define BUF_IN(a)                                                                                  \
    {                                                                                              \
        NULL, 0, 0, (a)                                                                            \
    }

void buf_fini(struct buf *b);  /* frees and zeroes; not needed in an arena */
void buf_clear(struct buf *b); /* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
/* Bodies are written in pieces of a few bytes, so these are inline. */
static inline void buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (b->cap - b->len <= len) /* room for the NUL, too */
        buf_reserve(b, len);
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
}

static inline void buf_char(struct buf *b, char c)
{
    if (b->cap - b->len <= 1)
        buf_reserve(b, 1);
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

static inline void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.len);
}

static inline void buf_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_u64(struct buf *b, uint64_t n); /* decimal; ten times faster than buf_printf */
void buf_printf(struct buf *b, const char *fmt, ...) BF_PRINTF(2, 3);
void buf_drop(struct buf *b, size_t n); /* forget the first n bytes */
/* A JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void buf_json(struct buf *b, struct str s);

static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

#endif
