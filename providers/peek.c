#include "providers/peek.h"

#include "server/base/base.h"

size_t peek_skip(struct str s, size_t at)
{
    while (at < s.len && (s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\r' || s.p[at] == '\t'))
        at++;
    return at;
}

/* Index of the next quote from `at` on; s.len when there is none. */
static size_t find_quote(struct str s, size_t at)
{
    const char *q = at < s.len ? memchr(s.p + at, '"', s.len - at) : NULL;

    return q != NULL ? (size_t)(q - s.p) : s.len;
}

size_t peek_string(struct str s, size_t at)
{
    size_t from = at;

    while (at < s.len) {
        size_t i = find_quote(s, at);
        size_t slashes = 0;

        if (i == s.len)
            return i;
        while (i - slashes > from && s.p[i - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return i;
        at = i + 1;
    }
    return s.len;
}

bool peek_key(struct str s, size_t *at, struct str *key)
{
    size_t pos = *at;

    while (pos < s.len) {
        size_t start = find_quote(s, pos) + 1;
        size_t end;

        if (start > s.len)
            return false;
        end = peek_string(s, start);
        if (end >= s.len)
            return false;
        pos = peek_skip(s, end + 1);
        if (pos < s.len && s.p[pos] == ':') {
            *key = (struct str){s.p + start, end - start};
            *at = peek_skip(s, pos + 1);
            return true;
        }
    }
    return false;
}

bool peek_is_nothing(struct str s, size_t at)
{
    static const char closing[] = {['"'] = '"', ['['] = ']', ['{'] = '}'};
    struct str value = str_skip(s, min_u64(at, s.len));
    unsigned char first = value.len > 0 ? (unsigned char)value.p[0] : 0;
    size_t next = first == '"' ? 1 : peek_skip(value, 1);

    if (str_starts(value, STR("null")) || str_starts(STR("null"), value))
        return true;
    return first < sizeof(closing) && closing[first] != 0 &&
           (next >= value.len || value.p[next] == closing[first]);
}

struct str peek_object(struct str s, size_t at)
{
    size_t limit;
    unsigned depth = 0;

    if (at >= s.len || s.p[at] != '{')
        return STR_NONE;
    limit = s.len - at > PEEK_OBJECT_MAX ? at + PEEK_OBJECT_MAX : s.len;
    for (size_t i = at; i < limit; i++) {
        char c = s.p[i];

        if (c == '"') {
            i = peek_string((struct str){s.p, limit}, i + 1);
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return (struct str){s.p + at, i + 1 - at};
        }
    }
    return STR_NONE;
}

struct str peek_text(struct str s, size_t at)
{
    if (at >= s.len || s.p[at] != '"')
        return STR_NONE;
    return (struct str){s.p + at + 1, peek_string(s, at + 1) - at - 1};
}

bool peek_number(struct str s, size_t at, uint64_t *out)
{
    size_t end = at;

    while (end < s.len && s.p[end] >= '0' && s.p[end] <= '9')
        end++;
    return end > at && str_parse_u64((struct str){s.p + at, end - at}, out);
}

bool peek_last(struct str s, const char *key, size_t *end, struct str *object)
{
    size_t n = strlen(key) + 2;

    while (*end >= n && *end <= s.len) {
        const char *q = memrchr(s.p, '"', *end - n + 1);
        size_t at;

        if (q == NULL)
            return false;
        at = (size_t)(q - s.p);
        *end = at + n - 1;
        if (memcmp(q + 1, key, n - 2) == 0 && q[n - 1] == '"') {
            size_t v = peek_skip(s, at + n);

            *object = v < s.len && s.p[v] == ':' ? peek_object(s, peek_skip(s, v + 1)) : STR_NONE;
            if (object->len > 0)
                return true;
        }
    }
    return false;
}
