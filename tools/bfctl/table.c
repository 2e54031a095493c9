/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "server/base/json.h"

/* Length of the UTF-8 sequence at p (of `left` bytes), 0 when it is none; its value in *out. */
static size_t utf8(const unsigned char *p, size_t left, uint32_t *out)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1f : n == 3 ? p[0] & 0x0f : p[0] & 0x07;

    if (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4))
        return 0;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    *out = c;
    return n;
}

static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void table_clean(struct buf *out, struct str s, bool lines)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t c = 0;
        size_t n = utf8((const unsigned char *)s.p + i, s.len - i, &c);

        if (n == 0 || (is_harmful(c) && !(lines && c == '\n')))
            buf_char(out, '?');
        else
            buf_add(out, s.p + i, n);
        i += n == 0 ? 1 : n;
    }
}

/* Characters, not bytes; close enough for names, which are rarely wide. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void end_cell(struct table *t, size_t start)
{
    size_t column = t->n_cells % t->n_columns;

    if (t->cells.len == start)
        buf_char(&t->cells, '-');
    buf_char(&t->cells, '\0');
    t->widths[column] = max_u64(t->widths[column], width_of(t->cells.data + start));
    t->n_cells++;
}

void table_init(struct table *t, const char *columns)
{
    struct str rest = str_of(columns), name;

    *t = (struct table){.cells = BUF_INIT};
    while (str_next(&rest, '|', &name))
        t->n_columns++;
    must(t->n_columns > 0 && t->n_columns <= TABLE_COLUMNS_MAX);
    rest = str_of(columns);
    for (size_t i = 0; str_next(&rest, '|', &name); i++) {
        t->right[i] = name.len > 0 && name.p[0] == '>';
        table_str(t, t->right[i] ? str_skip(name, 1) : name);
    }
}

void table_fini(struct table *t)
{
    buf_fini(&t->cells);
}

void table_str(struct table *t, struct str cell)
{
    size_t start = t->cells.len;

    table_clean(&t->cells, cell, false);
    end_cell(t, start);
}

void table_printf(struct table *t, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    must(n >= 0);
    table_str(t, (struct str){text, min_u64((uint64_t)n, sizeof(text) - 1)});
}

size_t table_rows(const struct table *t)
{
    return t->n_cells / t->n_columns - 1;
}

static void pad(struct buf *out, size_t n)
{
    while (n-- > 0)
        buf_char(out, ' ');
}

void table_print(const struct table *t, struct buf *out)
{
    const char *cell = t->cells.data;

    must(t->n_cells % t->n_columns == 0);
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t column = i % t->n_columns;
        size_t gap = t->widths[column] - width_of(cell);

        if (column > 0)
            pad(out, 2);
        if (t->right[column])
            pad(out, gap);
        buf_cstr(out, cell);
        if (column + 1 == t->n_columns)
            buf_char(out, '\n');
        else if (!t->right[column])
            pad(out, gap);
        cell += strlen(cell) + 1;
    }
}

void table_age(struct table *t, uint64_t ms)
{
    static const struct {
        uint64_t ms, below;
        char unit;
    } units[] = {{1000, 120, 's'}, {60000, 120, 'm'}, {3600000, 72, 'h'}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms / units[i].ms < units[i].below) {
            table_printf(t, "%" PRIu64 "%c", ms / units[i].ms, units[i].unit);
            return;
        }
    }
    table_printf(t, "%" PRIu64 "d", ms / 86400000);
}

void table_time(struct table *t, uint64_t real_ms)
{
    time_t seconds = (time_t)(real_ms / 1000);
    struct tm tm = {0};
    char text[32] = "";

    if (real_ms != 0 && gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm); /* empty: past its room */
    table_str(t, str_of(text));
}

void table_count(struct table *t, uint64_t n)
{
    char digits[24], text[32];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t to = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text[to++] = ',';
        text[to++] = digits[i];
    }
    table_str(t, (struct str){text, to});
}

void table_list(struct table *t, const struct json *list, const char *if_empty)
{
    struct buf text = BUF_INIT;

    for (const struct json *item = list != NULL ? list->child : NULL; item != NULL;
         item = item->next) {
        if (text.len > 0)
            buf_char(&text, ',');
        buf_str(&text, item->text);
    }
    table_str(t, text.len > 0 ? buf_view(&text) : str_of(if_empty));
    buf_fini(&text);
}
