/* `rules:` and fallbacks: what is read, what is refused and with which words, and that an export says the same again. */
#include <stdio.h>

#include "conf/export.h"
#include "conf/routing.h"
#include "tests/unit/conf_fixture.h"
#include "tests/unit/unit.h"

static const char good[] = "models:\n"
                           "  fast:\n"
                           "    targets: [ openai/gpt-4o, mock/echo ]\n"
                           "    fallbacks: [ mock/echo, cheap ]\n"
                           "    timeout: { first_byte: 8s, between_bytes: 20s }\n"
                           "    hedge: { after: p95, at_most: 2.5% }\n"
                           "    shadow: { model: mock/other, share: 0.5%, timeout: 30s }\n"
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
    assert_int_equal(c->models[0].hedge.percentile, 95);
    assert_int_equal(c->models[0].hedge.after_ms, 0);
    assert_int_equal(c->models[0].hedge.at_most, 2500);
    assert_int_equal(c->models[1].hedge.at_most, 0);
    assert_string_equal(c->models[0].shadow.provider, "mock");
    assert_string_equal(c->models[0].shadow.model, "other");
    assert_int_equal(c->models[0].shadow.share, 500);
    assert_int_equal(c->models[0].shadow.timeout_ms, 30000);
    assert_int_equal(c->models[1].shadow.share, 0);
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
    expect_refused(
        "rules:\n  - { use: mock/echo }\n  - { when: 'model.matches(\"(\")', use: mock/echo "
        "}\n",
        "t.yaml:3: rules[1].when cannot be read: column 15: pattern, character");
    expect_refused("rules:\n  - { when: 'request.tokens / 0 > 1', use: mock/echo }\n",
                   "t.yaml:2: rules[0].when cannot be read: column 16: division by zero");
    expect_refused("rules:\n  - { when: has(model), use: mock/echo }\n",
                   "t.yaml:2: rules[0].when cannot be read: column 5: has wants a field");
    expect_refused("models: { fast: { targets: [ mock/echo ] } }\nrules:\n  - { use: fats }\n",
                   "t.yaml:3: rules: there is no model \"fats\": it must be a name of models:, or "
                   "provider/model; nearest: \"fast\"");
    expect_refused("rules:\n  - { use: mock/echo, key: a, team: b }\n",
                   "stands beside another one");
    expect_refused("teams: { research: {} }\nrules:\n  - { use: mock/echo, team: reserch }\n",
                   "t.yaml:3: rules: there is no team \"reserch\", did you mean \"research\"?");
    expect_refused("customers: { acme: {} }\nrules:\n  - { use: mock/echo, customer: acmee }\n",
                   "t.yaml:3: rules: there is no customer \"acmee\", did you mean \"acme\"?");
    expect_refused("virtual_keys: [ { name: ci, value: sk-bf-0123456789012 } ]\n"
                   "rules:\n  - { use: mock/echo, key: cii }\n  - { use: mock/echo, key: ci }\n",
                   "t.yaml:3: rules: there is no key \"cii\", did you mean \"ci\"?");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ fast ] } }\n",
                   "a model cannot be its own fallback");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ nobody/x ] } }\n",
                   "models.fast.fallbacks: there is no provider \"nobody\" for nobody/x");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ mokc/x ] } }\n",
                   "models.fast.fallbacks: there is no provider \"mokc\" for mokc/x; nearest: "
                   "\"mock\"");
    expect_refused("rules: [ { use: mokc/x } ]\n",
                   "rules: there is no provider \"mokc\" for mokc/x");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ mock/a, mock/a ] } }\n",
                   "mock/a is there twice");
    expect_refused("models: { fast: { targets: [ mock/echo ], fallbacks: [ mock/a, mock/b, mock/c, "
                   "mock/d, mock/e, mock/f, mock/g, mock/h, mock/i ] } }\n",
                   "at most 8 items");
    expect_refused("models: { fast: { targets: [ mock/echo ], timeout: { first_byte: 0 } } }\n",
                   "models.fast.timeout.first_byte");
    expect_refused("rule: []\n", "did you mean \"rules\"?");
}

static void refuses_patterns_where_one_model_is_wanted(void **state)
{
    static const char models[] = "models: { 'team-*': { targets: [ 'mock/*' ] } }\n";
    static const char *const names[] = {"mock/*", "team-*", "*", "mock/echo*"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(text, sizeof(text), "%srules: [ { use: '%s' } ]\n", models, names[i]);
        expect_refused(text, "t.yaml:2: rules: ");
        expect_refused(text, "is a pattern");
        (void)snprintf(text, sizeof(text),
                       "models: { fast: { targets: [ mock/echo ], fallbacks: [ '%s' ] } }\n",
                       names[i]);
        expect_refused(text, "models.fast.fallbacks: ");
        expect_refused(text, "is a pattern");
        (void)snprintf(text, sizeof(text),
                       "virtual_keys: [ { name: a, value: sk-bf-0123456789012, aliases: { x: '%s' "
                       "} } ]\n",
                       names[i]);
        expect_refused(text, "virtual_keys[0].aliases.x must be");
    }
}

static void shares_leave_something_or_nothing(void **state)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    if (fixture_load("models: { fast: { targets: [ { model: mock/a, share: 50% }, { model: mock/b, "
                     "share: 50% } ] } }\n",
                     &c, &err) != 0)
        fail_msg("%s", err.text);
    config_free(c);
    expect_refused("models: { fast: { targets: [ { model: mock/a, share: 50% }, { model: mock/b, "
                   "share: 20.5% } ] } }\n",
                   "models.fast: the shares of its targets sum to 70.5%, and nobody serves the "
                   "others");
    expect_refused("models: { fast: { targets: [ { model: mock/a, share: 60% }, { model: mock/b, "
                   "share: 50% } ] } }\n",
                   "the shares of its targets sum to more than 100%");
    expect_refused("models: { fast: { targets: [ { model: mock/a, weight: 0 } ] } }\n",
                   "models.fast: the weights of its targets sum to zero");
}

static void finds_keys_that_stand_elsewhere(void **state)
{
    (void)state;
    expect_refused("retry_ratio: 5%\n", "t.yaml:1: unknown key \"retry_ratio\", did you mean "
                                        "\"limits.retry_ratio\"?");
    expect_refused("limits: { drain_timeout: 5s }\n",
                   "did you mean \"drain_timeout\" at the top level of the file?");
    expect_refused("models: { fast: { targets: [ mock/a ], first_byte: 5s } }\n",
                   "unknown key \"first_byte\" in models.fast, did you mean "
                   "\"timeout.first_byte\"?");
    expect_refused("models: { fast: { targets: [ mock/a ], hedge: true } }\n",
                   "models.fast.hedge must be a mapping such as { after: p95, at_most: 5% }");
    expect_refused("models: { fast: { targets: [ mock/a ], shadow: 5% } }\n",
                   "models.fast.shadow must be a mapping, is a text; its keys: model, share, "
                   "timeout");
}

static void expect_warnings(const char *text, const char *const *want, size_t n)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    if (fixture_load(text, &c, &err) != 0)
        fail_msg("%s\n%s", text, err.text);
    assert_int_equal(c->n_warnings, n);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(c->warnings[i], want[i], strlen(want[i])) != 0)
            fail_msg("%s\nsays: %s\nwanted: %s", text, c->warnings[i], want[i]);
    }
    config_free(c);
}

static void warns_of_names_that_a_key_cannot_use(void **state)
{
    static const char *const aliases[] = {
        "t.yaml:4: virtual key \"ci\": aliases.b stands for \"openai/gpt-4o\", which the key may "
        "not use",
        "t.yaml:4: virtual key \"ci\": aliases.c stands for \"big\"",
        "t.yaml:4: virtual key \"ci\": models: \"mokc/*\" allows nothing: there is no provider "
        "\"mokc\", did you mean \"mock\"?"};
    static const char *const other[] = {"t.yaml:1: virtual key \"d\": aliases.a stands for",
                                        "t.yaml:1: virtual key \"p\": aliases.a stands for"};

    (void)state;
    expect_warnings(
        "models:\n  big: { targets: [ openai/gpt-4o ] }\nvirtual_keys:\n  - { name: ci, "
        "value: sk-bf-0123456789012, models: [ mock/echo, 'mokc/*', named ], aliases: { "
        "a: mock/echo, b: openai/gpt-4o, c: big, named: big } }\n",
        aliases, ARRAY_LEN(aliases));
    expect_warnings(
        "virtual_keys: [ { name: d, value: sk-bf-0123456789012, deny_models: [ 'mock/*' "
        "], aliases: { a: mock/echo } }, { name: p, value: sk-bf-0123456789013, "
        "providers: [ openai ], aliases: { a: mock/echo, b: openai/x } } ]\n",
        other, ARRAY_LEN(other));
    expect_warnings("virtual_keys: [ { name: ci, value: sk-bf-0123456789012, models: [ "
                    "'meta-llama/*', 'mock*/x', fats ] } ]\n",
                    NULL, 0);
    expect_warnings("virtual_keys: [ { name: ci, value: sk-bf-0123456789012, aliases: { b: "
                    "openai/gpt-4o } } ]\n",
                    NULL, 0);
}

static void warns_of_queues_that_nobody_waits_in(void **state)
{
    static const char *const idle[] = {
        "t.yaml:1: models.fast.queue: nothing here has a concurrency",
        "t.yaml:2: queue: nothing here has a concurrency"};

    (void)state;
    expect_warnings("models: { fast: { targets: [ mock/a ], queue: { at_most: 5 } } }\n"
                    "queue: { at_most: 5 }\n",
                    idle, 2);
    expect_warnings("models: { fast: { targets: [ mock/a ], queue: {} } }\n"
                    "model_limits: [ { model: 'mock/*', concurrency: 3 } ]\nqueue: {}\n",
                    NULL, 0);
    expect_warnings(
        "models: { fast: { targets: [ { model: mock/a, concurrency: 2 } ], queue: {} } }"
        "\nqueue: {}\n",
        NULL, 0);
    expect_warnings("models: { fast: { targets: [ mock/a ], queue: {} } }\n"
                    "providers: { mock: { concurrency: 3 } }\n",
                    NULL, 0);
}

static void refused_hedge(const char *hedge, const char *want)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "models:\n  fast:\n    targets: [ mock/a, mock/b ]\n    hedge: %s\n", hedge);
    expect_refused(text, want);
}

static void refuses_hedges_that_cannot_be(void **state)
{
    static const char after[] = "t.yaml:4: models.fast.hedge.after must be a percentile";
    static const char share[] = "t.yaml:4: models.fast.hedge.at_most must be a share";

    (void)state;
    refused_hedge("{ after: p100 }", after);
    refused_hedge("{ after: p49 }", after);
    refused_hedge("{ after: p }", after);
    refused_hedge("{ after: P95 }", after);
    refused_hedge("{ after: -1ms }", after);
    refused_hedge("{ after: 0 }", after);
    refused_hedge("{ after: 2d }", after);
    refused_hedge("{ after: 95 }", after);
    refused_hedge("{ after: p95, at_most: 51% }", share);
    refused_hedge("{ after: p95, at_most: 0% }", share);
    refused_hedge("{ after: p95, at_most: 5 }", share);
    refused_hedge("{ after: p95, at_most: -5% }", share);
    refused_hedge("{ after: p95, at_most: many% }", share);
    refused_hedge("{ at_most: 5% }", "models.fast.hedge needs after");
    refused_hedge("{ after: p95, most: 5% }", "at_most");
    refused_hedge("p95", "models.fast.hedge must be a mapping");
    expect_refused("models:\n  fast:\n    targets: [ mock/a ]\n    hedge: { after: 1s }\n",
                   "t.yaml:4: models.fast.hedge needs a second route, and there is only one: add a "
                   "target, or a key to provider mock");
    expect_refused("models:\n  fast:\n    targets: [ mock/a, mock/b ]\n    hedge: { after: 9s }\n"
                   "    timeout: { first_byte: 8s }\n",
                   "t.yaml:4: models.fast.hedge.after must be shorter than timeout.first_byte");
}

static void refused_shadow(const char *shadow, const char *want)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "models:\n  fast:\n    targets: [ mock/a ]\n    shadow: %s\n", shadow);
    expect_refused(text, want);
}

static void refuses_shadows_that_cannot_be(void **state)
{
    static const char model[] = "t.yaml:4: models.fast.shadow.model must name one model";
    static const char share[] = "t.yaml:4: models.fast.shadow.share must be a percentage";

    (void)state;
    refused_shadow("{ model: mock, share: 5% }", model);
    refused_shadow("{ model: mock/, share: 5% }", model);
    refused_shadow("{ model: /m, share: 5% }", model);
    refused_shadow("{ model: 'mock/*', share: 5% }", model);
    refused_shadow("{ model: mock/b, share: 0% }", share);
    refused_shadow("{ model: mock/b, share: 101% }", share);
    refused_shadow("{ model: mock/b, share: 5 }", share);
    refused_shadow("{ model: mock/b, share: -5% }", share);
    refused_shadow("{ model: mock/b }", "models.fast.shadow needs share");
    refused_shadow("{ share: 5% }", "models.fast.shadow needs model");
    refused_shadow("{ model: mock/b, share: 5%, timeout: 1ms }", "models.fast.shadow.timeout");
    refused_shadow("{ model: mokc/b, share: 5% }", "t.yaml:4: models.fast.shadow.model: there is "
                                                   "no provider \"mokc\"; did you mean \"mock\"?");
}

static void a_hedge_is_modest_by_default(void **state)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    if (fixture_load("models: { fast: { targets: [ mock/a, mock/b ], hedge: { after: 300ms } } }\n",
                     &c, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(c->models[0].hedge.after_ms, 300);
    assert_int_equal(c->models[0].hedge.percentile, 0);
    assert_int_equal(c->models[0].hedge.at_most, 5000);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rules),
        cmocka_unit_test(an_export_says_the_same),
        cmocka_unit_test(refuses_what_cannot_work),
        cmocka_unit_test(refuses_patterns_where_one_model_is_wanted),
        cmocka_unit_test(shares_leave_something_or_nothing),
        cmocka_unit_test(finds_keys_that_stand_elsewhere),
        cmocka_unit_test(warns_of_names_that_a_key_cannot_use),
        cmocka_unit_test(warns_of_queues_that_nobody_waits_in),
        cmocka_unit_test(refuses_hedges_that_cannot_be),
        cmocka_unit_test(refuses_shadows_that_cannot_be),
        cmocka_unit_test(a_hedge_is_modest_by_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
