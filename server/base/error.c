#include "server/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args); /* cut is fine */
    va_end(args);
    return -1;
}

int error_errno(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    va_list args;
    size_t len;

    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args); /* cut is fine */
    va_end(args);
    len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(saved));
    errno = saved;
    return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
    char old[ERROR_TEXT_MAX];
    va_list args;
    size_t len;

    memcpy(old, err->text, sizeof(old));
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args); /* cut is fine */
    va_end(args);
    len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", old);
    return -1;
}

int error_add(struct error *err, const char *fmt, ...)
{
    char line[1024];
    size_t len = strlen(err->text);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args); /* cut is fine */
    va_end(args);
    if (len + strlen(line) + 8 > sizeof(err->text)) {
        if (len + 5 < sizeof(err->text) && !(len >= 3 && strcmp(err->text + len - 3, "...") == 0))
            (void)snprintf(err->text + len, sizeof(err->text) - len, "\n...");
        return -1;
    }
    (void)snprintf(err->text + len, sizeof(err->text) - len, "%s%s", len > 0 ? "\n" : "", line);
    return -1;
}
