#include "providers/spans.h"

#include "providers/peek.h"

static bool on_member(void *ctx, const struct json_member *m)
{
    (void)ctx, (void)m;
    return true;
}

bool spans_check(struct json_parser *p, struct str text)
{
    struct json_error ignored;

    return json_scan(p, text, on_member, NULL, &ignored) == 0;
}

static bool is_end(char c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the value that begins at `at`. */
static size_t skip_value(struct str s, size_t at)
{
    unsigned depth = 0;

    while (at < s.len) {
        char c = s.p[at];

        if (c == '"') {
            size_t end = peek_string(s, at + 1);

            at = end < s.len ? end + 1 : s.len;
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
            at++;
        } else if (depth > 0) {
            at++; /* what stands in it */
            continue;
        } else {
            while (at < s.len && !is_end(s.p[at]))
                at++;
        }
        if (depth == 0)
            return at;
    }
    return s.len;
}

struct str spans_member(struct str object, const char *key)
{
    struct str want = str_of(key);
    size_t at = 1;

    if (object.len < 2 || object.p[0] != '{')
        return STR_NONE;
    while ((at = peek_skip(object, at)) < object.len && object.p[at] == '"') {
        size_t end = peek_string(object, at + 1);
        struct str name = {object.p + at + 1, end - at - 1};
        size_t from;

        at = peek_skip(object, end < object.len ? end + 1 : end);
        if (at >= object.len || object.p[at] != ':')
            break;
        from = peek_skip(object, at + 1);
        at = skip_value(object, from);
        if (str_eq(name, want))
            return (struct str){object.p + from, at - from};
        at = peek_skip(object, at);
        if (at >= object.len || object.p[at] != ',')
            break;
        at++;
    }
    return STR_NONE;
}

bool spans_next(struct str *at, struct str *item)
{
    size_t from, end;

    if (at->len < 2 || (at->p[0] != '[' && at->p[0] != ','))
        return false;
    from = peek_skip(*at, 1);
    if (from >= at->len || at->p[from] == ']')
        return false;
    end = skip_value(*at, from);
    if (end == from)
        return false;
    *item = (struct str){at->p + from, end - from};
    *at = str_skip(*at, peek_skip(*at, end));
    return true;
}

struct str spans_text(struct str value)
{
    return value.len >= 2 && value.p[0] == '"' ? (struct str){value.p + 1, value.len - 2}
                                               : STR_NONE;
}

bool spans_number(struct str value, uint64_t *out)
{
    return peek_number(value, 0, out);
}
