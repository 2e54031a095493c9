/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/base/base.h"
#include "server/worker/http_guard.h"

/* Classes of bytes in a head. */
#define TOKEN 1u /* in names and methods */
#define TEXT 2u  /* in values: visible, blank, tab, and what is not ASCII */
#define HOST 4u  /* in Host */

static const uint8_t classes[256] = {
    ['\t'] = TEXT,
    [' '] = TEXT,
    ['!'] = TOKEN | TEXT | HOST,
    ['"'] = TEXT,
    ['#'] = TOKEN | TEXT,
    ['$'] = TOKEN | TEXT | HOST,
    ['%'] = TOKEN | TEXT | HOST,
    ['&'] = TOKEN | TEXT | HOST,
    ['\''] = TOKEN | TEXT | HOST,
    ['('] = TEXT | HOST,
    [')'] = TEXT | HOST,
    ['*'] = TOKEN | TEXT | HOST,
    ['+'] = TOKEN | TEXT | HOST,
    [','] = TEXT,
    ['-'] = TOKEN | TEXT | HOST,
    ['.'] = TOKEN | TEXT | HOST,
    ['/'] = TEXT,
    ['0' ... '9'] = TOKEN | TEXT | HOST,
    [':'] = TEXT | HOST,
    [';'] = TEXT | HOST,
    ['<'] = TEXT,
    ['='] = TEXT | HOST,
    ['>'] = TEXT,
    ['?'] = TEXT,
    ['@'] = TEXT,
    ['A' ... 'Z'] = TOKEN | TEXT | HOST,
    ['['] = TEXT | HOST,
    ['\\'] = TEXT,
    [']'] = TEXT | HOST,
    ['^'] = TOKEN | TEXT,
    ['_'] = TOKEN | TEXT | HOST,
    ['`'] = TOKEN | TEXT,
    ['a' ... 'z'] = TOKEN | TEXT | HOST,
    ['{'] = TEXT,
    ['|'] = TOKEN | TEXT,
    ['}'] = TEXT,
    ['~'] = TOKEN | TEXT | HOST,
    [128 ... 255] = TEXT,
};

/* How many bytes at the start of `s` are of the class. */
static size_t run_of(struct str s, uint8_t class)
{
    size_t n = 0;

    while (n < s.len && (classes[(uint8_t)s.p[n]] & class) != 0)
        n++;
    return n;
}

bool http_guard_is_token(struct str s)
{
    return s.len > 0 && run_of(s, TOKEN) == s.len;
}

bool http_guard_is_target(struct str s)
{
    return s.len > 0 && run_of(s, TEXT) == s.len && str_index(s, ' ') < 0 && str_index(s, '\t') < 0;
}

bool http_guard_is_host(struct str s)
{
    return run_of(s, HOST) == s.len;
}

/* --- HTTP/1 heads --- */

static enum http_guard_result bad(const char **why, const char *text)
{
    *why = text;
    return GUARD_BAD;
}

static enum http_guard_result request_line(struct http_guard_head *h, struct str line,
                                           const char **why)
{
    size_t method = run_of(line, TOKEN);

    if (method == 0 || method >= line.len || line.p[method] != ' ')
        return bad(why, "the request line does not begin with a method and a space");
    struct str rest = str_skip(line, method + 1);
    size_t target = 0;

    while (target < rest.len && rest.p[target] != ' ') {
        uint8_t c = (uint8_t)rest.p[target];
        if ((classes[c] & TEXT) == 0 || c == '\t')
            return bad(why, "the request target has a byte that must be percent-encoded");
        target++;
    }
    struct str version = str_skip(rest, target + 1);

    if (target == 0 || version.len != 8 || memcmp(version.p, "HTTP/1.", 7) != 0 ||
        (version.p[7] != '0' && version.p[7] != '1'))
        return bad(why, "the request line does not end with HTTP/1.1 or HTTP/1.0");
    h->minor = (uint8_t)(version.p[7] - '0');
    h->has_line = true;
    return GUARD_OK;
}

static enum http_guard_result special_header(struct http_guard_head *h, struct str name,
                                             struct str value, const char **why)
{
    if (str_eq_nocase(name, STR("host"))) {
        if (h->has_host)
            return bad(why, "there is more than one Host header");
        if (!http_guard_is_host(value))
            return bad(why, "the Host header is not a host name");
        h->has_host = true;
    } else if (str_eq_nocase(name, STR("content-length"))) {
        if (h->has_length)
            return bad(why, "there is more than one Content-Length header");
        if (!str_parse_u64(value, &h->content_length))
            return bad(why, "Content-Length is not a number");
        h->has_length = true;
    } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
        if (h->has_encoding || !str_eq_nocase(value, STR("chunked")))
            return bad(why, "the only Transfer-Encoding understood is chunked, given once");
        h->has_encoding = true;
    } else if (str_eq_nocase(name, STR("expect"))) {
        if (h->expect_len != 0)
            return bad(why, "there is more than one Expect header");
        h->expect_len = 1; /* the caller knows the line */
        h->expects_continue = str_eq_nocase(value, STR("100-continue"));
    }
    return GUARD_OK;
}

static enum http_guard_result header_line(struct http_guard_head *h, struct str line, size_t at,
                                          const char **why)
{
    size_t n = run_of(line, TOKEN);

    if (++h->n_headers > GUARD_HEADERS_MAX) {
        *why = "there are more than 100 headers";
        return GUARD_TOO_LARGE;
    }
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(why, "a header is continued on a second line");
    if (n == 0 || n >= line.len || line.p[n] != ':')
        return bad(why, "a header line does not begin with a name and a colon");
    struct str name = {line.p, n};
    struct str value = str_skip(line, n + 1);

    if (run_of(value, TEXT) != value.len)
        return bad(why, "a header's value has a control character");
    /* Only four names matter, and their lengths tell most others apart. */
    if (n != 4 && n != 6 && n != 14 && n != 17)
        return GUARD_OK;
    bool expected = h->expect_len != 0;
    enum http_guard_result r = special_header(h, name, str_trim(value), why);

    if (r == GUARD_OK && !expected && h->expect_len != 0) {
        h->expect_at = at;
        h->expect_len = line.len + 2;
    }
    return r;
}

static enum http_guard_result head_end(struct http_guard_head *h, const char **why)
{
    if (h->has_encoding && h->has_length)
        return bad(why, "there are both Content-Length and Transfer-Encoding");
    if (h->has_encoding && h->minor == 0)
        return bad(why, "HTTP/1.0 has no Transfer-Encoding");
    if (!h->has_host && h->minor == 1)
        return bad(why, "the Host header is missing");
    h->body = h->has_encoding                          ? GUARD_BODY_CHUNKED
              : h->has_length && h->content_length > 0 ? GUARD_BODY_LENGTH
                                                       : GUARD_BODY_NONE;
    h->len = h->line_at;
    return GUARD_OK;
}

static enum http_guard_result too_long(const char **why)
{
    *why = "the request's head is larger than 64 KiB";
    return GUARD_TOO_LARGE;
}

/* A line without its end; `at`: where it began. */
static enum http_guard_result head_line(struct http_guard_head *h, struct str line, size_t at,
                                        const char **why)
{
    if (h->has_line)
        return header_line(h, line, at, why);
    if (line.len > 0)
        return request_line(h, line, why);
    return at == 0 ? GUARD_OK : bad(why, "there are empty lines before the request line");
}

enum http_guard_result http_guard_head(struct http_guard_head *h, struct str bytes,
                                       const char **why)
{
    for (;;) {
        struct str rest = str_skip(bytes, h->line_at);
        const char *end = rest.len > 0 ? memchr(rest.p, '\n', rest.len) : NULL;

        if (end == NULL)
            return bytes.len <= GUARD_HEAD_MAX ? GUARD_MORE : too_long(why);
        if (end == rest.p || end[-1] != '\r')
            return bad(why, "a line ends without a carriage return");
        struct str line = {rest.p, (size_t)(end - 1 - rest.p)};
        size_t at = h->line_at;

        h->line_at += line.len + 2;
        if (h->line_at > GUARD_HEAD_MAX)
            return too_long(why);
        if (line.len == 0 && h->has_line)
            return head_end(h, why);
        enum http_guard_result r = head_line(h, line, at, why);

        if (r != GUARD_OK)
            return r;
    }
}

/* --- chunked bodies --- */

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* at a line's start */
    CHUNK_TRAILER_TEXT,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
    CHUNK_DONE,
    CHUNK_BAD,
};

static enum chunk_state after_size(struct http_guard_chunks *c, char byte)
{
    int digit = str_hex_digit(byte);

    if (digit >= 0) {
        c->left = c->left * 16 + (uint64_t)digit;
        return ++c->digits <= 15 ? CHUNK_SIZE : CHUNK_BAD;
    }
    if (c->digits == 0)
        return CHUNK_BAD;
    c->line = 0;
    return byte == '\r' ? CHUNK_SIZE_LF : byte == ';' ? CHUNK_EXT : CHUNK_BAD;
}

static enum chunk_state after_text(struct http_guard_chunks *c, char byte, enum chunk_state here)
{
    bool in_ext = here == CHUNK_EXT;

    if (byte == '\r')
        return in_ext ? CHUNK_SIZE_LF : CHUNK_TRAILER_LF;
    if ((classes[(uint8_t)byte] & TEXT) == 0)
        return CHUNK_BAD;
    return ++c->line <= (in_ext ? GUARD_CHUNK_EXT_MAX : GUARD_TRAILER_MAX) ? here : CHUNK_BAD;
}

/* All states but CHUNK_DATA, a byte at a time. */
static enum chunk_state chunk_next(struct http_guard_chunks *c, char byte)
{
    switch ((enum chunk_state)c->state) {
    case CHUNK_SIZE:
        return after_size(c, byte);
    case CHUNK_EXT:
        return after_text(c, byte, CHUNK_EXT);
    case CHUNK_SIZE_LF:
        c->line = 0;
        return byte != '\n' ? CHUNK_BAD : c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    case CHUNK_DATA_CR:
        return byte == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
    case CHUNK_DATA_LF:
        c->digits = 0;
        return byte == '\n' ? CHUNK_SIZE : CHUNK_BAD;
    case CHUNK_TRAILER:
        if (byte == '\r')
            return CHUNK_LAST_LF;
        return byte == ' ' || byte == '\t' ? CHUNK_BAD : after_text(c, byte, CHUNK_TRAILER_TEXT);
    case CHUNK_TRAILER_TEXT:
        return after_text(c, byte, CHUNK_TRAILER_TEXT);
    case CHUNK_TRAILER_LF:
        return byte == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
    case CHUNK_LAST_LF:
        return byte == '\n' ? CHUNK_DONE : CHUNK_BAD;
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_BAD:
        break;
    }
    return CHUNK_BAD;
}

enum http_guard_result http_guard_chunks(struct http_guard_chunks *c, struct str bytes,
                                         size_t *used)
{
    size_t at = 0;

    while (at < bytes.len && c->state != CHUNK_DONE && c->state != CHUNK_BAD) {
        if (c->state == CHUNK_DATA) {
            size_t n = min_u64(c->left, bytes.len - at);

            at += n;
            c->left -= n;
            c->decoded += n;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
        } else {
            c->state = (uint8_t)chunk_next(c, bytes.p[at++]);
        }
    }
    *used = at;
    return c->state == CHUNK_DONE ? GUARD_OK : c->state == CHUNK_BAD ? GUARD_BAD : GUARD_MORE;
}
