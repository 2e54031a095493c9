/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/import_text.h"

static void skip_blanks(struct str *s)
{
    size_t n = 0;

    while (n < s->len && (s->p[n] == ' ' || s->p[n] == '\n' || s->p[n] == '\r' || s->p[n] == '\t'))
        n++;
    *s = str_skip(*s, n);
}

static bool fail(struct import_text *t, const char *wrong)
{
    t->wrong = wrong;
    return false;
}

void import_text_init(struct import_text *t, struct str text)
{
    *t = (struct import_text){.rest = text, .whole = text.len};
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* spreadsheets put a mark of byte order in front */
        t->rest = str_skip(text, 3);
    skip_blanks(&t->rest);
    t->is_array = t->rest.len > 0 && t->rest.p[0] == '[';
    if (t->is_array)
        t->rest = str_skip(t->rest, 1);
}

/* Bytes of the object at the beginning of `s`; 0: it does not end. */
static size_t object_bytes(struct str s)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return 0;
}

/* What stands between two elements of an array; false: the end, or wrong. */
static bool pass_comma(struct import_text *t)
{
    if (t->rest.len == 0)
        return fail(t, "the list does not end with ]");
    if (t->rest.p[0] == ']') {
        t->rest = str_skip(t->rest, 1);
        skip_blanks(&t->rest);
        t->is_ended = true;
        return t->rest.len == 0 ? false : fail(t, "there is text behind the list's end");
    }
    if (!t->is_begun)
        return true;
    if (t->rest.p[0] != ',')
        return fail(t, "a comma or ] is missing between two keys");
    t->rest = str_skip(t->rest, 1);
    skip_blanks(&t->rest);
    return true;
}

bool import_text_next(struct import_text *t, struct str *out)
{
    if (t->is_ended || t->wrong != NULL)
        return false;
    skip_blanks(&t->rest);
    if (t->is_array && !pass_comma(t))
        return false;
    if (t->rest.len == 0) {
        t->is_ended = true;
        return false;
    }
    if (t->rest.p[0] != '{')
        return fail(t, "each key must be a JSON object: { \"name\": ... }");
    size_t n = object_bytes(t->rest);
    if (n == 0)
        return fail(t, "an object does not end");
    t->is_begun = true;
    *out = (struct str){t->rest.p, n};
    t->rest = str_skip(t->rest, n);
    return true;
}
