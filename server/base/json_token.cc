#include "server/base/json_token.h"

#include <string.h>

#include <charconv>

#include "server/base/json.h"

/* The code unit of "\uXXXX" at p, which has `left` bytes; -1 when it is none. */
static int code_unit(const char *p, size_t left)
{
    int unit = 0;

    if (left < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = str_hex_digit(p[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/*
 * The character that the escape at p stands for, and the bytes it takes in *size; -1 when it is
 * not a sound one.
 */
static int32_t escaped(const char *p, size_t left, size_t *size)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *simple;
    int unit;
    int low;

    *size = 2;
    if (left < 2)
        return -1;
    simple = p[1] != '\0' ? strchr(from, p[1]) : nullptr;
    if (simple != nullptr)
        return to[simple - from];
    *size = 6;
    unit = code_unit(p, left);
    if (unit < 0xd800 || unit > 0xdfff)
        return unit;
    *size = 12;
    low = left >= 12 ? code_unit(p + 6, left - 6) : -1;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return -1; /* half of a pair */
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

bool json_escapes_are_sound(struct str inside)
{
    const char *p = inside.p;
    const char *end = p + inside.len;

    while (p < end) {
        size_t size;

        p = (const char *)memchr(p, '\\', (size_t)(end - p));
        if (p == nullptr)
            return true;
        if (escaped(p, (size_t)(end - p), &size) < 0)
            return false;
        p += size;
    }
    return true;
}

static char *put_utf8(char *to, int32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* An escape is never shorter than what it stands for, so the inside's length is room enough. */
struct str json_unescape_inside(struct arena *a, struct str inside)
{
    char *out = (char *)arena_alloc(a, inside.len + 1);
    char *to = out;
    const char *p = inside.p;
    const char *end = p + inside.len;

    while (p < end) {
        const char *next = (const char *)memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((next != nullptr ? next : end) - p);
        size_t size;
        int32_t c;

        memcpy(to, p, run);
        to += run;
        p += run;
        if (next == nullptr)
            break;
        c = escaped(p, (size_t)(end - p), &size);
        if (c < 0)
            return STR_NONE;
        to = put_utf8(to, c);
        p += size;
    }
    *to = '\0';
    return str{out, (size_t)(to - out)};
}

static size_t digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

/* RFC 8259: -? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)? */
static bool is_number(struct str s)
{
    const char *p = s.p;
    const char *end = p + s.len;
    size_t n;

    if (p < end && *p == '-')
        p++;
    n = digits(p, end);
    if (n == 0 || (n > 1 && *p == '0'))
        return false;
    p += n;
    if (p < end && *p == '.') {
        n = digits(++p, end);
        if (n == 0)
            return false;
        p += n;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        n = digits(p, end);
        if (n == 0)
            return false;
        p += n;
    }
    return p == end;
}

static bool is_word(struct str s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

bool json_scalar_type(struct str raw, enum json_type *type, const char **fault)
{
    switch (raw.p[0]) {
    case '"':
        *type = JSON_STRING;
        *fault = "a string has an escape that is not one";
        return raw.len >= 2 && json_escapes_are_sound(str{raw.p + 1, raw.len - 2});
    case 't':
    case 'f':
        *type = JSON_BOOL;
        *fault = "expected a value";
        return is_word(raw, "true") || is_word(raw, "false");
    case 'n':
        *type = JSON_NULL;
        *fault = "expected a value";
        return is_word(raw, "null");
    default:
        *type = JSON_NUMBER;
        *fault = (raw.p[0] >= '0' && raw.p[0] <= '9') || raw.p[0] == '-'
                     ? "a number is not written as JSON has it"
                     : "expected a value";
        return is_number(raw);
    }
}

/* --- readers --- */

extern "C" struct json *json_find(const struct json *object, struct str want)
{
    struct json *found = nullptr;

    if (object == nullptr || object->type != JSON_OBJECT)
        return nullptr;
    for (struct json *m = object->child; m != nullptr; m = m->next) {
        if (str_eq(m->key, want))
            found = m;
    }
    return found;
}

extern "C" struct str json_str(const struct json *node)
{
    return node != nullptr && node->type == JSON_STRING ? node->text : STR_NONE;
}

/* What is behind an exponent's 'e', within bounds that no 64-bit number leaves. */
static int64_t exponent_of(struct str s)
{
    const int64_t limit = 1000000;
    int64_t n = 0;
    size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;

    for (; i < s.len; i++)
        n = n < limit ? n * 10 + (s.p[i] - '0') : limit;
    return s.len > 0 && s.p[0] == '-' ? -n : n;
}

/* Exactly, in decimal: 9007199254740993 and 1.5e1 come out right, 1.5 is not a whole number. */
extern "C" bool json_raw_u64(struct str raw, uint64_t *out)
{
    uint64_t n = 0;
    int64_t scale = 0; /* the number is n * 10^scale */
    int64_t zeros = 0; /* read but not yet multiplied in */
    bool is_fraction = false;
    size_t i;

    if (raw.len == 0 || raw.p[0] == '-' || !is_number(raw))
        return false;
    for (i = 0; i < raw.len && (raw.p[i] | 0x20) != 'e'; i++) {
        uint64_t digit = (uint64_t)(raw.p[i] - '0');

        if (raw.p[i] == '.') {
            is_fraction = true;
            continue;
        }
        scale -= is_fraction;
        zeros += 1;
        if (digit == 0)
            continue;
        for (; zeros > 0 && n > 0; zeros--) {
            if (__builtin_mul_overflow(n, 10, &n))
                return false;
        }
        zeros = 0;
        if (__builtin_add_overflow(n, digit, &n))
            return false;
    }
    if (i < raw.len)
        scale += exponent_of(str{raw.p + i + 1, raw.len - i - 1});
    scale += zeros;
    if (n == 0)
        scale = 0;
    for (; scale > 0; scale--) {
        if (__builtin_mul_overflow(n, 10, &n))
            return false;
    }
    *out = n;
    return scale == 0;
}

extern "C" bool json_u64(const struct json *node, uint64_t *out)
{
    return node != nullptr && node->type == JSON_NUMBER && json_raw_u64(node->raw, out);
}

extern "C" bool json_double(const struct json *node, double *out)
{
    double value;
    std::from_chars_result rc;

    if (node == nullptr || node->type != JSON_NUMBER)
        return false;
    rc = std::from_chars(node->raw.p, node->raw.p + node->raw.len, value);
    if (rc.ec != std::errc()) /* 1e400 */
        return false;
    *out = value;
    return true;
}

extern "C" bool json_bool(const struct json *node, bool *out)
{
    if (node == nullptr || node->type != JSON_BOOL)
        return false;
    *out = node->boolean;
    return true;
}

extern "C" struct str json_unescape(struct arena *a, struct str raw)
{
    if (raw.len < 2 || raw.p[0] != '"' || raw.p[raw.len - 1] != '"')
        return STR_NONE;
    return json_unescape_inside(a, str{raw.p + 1, raw.len - 2});
}
