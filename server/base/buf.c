#include "server/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"

#define BUF_FIRST 256

void buf_fini(struct buf *b)
{
    if (b->arena == NULL)
        free(b->data);
    *b = (struct buf)BUF_IN(b->arena);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

static char *grow_in_arena(const struct buf *b, size_t cap)
{
    char *data = arena_alloc(b->arena, cap);

    if (b->data != NULL)
        memcpy(data, b->data, b->len);
    data[b->len] = '\0';
    return data;
}

void buf_reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

    must(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    if (b->data != NULL && b->cap - b->len > more)
        return;
    while (cap - b->len <= more)
        cap *= 2;
    b->data = b->arena != NULL ? grow_in_arena(b, cap) : xrealloc(b->data, cap, 1);
    b->cap = cap;
}

void buf_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    must(n >= 0);
    buf_reserve(b, (size_t)n);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again); /* measured above */
    va_end(again);
    b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
    must(n <= b->len);
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

/* How many bytes the UTF-8 sequence at s takes, or 0 when it is not one (RFC 3629). */
static size_t utf8_len(const unsigned char *s, size_t left)
{
    size_t n;
    unsigned low = 0x80;
    unsigned high = 0xbf;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    if (s[0] == 0xed)
        high = 0x9f;
    if (s[0] == 0xf0)
        low = 0x90;
    if (s[0] == 0xf4)
        high = 0x8f;
    if (left < n || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    }
    return n;
}

static void json_escape(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"':
        buf_cstr(b, "\\\"");
        break;
    case '\\':
        buf_cstr(b, "\\\\");
        break;
    case '\n':
        buf_cstr(b, "\\n");
        break;
    case '\r':
        buf_cstr(b, "\\r");
        break;
    case '\t':
        buf_cstr(b, "\\t");
        break;
    default:
        buf_printf(b, "\\u%04x", c);
        break;
    }
}

void buf_json(struct buf *b, struct str s)
{
    size_t start = 0;
    size_t i = 0;

    buf_char(b, '"');
    while (i < s.len) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = utf8_len((const unsigned char *)s.p + i, s.len - i);

        if (n > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += n;
            continue;
        }
        buf_add(b, s.p + start, i - start);
        if (n == 0)
            buf_cstr(b, "\xef\xbf\xbd");
        else
            json_escape(b, c);
        start = ++i;
    }
    if (s.len > start)
        buf_add(b, s.p + start, s.len - start);
    buf_char(b, '"');
}
