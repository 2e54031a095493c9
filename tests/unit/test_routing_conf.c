/* `rules:` and fallbacks: what is read, what is refused and with which words, and that an export says the same again. */
#include "conf/export.h"
#include "conf/routing.h"
#include "tests/unit/conf_fixture.h"
#include "tests/unit/unit.h"

static const char good[] = "models:\n"
                           "  fast:\n"
                           "    targets: [ openai/gpt-4o ]\n"
                           "    fallbacks: [ mock/echo, cheap ]\n"
                           "    timeout: { first_byte: 8s, between_bytes: 20s }\n"
                           "  cheap: { targets: [ mock/echo ] }\n"
                           "rules:\n"
                           "  - { name: gold, when: 'headers[\"x-tier\"] == \"gold\" && "
                           "request.tokens > 30000', use: fast, priority: 5 }\n"
                           "  - { team: research, when: budget.used > 0.8, use: cheap }\n"
                           "  - { use: mock/echo }\n";

static void reads_rules(void **state)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    if (fixture_load(good, &c, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(c->n_rules, 3);
    assert_string_equal(c->rules[0].name, "gold");
    assert_int_equal(c->rules[0].priority, 5);
    assert_int_equal(c->rules[0].scope, CONF_RULE_GLOBAL);
    assert_true(expr_is_sound((const void *)c->rules[0].program.p, c->rules[0].program.len));
    assert_string_equal(c->rules[1].whose, "research");
    assert_int_equal(c->rules[1].scope, CONF_RULE_TEAM);
    assert_null(c->rules[2].when);
    assert_int_equal(c->rules[2].priority, 100);
    assert_int_equal(c->models[0].n_fallbacks, 2);
    assert_string_equal(c->models[0].fallbacks[1], "cheap");
    assert_int_equal(c->models[0].first_byte_ms, 8000);
    assert_int_equal(c->models[0].between_bytes_ms, 20000);
    config_free(c);
}

static void an_export_says_the_same(void **state)
{
    struct config *c = NULL, *again = NULL;
    struct error err = ERROR_INIT;
    struct buf first = BUF_INIT, second = BUF_INIT;

    (void)state;
    assert_int_equal(fixture_load(good, &c, &err), 0);
    config_export(c, CONFIG_YAML, &first);
    if (fixture_load(first.data, &again, &err) != 0)
        fail_msg("%s\n%s", err.text, first.data);
    config_export(again, CONFIG_YAML, &second);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "budget.used > 0.8"));
    assert_non_null(strstr(first.data, "first_byte"));
    buf_fini(&first);
    buf_fini(&second);
    config_free(c);
    config_free(again);
}

static void expect_refused(const char *text, const char *want)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    assert_int_equal(fixture_load(text, &c, &err), -1);
    if (strstr(err.text, want) == NULL)
        fail_msg("%s\nsays: %s\nwanted: %s", text, err.text, want);
}

static void refuses_what_cannot_work(void **state)
{
    (void)state;
    expect_refused("rules: [ { when: 'budget.used > 1', use: mock/ecko, priority: -1 } ]\n",
                   "t.yaml:1: rules[0].priority");
    expect_refused("rules:\n  - { when: 'budget.usd > 0.8', use: mock/echo }\n",
                   "t.yaml:2: rules[0].when cannot be read: column 1: there is no variable "
                   "\"budget.usd\"; did you mean \"budget.used\"?");
    expect_refused("rules:\n  - { when: 'request.tokens', use: mock/echo }\n",
                   "must be true or false");
    expect_refused("rules:\n  - { when: 'model > 3', use: mock/echo }\n",
                   "column 7: > cannot take string and int");
    expect_refused("rules:\n  - { when: 'true' }\n", "needs use");
    expect_refused("models: { fast: { targets: [ mock/echo ] } }\nrules:\n  - { use: fats }\n",
                   "t.yaml:3: rules: there is no model \"fats\": it must be a name of models:, or "
                   "provider/model; nearest: \"fast\"");
    expect_refused("rules:\n  - { use: mock/echo, key: a, team: b }\n",
                   "stands beside another one");
    expect_refused("teams: { research: {} }\nrules:\n  - { use: mock/echo, team: reserch }\n",
                   "there is no team \"reserch\"");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ fast ] } }\n",
                   "a model cannot be its own fallback");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ nobody/x ] } }\n",
                   "models.fast.fallbacks: there is no model \"nobody/x\"");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ mock/a, mock/a ] } }\n",
                   "mock/a is there twice");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ mock/a, mock/b, mock/c, "
                   "mock/d, mock/e, mock/f, mock/g, mock/h, mock/i ] } }\n",
                   "at most 8 items");
    expect_refused("models: { fast: { targets: [ mock/echo ], timeout: { first_byte: 0 } } }\n",
                   "models.fast.timeout.first_byte");
    expect_refused("rule: []\n", "did you mean \"rules\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rules),
        cmocka_unit_test(an_export_says_the_same),
        cmocka_unit_test(refuses_what_cannot_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
