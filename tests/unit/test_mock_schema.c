/* Values that obey a schema, and schemas that have no end. */
#include "tests/unit/unit.h"

#include "tools/mock/schema.h"

struct fixture {
    struct json_parser *parser;
    struct arena *arena;
};

static int setup(void **state)
{
    static struct fixture f;

    f.parser = json_parser_create();
    f.arena = arena_create(4096);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_parser_free(f->parser);
    arena_free(f->arena);
    return 0;
}

static void assert_example(struct fixture *f, const char *schema, const char *expected)
{
    struct json_error err = {NULL, 0};
    struct json *root = json_parse(f->parser, f->arena, str_of(schema), &err);
    struct buf out = BUF_INIT;

    assert_non_null(root);
    schema_example(root, STR("say"), &out);
    assert_str(buf_view(&out), expected);
    buf_fini(&out);
}

static void test_values(void **state)
{
    struct fixture *f = *state;

    assert_example(f, "{\"type\":\"string\"}", "\"say\"");
    assert_example(f, "{\"type\":\"string\",\"minLength\":7}", "\"text te\"");
    assert_example(f, "{\"type\":\"string\",\"maxLength\":2,\"minLength\":2}", "\"te\"");
    assert_example(f, "{\"type\":\"string\",\"format\":\"date\"}", "\"2026-01-02\"");
    assert_example(f, "{\"type\":\"integer\",\"minimum\":3}", "3");
    assert_example(f, "{\"type\":\"integer\",\"exclusiveMinimum\":3,\"multipleOf\":5}", "5");
    assert_example(f, "{\"type\":\"integer\",\"maximum\":-2}", "-2");
    assert_example(f, "{\"type\":\"number\",\"minimum\":0.5}", "0.5");
    assert_example(f, "{\"type\":[\"boolean\",\"null\"]}", "true");
    assert_example(f, "{\"type\":\"null\"}", "null");
    assert_example(f, "{\"enum\":[\"a\",\"b\"]}", "\"a\"");
    assert_example(f, "{\"const\":{\"x\": 1}}", "{\"x\": 1}");
    assert_example(f, "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", "0");
    assert_example(f, "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2}",
                   "[0,0]");
    assert_example(f, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}",
                   "{\"a\":\"say\"}");
    assert_example(f,
                   "{\"allOf\":[{\"properties\":{\"a\":{\"const\":1}}},"
                   "{\"properties\":{\"b\":{\"const\":2}}}]}",
                   "{\"a\":1,\"b\":2}");
    assert_example(f,
                   "{\"$defs\":{\"T\":{\"type\":\"integer\"}},"
                   "\"properties\":{\"a\":{\"$ref\":\"#/$defs/T\"}}}",
                   "{\"a\":0}");
    assert_example(f, "[]", "{}");
}

/* They end, and what they gave is still JSON. */
static void test_endless(void **state)
{
    static const char *const schemas[] = {
        "{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"}}}",
        "{\"$ref\":\"#\"}",
        "{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}",
        "{\"type\":\"array\",\"minItems\":1e9,\"items\":{\"$ref\":\"#\"}}",
        "{\"type\":\"string\",\"minLength\":1e9}",
        "{\"$ref\":\"#/nothing\"}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct json_error err = {NULL, 0};
        struct json *root = json_parse(f->parser, f->arena, str_of(schemas[i]), &err);
        struct buf out = BUF_INIT;

        assert_non_null(root);
        schema_example(root, STR("say"), &out);
        assert_true(out.len < (4u << 20));
        assert_non_null(json_parse(f->parser, f->arena, buf_view(&out), &err));
        buf_fini(&out);
        arena_reset(f->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_endless),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
