#include "providers/dialects/openai.h"

#include <string.h>

#define BOUNDARY_MAX 70 /* RFC 2046, section 5.1.1 */
#define PARTS_MAX 256   /* a request with images has some tens */
#define PART_HEAD_MAX 8192

/*
 * The next "; name=value" of a header value, from *rest on. The value is unquoted in place when it
 * was quoted: escapes are not undone, so a value with a backslash is refused by callers that care.
 */
static bool next_param(struct str *rest, struct str *name, struct str *value)
{
    ptrdiff_t eq;

    *rest = str_trim(*rest);
    if (rest->len == 0 || rest->p[0] != ';')
        return false;
    *rest = str_trim(str_skip(*rest, 1));
    eq = str_index(*rest, '=');
    if (eq <= 0)
        return false;
    *name = str_trim((struct str){rest->p, (size_t)eq});
    *rest = str_trim(str_skip(*rest, (size_t)eq + 1));
    if (rest->len > 0 && rest->p[0] == '"') {
        size_t end = 1;

        while (end < rest->len && rest->p[end] != '"')
            end += rest->p[end] == '\\' ? 2 : 1;
        if (end >= rest->len)
            return false;
        *value = (struct str){rest->p + 1, end - 1};
        *rest = str_skip(*rest, end + 1);
    } else {
        ptrdiff_t end = str_index(*rest, ';');

        *value = str_trim((struct str){rest->p, end < 0 ? rest->len : (size_t)end});
        *rest = str_skip(*rest, end < 0 ? rest->len : (size_t)end);
    }
    return true;
}

/* A header value's parameter, after its first token. False also when it is there twice. */
static bool find_param(struct str header, struct str wanted, struct str *out)
{
    ptrdiff_t at = str_index(header, ';');
    struct str rest = at < 0 ? STR_NONE : str_skip(header, (size_t)at);
    struct str name;
    struct str value;
    bool found = false;

    while (next_param(&rest, &name, &value)) {
        if (!str_eq_nocase(name, wanted))
            continue;
        if (found)
            return false;
        found = true;
        *out = value;
    }
    return found;
}

/* The field's name from a part's head; false when the head is not sound. */
static bool part_name(struct str head, struct str *name)
{
    struct str line;
    bool found = false;

    while (head.len > 0) {
        const char *lf = memmem(head.p, head.len, "\r\n", 2);
        ptrdiff_t colon;

        line = (struct str){head.p, lf != NULL ? (size_t)(lf - head.p) : head.len};
        head = str_skip(head, line.len + 2);
        colon = str_index(line, ':');
        if (colon <= 0)
            return false;
        if (!str_eq_nocase(str_trim((struct str){line.p, (size_t)colon}),
                           STR("content-disposition")))
            continue;
        if (found || !find_param(str_skip(line, (size_t)colon + 1), STR("name"), name) ||
            str_index(*name, '\\') >= 0)
            return false;
        found = true;
    }
    return found;
}

/* Where the delimiter line is next ("\r\n--boundary"), from `from` on; NULL when nowhere. */
static const char *find_delimiter(struct str body, const char *from, struct str delimiter)
{
    return memmem(from, body.len - (size_t)(from - body.p), delimiter.p, delimiter.len);
}

/* One part: its head and value. `at` is behind a delimiter. 1, 0 at the closing one, -1. */
static int read_part(struct str body, struct str delimiter, const char **at, struct str *name,
                     struct str *value)
{
    const char *end = body.p + body.len;
    const char *p = *at;
    const char *head_end;
    const char *next;
    size_t left;

    if (end - p >= 2 && p[0] == '-' && p[1] == '-')
        return 0;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
        return -1;
    p += 2;
    left = (size_t)(end - p);
    head_end = memmem(p, left > PART_HEAD_MAX ? PART_HEAD_MAX : left, "\r\n\r\n", 4);
    if (head_end == NULL || !part_name((struct str){p, (size_t)(head_end - p)}, name))
        return -1;
    /* the CRLF that ends the head may belong to the delimiter of an empty value */
    next = find_delimiter(body, head_end + 2, delimiter);
    if (next == NULL)
        return -1;
    *value = next < head_end + 4 ? (struct str){head_end + 4, 0}
                                 : (struct str){head_end + 4, (size_t)(next - head_end) - 4};
    *at = next + delimiter.len;
    return 1;
}

int openai_multipart_model(struct str content_type, struct str body, struct str *value)
{
    char text[BOUNDARY_MAX + 4] = "\r\n--";
    struct str delimiter = {text, 0};
    struct str boundary;
    const char *at;
    bool found = false;

    if (!find_param(content_type, STR("boundary"), &boundary) || boundary.len == 0 ||
        boundary.len > BOUNDARY_MAX || body.len == 0)
        return -1;
    memcpy(text + 4, boundary.p, boundary.len);
    delimiter.len = boundary.len + 4;
    if (str_starts(body, str_skip(delimiter, 2))) {
        at = body.p + delimiter.len - 2;
    } else { /* a preamble */
        at = find_delimiter(body, body.p, delimiter);
        if (at == NULL)
            return -1;
        at += delimiter.len;
    }
    for (int i = 0; i < PARTS_MAX; i++) {
        struct str name;
        struct str v;
        int rc = read_part(body, delimiter, &at, &name, &v);

        if (rc <= 0)
            return rc < 0 ? -1 : found;
        if (!str_eq(name, STR("model")))
            continue;
        if (found)
            return -1;
        found = true;
        *value = v;
    }
    return -1;
}
