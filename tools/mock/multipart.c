#include "tools/mock/multipart.h"

#define MULTIPART_FIELDS_MAX 64
#define BOUNDARY_MAX 70 /* RFC 2046 */

static ptrdiff_t find(struct str s, struct str what)
{
    const char *at;

    if (s.len < what.len || s.p == NULL)
        return -1;
    at = memmem(s.p, s.len, what.p, what.len);
    return at != NULL ? at - s.p : -1;
}

/* The value of `name=` in a header's parameters, quoted or not; empty when absent. */
static struct str parameter(struct str header, struct str name)
{
    struct str part;

    while (str_next(&header, ';', &part)) {
        struct str value;

        part = str_trim(part);
        if (part.len <= name.len || part.p[name.len] != '=' ||
            !str_eq_nocase((struct str){part.p, name.len}, name))
            continue;
        value = str_skip(part, name.len + 1);
        if (value.len >= 2 && value.p[0] == '"' && value.p[value.len - 1] == '"')
            return (struct str){value.p + 1, value.len - 2};
        return value;
    }
    return STR_NONE;
}

static void read_part_head(struct str head, struct multipart_field *out)
{
    struct str line;

    while (str_next(&head, '\n', &line)) {
        if (line.len > 20 && str_eq_nocase((struct str){line.p, 20}, STR("Content-Disposition:"))) {
            if (line.p[line.len - 1] == '\r')
                line.len--;
            out->name = parameter(line, STR("name"));
            out->filename = parameter(line, STR("filename"));
        }
    }
}

bool multipart_find(struct str content_type, struct str body, struct str name,
                    struct multipart_field *out)
{
    struct str boundary = parameter(content_type, STR("boundary"));
    char text[BOUNDARY_MAX + 4] = "\r\n--";
    struct str delimiter = {text, boundary.len + 4};
    ptrdiff_t at;

    if (!str_starts(content_type, STR("multipart/form-data")) || boundary.len == 0 ||
        boundary.len > BOUNDARY_MAX)
        return false;
    memcpy(text + 4, boundary.p, boundary.len);
    if (!str_starts(body, str_skip(delimiter, 2)))
        return false;
    body = str_skip(body, delimiter.len - 2);
    for (int i = 0; i < MULTIPART_FIELDS_MAX && str_starts(body, STR("\r\n")); i++) {
        struct multipart_field field = {STR_NONE, STR_NONE, STR_NONE};

        at = find(body, STR("\r\n\r\n"));
        if (at < 0)
            return false;
        read_part_head((struct str){body.p, (size_t)at}, &field);
        body = str_skip(body, (size_t)at + 4);
        at = find(body, delimiter);
        if (at < 0)
            return false;
        field.value = (struct str){body.p, (size_t)at};
        body = str_skip(body, (size_t)at + delimiter.len);
        if (str_eq(field.name, name)) {
            *out = field;
            return true;
        }
    }
    return false;
}
