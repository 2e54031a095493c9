/* Fields of a form, and forms that are not. */
#include "tests/unit/unit.h"

#include "server/base/base.h"
#include "tools/mock/multipart.h"

#define TYPE STR("multipart/form-data; boundary=xYz")

static const char FORM[] =
    "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n"
    "--xYz\r\nContent-Disposition: form-data; name=\"file\"; "
    "filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\r\n--xY\0b\r\n--xYz--\r\n";

static void test_fields(void **state)
{
    struct str body = {FORM, sizeof(FORM) - 1};
    struct multipart_field f;

    (void)state;
    assert_true(multipart_find(TYPE, body, STR("model"), &f));
    assert_str(f.value, "whisper");
    assert_int_equal(f.filename.len, 0);
    assert_true(multipart_find(TYPE, body, STR("file"), &f));
    assert_str(f.filename, "a.wav");
    assert_int_equal(f.value.len, 8);
    assert_true(
        multipart_find(STR("multipart/form-data; boundary=\"xYz\""), body, STR("model"), &f));
    assert_false(multipart_find(TYPE, body, STR("absent"), &f));
}

/* Cut anywhere it is never read past its end (the sanitizers look), and gives no field that was cut. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(FORM) - 1; len++) {
        char *copy = malloc(len + 1);
        struct multipart_field f;

        assert_non_null(copy);
        memcpy(copy, FORM, len);
        if (multipart_find(TYPE, (struct str){copy, len}, STR("file"), &f))
            assert_int_equal(f.value.len, 8);
        free(copy);
    }
}

static void test_not_a_form(void **state)
{
    struct str body = {FORM, sizeof(FORM) - 1};
    struct multipart_field f;

    (void)state;
    assert_false(multipart_find(STR("multipart/form-data"), body, STR("model"), &f));
    assert_false(multipart_find(STR("multipart/form-data; boundary="), body, STR("model"), &f));
    assert_false(multipart_find(STR("application/json; boundary=xYz"), body, STR("model"), &f));
    assert_false(
        multipart_find(STR("multipart/form-data; boundary=other"), body, STR("model"), &f));
    assert_false(multipart_find(TYPE, STR_NONE, STR("model"), &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_not_a_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
