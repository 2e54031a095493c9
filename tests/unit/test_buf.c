#include "tests/unit/unit.h"

#include "server/base/buf.h"

/* What was handed out stays as it was when the buffer has to move. */
static void grows_in_an_arena(void **state)
{
    struct arena *a = arena_create(4096);
    struct buf b = BUF_IN(a);
    struct str early;

    (void)state;
    buf_cstr(&b, "early");
    early = buf_view(&b);
    for (int i = 0; i < 1000; i++)
        buf_char(&b, 'x');
    assert_int_equal(b.len, 1005);
    assert_int_equal(b.data[b.len], '\0');
    assert_str(early, "early");
    assert_true(str_starts(buf_view(&b), STR("earlyx")));
    buf_fini(&b);
    assert_ptr_equal(b.arena, a);
    buf_char(&b, 'y');
    assert_str(buf_view(&b), "y");
    arena_free(a);
}

static void grows(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(b.data[b.len], '\0');
    buf_drop(&b, 4);
    assert_true(str_starts(buf_view(&b), STR("2,3,")));
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    buf_char(&b, 'x');
    buf_cstr(&b, "yz");
    buf_str(&b, STR_NONE);
    assert_str(buf_view(&b), "xyz");
    buf_fini(&b);
    assert_null(b.data);
    buf_fini(&b);
}

static void writes_decimals(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    buf_u64(&b, 0);
    buf_char(&b, ' ');
    buf_u64(&b, 1234567890);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    assert_str(buf_view(&b), "0 1234567890 18446744073709551615");
    buf_fini(&b);
}

static void expect_json(struct str in, const char *out)
{
    struct buf b = BUF_INIT;

    buf_json(&b, in);
    assert_str(buf_view(&b), out);
    buf_fini(&b);
}

static void writes_json_strings(void **state)
{
    (void)state;
    expect_json(STR(""), "\"\"");
    expect_json(STR("plain"), "\"plain\"");
    expect_json(STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    expect_json(STR("\n\r\t\x01\x7f"), "\"\\n\\r\\t\\u0001\\u007f\"");
    expect_json((struct str){"a\0b", 3}, "\"a\\u0000b\"");
    expect_json(STR("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
                "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

static void replaces_what_is_not_utf8(void **state)
{
    (void)state;
    expect_json(STR("a\xff"), "\"a\xef\xbf\xbd\"");
    expect_json(STR("\xc3"), "\"\xef\xbf\xbd\"");                                 /* cut */
    expect_json(STR("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* overlong */
    expect_json(STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
    expect_json(STR("\xf4\x90\x80\x80"),
                "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* past U+10FFFF */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows), cmocka_unit_test(writes_decimals),
                                       cmocka_unit_test(writes_json_strings),
                                       cmocka_unit_test(grows_in_an_arena),
                                       cmocka_unit_test(replaces_what_is_not_utf8)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
