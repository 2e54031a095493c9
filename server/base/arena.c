#include "server/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"

#define ARENA_ALIGN 16
#define TEXT_MIN 256 /* the first room of a text that grows */

struct chunk {
    struct chunk *next;
    size_t bytes;
    _Alignas(ARENA_ALIGN) char data[];
};

struct arena {
    struct chunk *first; /* kept over a reset */
    struct chunk *current;
    size_t used; /* of current */
    size_t chunk_bytes;
    size_t heap_bytes;
};

static struct chunk *chunk_create(struct arena *a, size_t bytes)
{
    struct chunk *c = xalloc(sizeof(*c) + bytes);

    c->next = NULL;
    c->bytes = bytes;
    a->heap_bytes += sizeof(*c) + bytes;
    return c;
}

struct arena *arena_create(size_t chunk_bytes)
{
    struct arena *a = xcalloc(1, sizeof(*a));

    a->chunk_bytes = chunk_bytes;
    a->first = chunk_create(a, chunk_bytes);
    a->current = a->first;
    return a;
}

void arena_reset(struct arena *a)
{
    struct chunk *c = a->first->next;

    while (c != NULL) {
        struct chunk *next = c->next;

        a->heap_bytes -= sizeof(*c) + c->bytes;
        free(c);
        c = next;
    }
    a->first->next = NULL;
    a->current = a->first;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    free(a->first);
    free(a);
}

void arena_wipe(struct arena *a)
{
    for (struct chunk *c = a->first; c != NULL; c = c->next)
        explicit_bzero(c->data, c->bytes);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t need;
    void *p;

    must(bytes < SIZE_MAX / 2);
    need = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (need > a->current->bytes - a->used) {
        size_t size = need > a->chunk_bytes ? need : a->chunk_bytes;
        struct chunk *c = chunk_create(a, size);

        a->current->next = c;
        a->current = c;
        a->used = 0;
    }
    p = a->current->data + a->used;
    a->used += need;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int n;
    char *p;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    must(n >= 0);
    p = arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, fmt, again); /* measured above */
    va_end(again);
    return (struct str){p, (size_t)n};
}

struct str arena_concat(struct arena *a, const struct str *parts, size_t n)
{
    size_t len = 0;
    char *p;
    char *end;

    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    p = arena_alloc(a, len + 1);
    end = p;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0)
            memcpy(end, parts[i].p, parts[i].len);
        end += parts[i].len;
    }
    *end = '\0';
    return (struct str){p, len};
}

void arena_append(struct arena *a, struct arena_text *t, struct str more)
{
    if (more.len == 0)
        return;
    if (more.len > t->cap - t->len) {
        size_t cap = max_u64(TEXT_MIN, 2 * (t->len + more.len));
        char *data = arena_alloc(a, cap);

        if (t->len > 0)
            memcpy(data, t->data, t->len);
        t->data = data;
        t->cap = cap;
    }
    memcpy(t->data + t->len, more.p, more.len);
    t->len += more.len;
}

size_t arena_bytes(const struct arena *a)
{
    return a->heap_bytes;
}
