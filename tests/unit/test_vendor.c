/* Each row of the vendors' table is one that a configuration can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "providers/vendor.h"

static void test_rows_are_sound(void **state)
{
    (void)state;
    assert_true(vendor_count() > 3);
    for (size_t i = 0; i < vendor_count(); i++) {
        const struct vendor *v = vendor_get(i);

        assert_non_null(v->name);
        assert_ptr_equal(vendor_find(str_of(v->name)), v); /* so names are unique too */
        assert_null(strchr(v->name, '/'));
        assert_int_equal(v->dialect, DIALECT_OPENAI);
        assert_true(v->auth == AUTH_NONE || v->auth == AUTH_BEARER);
        if (v->base_url != NULL) {
            struct str url = str_of(v->base_url);

            assert_true(str_starts(url, STR("https://")) ||
                        str_starts(url, STR("http://localhost:")));
            assert_false(str_ends(url, STR("/")));
            /* a key goes over TLS or not at all */
            assert_true(!v->needs_key || str_starts(url, STR("https://")));
        }
        if (v->needs_key)
            assert_non_null(v->key_env);
    }
}

static void test_known_names(void **state)
{
    const struct vendor *openai = vendor_find(STR("openai"));
    const struct vendor *mock = vendor_find(STR("mock"));

    (void)state;
    assert_non_null(openai);
    assert_string_equal(openai->base_url, "https://api.openai.com/v1");
    assert_string_equal(openai->key_env, "OPENAI_API_KEY");
    assert_non_null(mock);
    assert_true(mock->is_mock);
    assert_false(mock->needs_key);
    assert_non_null(vendor_find(STR("openai-compatible")));
    assert_null(vendor_find(STR("openai-compatible"))->base_url);
    assert_null(vendor_find(STR("open")));
    assert_null(vendor_find(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_known_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
