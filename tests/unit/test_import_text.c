#include "server/admin/import_text.h"

#include "server/base/buf.h"
#include "tests/unit/unit.h"

/* Items with '|' between them; "!" and the fault at the end when the text is not sound. */
static void expect(const char *text, const char *items)
{
    struct buf got = BUF_INIT;
    struct import_text t;
    struct str item;

    import_text_init(&t, str_of(text));
    while (import_text_next(&t, &item)) {
        buf_str(&got, item);
        buf_char(&got, '|');
    }
    if (t.wrong != NULL)
        buf_printf(&got, "!%s", t.wrong);
    assert_string_equal(got.len > 0 ? got.data : "", items);
    assert_false(import_text_next(&t, &item)); /* the end stays the end */
    buf_fini(&got);
}

static void arrays(void **state)
{
    (void)state;
    expect("[]", "");
    expect(" [ ] ", "");
    expect("[{}]", "{}|");
    expect("[{\"a\":1}, {\"b\":[{}]}\n]\n", "{\"a\":1}|{\"b\":[{}]}|");
    expect("\xef\xbb\xbf[{}]", "{}|");
}

static void lines(void **state)
{
    (void)state;
    expect("{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", "{\"a\":1}|{\"a\":2}|{\"a\":3}|");
    expect("{}{}", "{}|{}|");
    expect("", "");
}

static void braces_in_strings_do_not_count(void **state)
{
    (void)state;
    expect("[{\"a\":\"}]{\"},{\"b\":\"\\\"}\\\\\"}]", "{\"a\":\"}]{\"}|{\"b\":\"\\\"}\\\\\"}|");
}

static void what_is_not_sound(void **state)
{
    (void)state;
    expect("[{}", "{}|!the list does not end with ]");
    expect("[{} {}]", "{}|!a comma or ] is missing between two keys");
    expect("[{},]", "{}|!each key must be a JSON object: { \"name\": ... }");
    expect("[1]", "!each key must be a JSON object: { \"name\": ... }");
    expect("[{}] x", "{}|!there is text behind the list's end");
    expect("[{\"a\":", "!an object does not end");
    expect("{\"a\":\"", "!an object does not end");
    expect("{\"a\":\"\\", "!an object does not end");
    expect("null", "!each key must be a JSON object: { \"name\": ... }");
    expect("[{}]{}", "{}|!there is text behind the list's end");
}

/* A body as large as they come is gone through once. */
static void many(void **state)
{
    struct buf text = BUF_INIT;
    struct import_text t;
    struct str item;
    size_t n = 0;

    (void)state;
    buf_char(&text, '[');
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, "%s{\"name\":\"key-%d\",\"models\":[\"openai/*\"]}", i > 0 ? "," : "", i);
    buf_char(&text, ']');
    import_text_init(&t, buf_view(&text));
    while (import_text_next(&t, &item))
        n++;
    assert_int_equal(n, 100000);
    assert_null(t.wrong);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays),
        cmocka_unit_test(lines),
        cmocka_unit_test(braces_in_strings_do_not_count),
        cmocka_unit_test(what_is_not_sound),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
