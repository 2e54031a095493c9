#include "tests/unit/unit.h"

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), STR("ab")));
    assert_false(str_eq(STR("ab"), STR("aB")));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq_nocase(STR("X-Api-Key"), STR("x-aPI-kEY")));
    assert_false(str_eq_nocase(STR("["), STR("{"))); /* 0x20 apart, but no letters */
    assert_true(str_starts(STR("openai/gpt"), STR("openai/")));
    assert_false(str_starts(STR("open"), STR("openai/")));
    assert_true(str_ends(STR("/v1/"), STR("/")));
    assert_false(str_ends(STR(""), STR("/")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("a\xff"), STR("a\x01")) > 0); /* bytes are unsigned */
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
}

static void unescapes(void **state)
{
    char out[16];
    size_t len;

    (void)state;
    assert_true(str_unescape(STR("openai%2Fgpt%2d4+o"), out, &len));
    assert_str(((struct str){out, len}), "openai/gpt-4+o");
    assert_true(str_unescape(STR("%00%ff"), out, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(out, "\0\xff", 2);
    assert_false(str_unescape(STR("%4g%"), out, &len)); /* kept, and told */
    assert_str(((struct str){out, len}), "%4g%");
    assert_false(str_unescape(STR("a%4"), out, &len));
    assert_str(((struct str){out, len}), "a%4");
}

static void knows_hexadecimal_digits(void **state)
{
    (void)state;
    for (int c = -128; c < 128; c++) {
        const char *all = "0123456789abcdefABCDEF";
        const char *at = c > 0 ? strchr(all, c) : NULL;
        int value = at == NULL ? -1 : (int)(at - all);

        assert_int_equal(str_hex_digit((char)c), value > 15 ? value - 6 : value);
    }
}

static void cuts(void **state)
{
    struct str rest = STR("a,,b");
    struct str part;

    (void)state;
    assert_str(str_trim(STR(" \t a b \t")), "a b");
    assert_str(str_trim(STR("  ")), "");
    assert_str(str_skip(STR("abc"), 2), "c");
    assert_str(str_skip(STR("abc"), 9), "");
    assert_int_equal(str_index(STR("abc"), 'c'), 2);
    assert_int_equal(str_index(STR_NONE, 'c'), -1);
    assert_true(str_next(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(str_next(&rest, ',', &part));
    assert_str(part, "");
    assert_true(str_next(&rest, ',', &part));
    assert_str(part, "b");
    assert_false(str_next(&rest, ',', &part));
}

static void globs(void **state)
{
    char many[201];

    (void)state;
    assert_true(glob_match(STR("openai/*"), STR("openai/gpt-4o")));
    assert_false(glob_match(STR("openai/*"), STR("openai")));
    assert_true(glob_match(STR("*"), STR("")));
    assert_true(glob_match(STR("g*4*mini"), STR("gpt-4o-mini")));
    assert_false(glob_match(STR("g*4*mini"), STR("gpt-4o-mini-2")));
    assert_true(glob_match(STR("a*ab"), STR("aaab")));
    assert_false(glob_match(STR(""), STR("a")));
    assert_false(glob_match(STR("a?c"), STR("abc"))); /* only the star is special */
    assert_true(glob_list_denies((struct str){"fast\0az/GPT-4*", 14}, STR("az/gpt-4o")));
    assert_true(glob_list_denies(STR("az/gpt-4o"), STR("az/GPT-4o \t")));
    assert_false(glob_list_denies(STR("az/gpt-4o"), STR("az/gpt-4o-mini")));
    assert_false(glob_list_denies(STR_NONE, STR("a")));
    assert_true(glob_list_match((struct str){"fast\0openai/*", 13}, STR("openai/x")));
    assert_false(glob_list_match((struct str){"fast\0openai/*", 13}, STR("faster")));
    assert_false(glob_list_match(STR_NONE, STR("x")));
    /* what takes a backtracking matcher ages */
    memset(many, 'a', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    assert_false(glob_match(STR("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), str_of(many)));
}

static void numbers(void **state)
{
    uint64_t n = 7;

    (void)state;
    assert_true(str_parse_u64(STR("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_true(str_parse_u64(STR("007"), &n));
    assert_int_equal(n, 7);
    assert_false(str_parse_u64(STR("18446744073709551616"), &n));
    assert_false(str_parse_u64(STR("99999999999999999999"), &n));
    assert_false(str_parse_u64(STR(""), &n));
    assert_false(str_parse_u64(STR("-1"), &n));
    assert_false(str_parse_u64(STR("1 "), &n));
    assert_int_equal(n, 7); /* untouched on failure */
}

static void suggests(void **state)
{
    const char *keys[] = {"listen", "workers", "virtual_keys", "models"};

    (void)state;
    assert_string_equal(str_nearest(STR("lisen"), keys, 4), "listen");
    assert_string_equal(str_nearest(STR("Virtual_key"), keys, 4), "virtual_keys");
    assert_string_equal(str_nearest(STR("listen_address"), keys, 4), "listen");
    assert_string_equal(str_nearest(STR("virt"), keys, 4), "virtual_keys");
    assert_null(str_nearest(STR("vir"), keys, 4));
    assert_null(str_nearest(STR("x"), keys, 4));
    assert_null(str_nearest(STR("elephants"), keys, 4));
    assert_null(str_nearest(STR(""), keys, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),  cmocka_unit_test(cuts),
        cmocka_unit_test(unescapes), cmocka_unit_test(knows_hexadecimal_digits),
        cmocka_unit_test(globs),     cmocka_unit_test(numbers),
        cmocka_unit_test(suggests)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
