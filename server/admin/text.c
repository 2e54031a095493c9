/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/text.h"

#include <inttypes.h>

void text_family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP bowfin_%s %s\n# TYPE bowfin_%s %s\n", name, help, name, type);
}

/* Names come from files and clients: a quote or a line end in one must not become syntax. */
static void label_value(struct buf *b, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] == '\n') {
            buf_cstr(b, "\\n");
            continue;
        }
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_char(b, '\\');
        buf_char(b, value.p[i]);
    }
}

static void begin(struct buf *b, const char *name, const struct text_label *labels, size_t n)
{
    buf_printf(b, "bowfin_%s", name);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
        label_value(b, labels[i].value);
        buf_char(b, '"');
    }
    if (n > 0)
        buf_char(b, '}');
}

void text_sample(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                 uint64_t value)
{
    begin(b, name, labels, n);
    buf_printf(b, " %" PRIu64 "\n", value);
}

void text_sample_micro(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                       uint64_t value)
{
    begin(b, name, labels, n);
    buf_printf(b, " %" PRIu64 ".%06" PRIu64 "\n", value / 1000000, value % 1000000);
}

void text_sample_nano(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                      uint64_t value)
{
    begin(b, name, labels, n);
    buf_printf(b, " %" PRIu64 ".%09" PRIu64 "\n", value / 1000000000, value % 1000000000);
}
