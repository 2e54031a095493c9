/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/writer.h"

#include <inttypes.h>

#define NANO_PER_DOLLAR 1000000000u

static void begin(struct writer *w, const char *key)
{
    if (w->comma)
        buf_char(w->out, ',');
    if (key != NULL) {
        buf_json(w->out, str_of(key));
        buf_char(w->out, ':');
    }
    w->comma = true;
}

void writer_object(struct writer *w, const char *key)
{
    begin(w, key);
    buf_char(w->out, '{');
    w->comma = false;
}

void writer_object_end(struct writer *w)
{
    buf_char(w->out, '}');
    w->comma = true;
}

void writer_array(struct writer *w, const char *key)
{
    begin(w, key);
    buf_char(w->out, '[');
    w->comma = false;
}

void writer_array_end(struct writer *w)
{
    buf_char(w->out, ']');
    w->comma = true;
}

void writer_str(struct writer *w, const char *key, struct str value)
{
    begin(w, key);
    buf_json(w->out, value);
}

void writer_cstr(struct writer *w, const char *key, const char *value)
{
    if (value == NULL)
        writer_null(w, key);
    else
        writer_str(w, key, str_of(value));
}

void writer_u64(struct writer *w, const char *key, uint64_t value)
{
    begin(w, key);
    buf_printf(w->out, "%" PRIu64, value);
}

void writer_milli(struct writer *w, const char *key, uint64_t value)
{
    uint64_t rest = value % 1000;
    int digits = 3;

    begin(w, key);
    buf_printf(w->out, "%" PRIu64, value / 1000);
    if (rest == 0)
        return;
    for (; rest % 10 == 0; rest /= 10)
        digits--;
    buf_printf(w->out, ".%0*" PRIu64, digits, rest);
}

void writer_usd(struct writer *w, const char *key, uint64_t nanousd)
{
    begin(w, key);
    buf_printf(w->out, "\"%" PRIu64 ".%09" PRIu64 "\",\"%s_nanousd\":%" PRIu64,
               nanousd / NANO_PER_DOLLAR, nanousd % NANO_PER_DOLLAR, key, nanousd);
}

void writer_bool(struct writer *w, const char *key, bool value)
{
    begin(w, key);
    buf_cstr(w->out, value ? "true" : "false");
}

void writer_null(struct writer *w, const char *key)
{
    begin(w, key);
    buf_cstr(w->out, "null");
}

void writer_raw(struct writer *w, const char *key, struct str json)
{
    begin(w, key);
    buf_str(w->out, json);
}

void writer_list(struct writer *w, const char *key, struct str list)
{
    struct str item;

    writer_array(w, key);
    while (str_next(&list, '\0', &item)) {
        if (item.len > 0)
            writer_str(w, NULL, item);
    }
    writer_array_end(w);
}
