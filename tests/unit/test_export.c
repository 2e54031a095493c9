/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/export.h"
#include "server/base/json.h"
#include "tests/unit/conf_fixture.h"

static const char text[] =
    "listen: [127.0.0.1:0, { address: \"[::1]:0\" }]\n"
    "workers: 2\n"
    "admin: { token: env.ADMIN_TOKEN }\n"
    "providers:\n"
    "  openai:\n"
    "    keys:\n"
    "      - { value: env.OPENAI_API_KEY, models: [\"gpt-*\", 'odd \"name\": #1'] }\n"
    "      - { name: spare, value: env.TEAM_KEY, weight: 0.25,\n"
    "          capacity: { requests: 500/m, tokens: 1.5M/h } }\n"
    "    timeout: { connect: 1500ms, total: 2h }\n"
    "    headers: { X-Team: env.TEAM_KEY }\n"
    "  mock: { models: [] }\n"
    "  \"1.5\": { vendor: openai-compatible, base_url: http://a/v1, keys: [{ value: "
    "env.OPENAI_API_KEY }] }\n"
    "models:\n"
    "  \"a:b\\u00e9/-\": { targets: [mock/echo, { model: openai/x, weight: 0.5 }] }\n"
    "virtual_keys: [{ name: a, value: env.TEAM_KEY }]\n"
    "limits: { body_max: 1536KiB }\n"
    "log: { max_age: 36h }\n";

static struct config *load(const char *yaml)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (fixture_load(yaml, &c, &err) != 0)
        fail_msg("%s in:\n%s", err.text, yaml);
    return c;
}

static void capacities_are_written_as_rates(void **state)
{
    struct config *c = load(text);
    struct buf out = BUF_INIT;

    (void)state;
    config_export(c, CONFIG_YAML, &out);
    assert_non_null(strstr(out.data, "500/m"));
    assert_non_null(strstr(out.data, "1500k/h"));
    buf_fini(&out);
    config_free(c);
}

static void yaml_loads_again_to_the_same(void **state)
{
    static const char *const texts[] = {text, "", "providers: {}\n", "providers: { mock: }\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config *first = load(texts[i]);
        struct config *second;
        struct buf a = BUF_INIT;
        struct buf b = BUF_INIT;

        config_export(first, CONFIG_YAML, &a);
        second = load(a.data);
        config_export(second, CONFIG_YAML, &b);
        assert_string_equal(a.data, b.data);
        buf_clear(&a);
        buf_clear(&b);
        config_export(first, CONFIG_JSON, &a);
        config_export(second, CONFIG_JSON, &b);
        assert_string_equal(a.data, b.data);
        assert_int_equal(second->n_providers, first->n_providers);
        assert_int_equal(second->n_models, first->n_models);
        config_free(first);
        config_free(second);
        buf_fini(&a);
        buf_fini(&b);
    }
}

static void yaml_reads_well(void **state)
{
    struct config *c = load("providers: { mock: { headers: { a: env.TEAM_KEY } } }\n"
                            "models: { fast: { targets: [mock/echo] } }\n");
    struct buf out = BUF_INIT;
    static const char want[] = "listen:\n"
                               "  - \"127.0.0.1:8080\"\n"
                               "workers: \"auto\"\n"
                               "require_key: false\n"
                               "http2: true\n"
                               "providers:\n"
                               "  mock:\n"
                               "    vendor: \"mock\"\n"
                               "    keys:\n"
                               "      - name: \"default\"\n"
                               "        weight: 1\n"
                               "        models: []\n"
                               "    models:\n"
                               "      - \"echo\"\n"
                               "      - \"lorem-*\"\n"
                               "    timeout:\n"
                               "      connect: \"5s\"\n"
                               "      first_byte: \"2m\"\n"
                               "      between_bytes: \"1m\"\n"
                               "      total: \"0\"\n"
                               "    headers:\n"
                               "      a: \"env.TEAM_KEY\"\n"
                               "    tls_verify: true\n"
                               "    http2: true\n"
                               "    h2c: false\n"
                               "models:\n"
                               "  fast:\n"
                               "    targets:\n"
                               "      - model: \"mock/echo\"\n"
                               "        weight: 1\n"
                               "unknown_price: \"allow\"\n"
                               "durability: \"1s\"\n"
                               "on_disconnect: \"cancel\"\n"
                               "limits:\n";

    (void)state;
    config_export(c, CONFIG_YAML, &out);
    out.data[strlen(want)] = '\0';
    assert_string_equal(out.data, want);
    config_free(c);
    buf_fini(&out);
}

static void json_is_sound(void **state)
{
    struct config *c = load(text);
    struct json_parser *p = json_parser_create();
    struct arena *a = arena_create(4096);
    struct json_error err;
    struct buf out = BUF_INIT;
    struct json *root;
    const struct json *keys;

    (void)state;
    config_export(c, CONFIG_JSON, &out);
    root = json_parse(p, a, buf_view(&out), &err);
    assert_non_null(root);
    keys = json_get(json_get(json_get(root, "providers"), "openai"), "keys");
    assert_int_equal(keys->n, 2);
    assert_true(str_eq(json_str(json_get(keys->child, "value")), STR("env.OPENAI_API_KEY")));
    assert_true(str_eq(json_get(keys->child->next, "weight")->text, STR("0.25")));
    assert_true(str_eq(json_str(json_get(json_get(root, "limits"), "body_max")), STR("1536KiB")));
    assert_null(json_get(root, "virtual_keys"));
    json_parser_free(p);
    arena_free(a);
    config_free(c);
    buf_fini(&out);
}

static void secrets_are_masked(void **state)
{
    static const enum config_format formats[] = {CONFIG_JSON, CONFIG_YAML};
    struct config *c = load("admin: { token: hush-hush-hush-hush }\n"
                            "providers:\n"
                            "  mock:\n"
                            "    keys: [{ value: hush-key }]\n"
                            "    headers: { x-api-key: hush-header }\n"
                            "    proxy: \"http://me:hush@proxy:3128\"\n"
                            "virtual_keys: [{ name: a, value: hush-hush-hush-hush }]\n");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct buf out = BUF_INIT;

        config_export(c, formats[i], &out);
        assert_null(strstr(out.data, "hush"));
        assert_non_null(strstr(out.data, EXPORT_MASK));
        assert_non_null(strstr(out.data, "\"http://" EXPORT_MASK "@proxy:3128\""));
        buf_fini(&out);
    }
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacities_are_written_as_rates),
        cmocka_unit_test(yaml_loads_again_to_the_same),
        cmocka_unit_test(yaml_reads_well),
        cmocka_unit_test(json_is_sound),
        cmocka_unit_test(secrets_are_masked),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
