/*
 * bfctl's tables: aligned, and fit for a terminal whatever the gateway says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tools/bfctl/table.c" /* bfctl is no library */

static void expect_clean(const char *in, bool lines, const char *wanted)
{
    struct buf out = BUF_INIT;

    table_clean(&out, str_of(in), lines);
    buf_char(&out, '\0');
    assert_string_equal(out.data, wanted);
    buf_fini(&out);
}

static void test_control_characters(void **state)
{
    (void)state;
    expect_clean("plain text", false, "plain text");
    expect_clean("\033[31mred\033[0m", false, "?[31mred?[0m");
    expect_clean("a\rb\tc\bd\x7f", false, "a?b?c?d?");
    expect_clean("one\ntwo", false, "one?two");
    expect_clean("one\ntwo\r", true, "one\ntwo?");
    expect_clean("\xc2\x9b"
                 "31m",
                 false, "?31m"); /* CSI in one character */
    expect_clean("abc\xe2\x80\xae"
                 "def",
                 false, "abc?def"); /* right-to-left override */
    expect_clean("\xef\xbb\xbf"
                 "x",
                 false, "?x"); /* byte order mark */
    expect_clean("caf\xc3\xa9 \xe6\x97\xa5", false, "caf\xc3\xa9 \xe6\x97\xa5");
    expect_clean("\xff\xc3", false, "??"); /* no UTF-8 */
    expect_clean("\xc0\x9b", false, "??"); /* overlong */
}

static void test_columns(void **state)
{
    struct buf out = BUF_INIT;
    struct table t;

    (void)state;
    table_init(&t, "name|>count|note");
    table_str(&t, STR("a"));
    table_count(&t, 1234567);
    table_str(&t, STR(""));
    table_str(&t, STR("caf\xc3\xa9-long"));
    table_count(&t, 12);
    table_str(&t, STR("x"));
    assert_int_equal(table_rows(&t), 2);
    table_print(&t, &out);
    buf_char(&out, '\0');
    assert_string_equal(out.data, "name           count  note\n"
                                  "a          1,234,567  -\n"
                                  "caf\xc3\xa9-long         12  x\n");
    buf_fini(&out);
    table_fini(&t);
}

static void expect_cell(const struct table *t, size_t at, const char *wanted)
{
    const char *cell = t->cells.data;

    while (at-- > 0)
        cell += strlen(cell) + 1;
    assert_string_equal(cell, wanted);
}

static void test_figures(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, "x");
    table_age(&t, 0);
    table_age(&t, 119999);
    table_age(&t, 120000);
    table_age(&t, 71 * 3600000ull);
    table_age(&t, 72 * 3600000ull);
    table_count(&t, 0);
    table_count(&t, 999);
    table_count(&t, 1000);
    table_count(&t, UINT64_MAX);
    table_time(&t, 0);
    table_time(&t, 1795366000000ull);
    table_printf(&t, "%300s", "long");
    static const char *const wanted[] = {"x",     "0s",
                                         "119s",  "2m",
                                         "71h",   "3d",
                                         "0",     "999",
                                         "1,000", "18,446,744,073,709,551,615",
                                         "-",     "2026-11-22 16:46:40"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        expect_cell(&t, i, wanted[i]);
    table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
