#include "server/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/base.h"

void *xalloc(size_t bytes)
{
    void *p = malloc(bytes > 0 ? bytes : 1);

    must(p != NULL);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

    must(p != NULL);
    return p;
}

void *xrealloc(void *old, size_t n, size_t size)
{
    void *p = reallocarray(old, n > 0 ? n : 1, size > 0 ? size : 1);

    must(p != NULL);
    return p;
}

char *xstrdup(const char *s)
{
    return xstrndup(str_of(s));
}

char *xstrndup(struct str s)
{
    char *p = xalloc(s.len + 1);

    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}
