/* Each row of the vendors' table is one that a configuration can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "providers/vendor.h"

static void check_faces(const struct vendor *v)
{
    uint32_t seen = 0;

    assert_int_not_equal(v->faces[0].dialect, DIALECT_NONE);
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        const struct vendor_face *face = &v->faces[i];

        assert_true(face->dialect < DIALECTS);
        assert_int_equal(seen >> face->dialect & 1, 0);
        seen |= 1u << face->dialect;
        assert_non_null(face->path);
        assert_true(face->path[0] == '\0' || face->path[0] == '/');
        assert_false(str_ends(str_of(face->path), STR("/")));
        assert_int_not_equal(vendor_auth(v, face), AUTH_DEFAULT);
    }
    assert_int_equal(seen, vendor_dialects(v));
}

static void test_rows_are_sound(void **state)
{
    (void)state;
    assert_true(vendor_count() > 3);
    for (size_t i = 0; i < vendor_count(); i++) {
        const struct vendor *v = vendor_get(i);

        assert_non_null(v->name);
        assert_ptr_equal(vendor_find(str_of(v->name)), v); /* so names are unique too */
        assert_null(strchr(v->name, '/'));
        check_faces(v);
        if (v->root != NULL) {
            struct str url = str_of(v->root);

            assert_true(str_starts(url, STR("https://")) ||
                        str_starts(url, STR("http://localhost:")));
            assert_false(str_ends(url, STR("/")));
            /* a key goes over TLS or not at all */
            assert_true(!v->needs_key || str_starts(url, STR("https://")));
            assert_non_null(v->reference);
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
    assert_string_equal(openai->root, "https://api.openai.com");
    assert_string_equal(openai->key_env, "OPENAI_API_KEY");
    assert_non_null(mock);
    assert_true(mock->is_mock);
    assert_false(mock->needs_key);
    assert_non_null(vendor_find(STR("openai-compatible")));
    assert_null(vendor_find(STR("openai-compatible"))->root);
    assert_null(vendor_find(STR("open")));
    assert_null(vendor_find(STR_NONE));
}

static void check_base(const struct vendor *v, enum dialect_id forced, enum dialect_id dialect,
                       const char *base_url, const char *expected)
{
    const struct vendor_face *face = vendor_face(v, dialect);
    struct str out[2];
    char url[128];

    assert_non_null(face);
    if (expected == NULL) {
        assert_false(vendor_face_base(v, forced, face, str_of(base_url), out));
        return;
    }
    assert_true(vendor_face_base(v, forced, face, str_of(base_url), out));
    assert_true(out[0].len + out[1].len < sizeof(url));
    memcpy(url, out[0].p, out[0].len);
    if (out[1].len > 0)
        memcpy(url + out[0].len, out[1].p, out[1].len);
    url[out[0].len + out[1].len] = '\0';
    assert_string_equal(url, expected);
}

static void test_faces_stand_below_one_root(void **state)
{
    const struct vendor *mock = vendor_find(STR("mock"));

    (void)state;
    check_base(mock, DIALECT_NONE, DIALECT_OPENAI, "http://h:1/v1", "http://h:1/v1");
    check_base(mock, DIALECT_NONE, DIALECT_RESPONSES, "http://h:1/v1", "http://h:1/v1");
    check_base(mock, DIALECT_NONE, DIALECT_ANTHROPIC, "http://h:1/v1", "http://h:1/anthropic/v1");
    check_base(mock, DIALECT_NONE, DIALECT_GEMINI, "http://h:1/a/v1", "http://h:1/a/genai/v1beta");
    check_base(mock, DIALECT_NONE, DIALECT_COHERE, "http://h:1/x", NULL);
    check_base(mock, DIALECT_COHERE, DIALECT_COHERE, "http://h:1/x", "http://h:1/x");
}

static void test_the_clients_dialect_comes_first(void **state)
{
    const struct vendor v = {
        .name = "v",
        .faces = {{.dialect = DIALECT_OPENAI, .path = "", .models = "gpt-*,o1"},
                  {.dialect = DIALECT_ANTHROPIC, .path = ""},
                  {.dialect = DIALECT_GEMINI, .path = "", .models = "gemini-*"}},
        .auth = AUTH_NONE};
    struct str gpt = STR("gpt-5");
    struct str other = STR("other");

    (void)state;
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_ANTHROPIC, gpt), &v.faces[1]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_OPENAI, gpt), &v.faces[0]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_COHERE, gpt), &v.faces[0]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_OPENAI, other), &v.faces[1]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_GEMINI, DIALECT_OPENAI, gpt), &v.faces[2]);
    assert_null(vendor_choose(&v, DIALECT_COHERE, DIALECT_OPENAI, gpt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_faces_stand_below_one_root),
        cmocka_unit_test(test_the_clients_dialect_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
