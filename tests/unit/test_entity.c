/*
 * One entity from JSON: checked like the file, written again, merged with a patch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include "conf/entity.h"

static struct arena *arena;
static struct json_parser *parser;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(4096);
    parser = json_parser_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    json_parser_free(parser);
    return 0;
}

static const struct json *parse(const char *text)
{
    struct json_error wrong;
    const struct json *j = json_parse(parser, arena, str_of(text), &wrong);

    if (j == NULL)
        fail_msg("%s: %s", text, wrong.text);
    return j;
}

static int load(enum conf_kind kind, const char *text, struct conf_entity *out)
{
    err.text[0] = '\0';
    return conf_entity_load(out, kind, parse(text), arena, NULL, &err);
}

static void refuse(enum conf_kind kind, const char *text, const char *want)
{
    struct conf_entity e;

    assert_int_equal(load(kind, text, &e), -1);
    assert_string_equal(err.text, want);
}

static const char full_key[] =
    "{\"name\":\"a \\ud83d\\ude00\",\"models\":[\"openai/*\"],\"expires\":\"2027-01-31T00:00:00Z\","
    "\"active\":false,\"strict\":true,\"deny_models\":[\"x\"],\"team\":\"t\","
    "\"budgets\":[{\"limit\":\"1000.000000000\",\"window\":\"1M\",\"calendar\":false,"
    "\"time_zone\":\"UTC\",\"overshoot\":\"auto\"}],"
    "\"rate_limits\":[{\"requests\":100,\"per\":\"1m\"}],\"concurrency\":3,"
    "\"providers\":[{\"provider\":\"openai\",\"models\":[\"gpt*\"],\"weight\":0.5}],"
    "\"routes\":[\"chat\"],\"networks\":[\"10.0.0.0/8\",\"::1/128\"],\"mcp_tools\":[\"s\"],"
    "\"tags\":[\"t1\"],\"metadata\":{\"a\":1,\"b\":\"1\"}}";

static void what_is_written_is_what_was_read(void **state)
{
    struct conf_entity e;
    struct conf_entity again;
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;

    (void)state;
    assert_int_equal(load(CONF_KEY, full_key, &e), 0);
    conf_entity_json(&e, &first);
    assert_int_equal(load(CONF_KEY, first.data, &again), 0);
    conf_entity_json(&again, &second);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "\xF0\x9F\x98\x80"));
    assert_non_null(strstr(first.data, "\"metadata\":{\"a\":1,\"b\":\"1\"}"));
    assert_non_null(strstr(first.data, "\"limit\":\"1000.000000000\""));
    assert_non_null(strstr(first.data, "\"networks\":[\"10.0.0.0/8\",\"::1/128\"]"));
    buf_fini(&first);
    buf_fini(&second);
}

static void defaults_are_told(void **state)
{
    struct conf_entity e;
    struct buf defaults = BUF_INIT;

    (void)state;
    assert_int_equal(conf_entity_load(&e, CONF_KEY,
                                      parse("{\"name\":\"k\",\"budget\":1000,\"rate_limit\":100}"),
                                      arena, &defaults, &err),
                     0);
    assert_string_equal(defaults.data,
                        "budget: 1000 dollars per 1M (30 days, rolling from when it was made), "
                        "overshoot: auto\n"
                        "rate_limit: 100 requests per 1m (sliding)\n"
                        "expires: never\n"
                        "models: all\n");
    assert_null(e.key.hint);
    buf_fini(&defaults);
}

static void wrong_ones_are_told_by_path(void **state)
{
    (void)state;
    refuse(CONF_KEY, "{}", "body needs name (text)");
    refuse(CONF_KEY, "{\"name\":\"k\",\"budget\":-1}",
           "budget must be an amount of dollars that is not negative, is \"-1\"");
    refuse(CONF_KEY, "{\"name\":\"k\",\"budgets\":[{\"limit\":true}]}",
           "budgets[0].limit must be an amount of dollars such as 100 or 12.50, is \"true\"");
    refuse(CONF_KEY, "{\"name\":\"k\",\"bugdet\":1}",
           "unknown key \"bugdet\", did you mean \"budget\"?");
    refuse(CONF_KEY, "{\"name\":\"k\",\"name\":\"l\"}", "\"name\" is there twice");
    refuse(CONF_KEY, "{\"name\":\"a\\u0000b\"}", "a text must not have a NUL in it");
    refuse(CONF_KEY, "[]", "body: must be an object");
    refuse(CONF_KEY, "{\"name\":\"k\",\"value\":\"short\"}",
           "value must be 16 to 512 characters long, has 5");
    refuse(CONF_TEAM, "{\"customer\":\"c\"}", "body needs name (text)");
    refuse(CONF_MODEL_LIMIT, "{\"budget\":1}", "body needs model (glob)");
}

/* An API's text is a text: nobody reads the master's environment through it. */
static void the_environment_is_not_there(void **state)
{
    struct conf_entity e;

    (void)state;
    assert_int_equal(load(CONF_CUSTOMER, "{\"name\":\"env.HOME\"}", &e), 0);
    assert_string_equal(e.name, "env.HOME");
}

static void merge(const char *base, const char *patch, const char *want)
{
    struct buf out = BUF_INIT;

    conf_entity_merge(parse(base), parse(patch), &out);
    assert_string_equal(out.data, want);
    buf_fini(&out);
}

static void patches_are_merged(void **state)
{
    (void)state;
    merge("{\"a\":1,\"b\":2}", "{\"b\":null,\"c\":3}", "{\"a\":1,\"c\":3}");
    merge("{\"metadata\":{\"x\":1,\"y\":2}}", "{\"metadata\":{\"y\":null,\"z\":{\"q\":null}}}",
          "{\"metadata\":{\"x\":1,\"z\":{}}}");
    merge("{\"budgets\":[{\"limit\":1}],\"tags\":[\"a\"]}", "{\"budget\":5}",
          "{\"tags\":[\"a\"],\"budget\":5}");
    merge("{\"rate_limits\":[]}", "{\"rate_limit\":null}", "{}");
    merge("{\"team\":\"a\"}", "{\"customer\":\"b\"}", "{\"customer\":\"b\"}");
    merge("{\"metadata\":{\"team\":1}}", "{\"metadata\":{\"customer\":2}}",
          "{\"metadata\":{\"team\":1,\"customer\":2}}");
    merge("{\"models\":[\"a\",\"b\"]}", "{\"models\":[\"c\"]}", "{\"models\":[\"c\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_was_read),
        cmocka_unit_test(defaults_are_told),
        cmocka_unit_test(wrong_ones_are_told_by_path),
        cmocka_unit_test(the_environment_is_not_there),
        cmocka_unit_test(patches_are_merged),
    };

    return cmocka_run_group_tests_name("entity", tests, set_up, tear_down);
}
