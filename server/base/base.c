#include "server/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One per process: set at its start, read when it is about to die. */
static must_hook_fn *hook;

void must_set_hook(must_hook_fn *fn)
{
    hook = fn;
}

void must_failed(const char *file, int line, const char *expr)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "%s:%d: must(%s)\n", file, line, expr);

    if (n > (int)sizeof(text) - 1)
        n = (int)sizeof(text) - 1;
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) {
        /* nothing is left to tell it to */
    }
    if (hook != NULL)
        hook(text);
    abort();
}
