/*
 * The parser's tables against conf/README.md: the same keys, under the same path, of the same type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/load.h"
#include "server/base/buf.h"
#include "server/base/fd.h"

#define ROOT_TITLE "Top level"

static struct buf read_text(const char *path)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;

    if (fd_read_file(path, 1 << 20, &text, &err) != 0)
        fail_msg("%s", err.text);
    return text;
}

/* The text between the line `title` and the next line that starts with one of two ends. */
static struct str section(struct str text, const char *title, const char *end, const char *or_end)
{
    struct str rest = text;
    struct str line;
    const char *from = NULL;

    while (str_next(&rest, '\n', &line)) {
        if (from == NULL && str_eq(line, str_of(title)))
            from = line.p + line.len;
        else if (from != NULL &&
                 (str_starts(line, str_of(end)) || str_starts(line, str_of(or_end))))
            return (struct str){from, (size_t)(line.p - from)};
    }
    if (from == NULL)
        fail_msg("no line: %s", title);
    return (struct str){from, (size_t)(text.p + text.len - from)};
}

/* A row's cell, without blanks; rows are | a | b | c |. */
static struct str cell(struct str line, int n)
{
    struct str part = STR_NONE;

    for (int i = 0; i <= n + 1; i++) {
        if (!str_next(&line, '|', &part))
            return STR_NONE;
    }
    return str_trim(part);
}

static const struct load_key *find(const struct load_table *table, struct str name)
{
    for (size_t i = 0; i < table->n; i++) {
        if (str_eq(name, str_of(table->keys[i].name)))
            return &table->keys[i];
    }
    return NULL;
}

static size_t check_rows(const struct load_table *table, struct str rows)
{
    struct str line;
    size_t n = 0;

    while (str_next(&rows, '\n', &line)) {
        struct str name = cell(line, 0);
        const struct load_key *key;

        if (!str_starts(line, STR("| `")))
            continue;
        name = (struct str){name.p + 1, name.len - 2};
        key = find(table, name);
        if (key == NULL)
            fail_msg("conf/README.md has %s.%.*s, the parser does not", table->path,
                     STR_ARGS(name));
        if (!str_eq(cell(line, 1), str_of(key->type)))
            fail_msg("%s.%s is \"%s\", conf/README.md says \"%.*s\"", table->path, key->name,
                     key->type, STR_ARGS(cell(line, 1)));
        for (int column = 2; column <= 4; column++) {
            if (cell(line, column).len == 0)
                fail_msg("conf/README.md: %s.%s has an empty column", table->path, key->name);
        }
        n++;
    }
    return n;
}

static void every_key_is_in_the_readme(void **state)
{
    struct buf text = read_text("conf/README.md");

    (void)state;
    for (size_t i = 0; i < load_tables_n; i++) {
        const struct load_table *table = load_tables[i];
        char title[80];

        (void)snprintf(title, sizeof(title), table->path[0] == '\0' ? "### %s" : "### `%s`",
                       table->path[0] == '\0' ? ROOT_TITLE : table->path);
        if (check_rows(table, section(buf_view(&text), title, "## ", "### ")) != table->n)
            fail_msg("conf/README.md: %s lacks keys of the parser, or has one twice", title);
    }
    buf_fini(&text);
}

/* Each heading with a table of keys belongs to a table of the parser. */
static void the_readme_has_no_other_sections(void **state)
{
    struct buf text = read_text("conf/README.md");
    struct str rest = buf_view(&text);
    struct str line;
    size_t n = 0;

    (void)state;
    while (str_next(&rest, '\n', &line))
        n += str_starts(line, STR("### ")) ? 1 : 0;
    assert_int_equal(n, load_tables_n);
    buf_fini(&text);
}

/* The manual writes paths without brackets, which mdoc takes for punctuation. */
static void manual_title(const struct load_table *table, char *out, size_t room)
{
    const char *path = table->path[0] == '\0' ? ROOT_TITLE : table->path;
    size_t len = (size_t)snprintf(out, room, ".Ss ");

    for (; *path != '\0' && len + 1 < room; path++) {
        if (*path != '[' && *path != ']')
            out[len++] = *path;
    }
    out[len] = '\0';
}

static void every_key_is_in_the_manual(void **state)
{
    struct buf text = read_text("tools/man/bowfin.yaml.5");

    (void)state;
    for (size_t i = 0; i < load_tables_n; i++) {
        const struct load_table *table = load_tables[i];
        char title[80];
        struct str part;
        struct str line;
        size_t n = 0;

        manual_title(table, title, sizeof(title));
        part = section(buf_view(&text), title, ".Ss ", ".Sh ");
        while (str_next(&part, '\n', &line)) {
            struct str name = str_skip(line, strlen(".It Ic "));
            ptrdiff_t blank;

            if (!str_starts(line, STR(".It Ic ")))
                continue;
            blank = str_index(name, ' ');
            if (blank >= 0)
                name.len = (size_t)blank;
            if (find(table, name) == NULL)
                fail_msg("bowfin.yaml(5) has %s %.*s, the parser does not", title, STR_ARGS(name));
            n++;
        }
        if (n != table->n)
            fail_msg("bowfin.yaml(5): %s lacks keys of the parser, or has one twice", title);
    }
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_in_the_readme),
        cmocka_unit_test(the_readme_has_no_other_sections),
        cmocka_unit_test(every_key_is_in_the_manual),
    };

    return cmocka_run_group_tests_name("config_readme", tests, NULL, NULL);
}
