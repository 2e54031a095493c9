/* context_fallbacks, content_filter_fallbacks and throughput: read, refused, and exported again. */
#include "conf/export.h"
#include "server/worker/throughput.h"
#include "tests/unit/conf_fixture.h"
#include "tests/unit/unit.h"

static const char good[] = "models:\n"
                           "  fast:\n"
                           "    targets: [ openai/gpt-4o ]\n"
                           "    context_fallbacks: [ mock/echo, cheap ]\n"
                           "    content_filter_fallbacks: [ cheap ]\n"
                           "    throughput: { at_least: 2.5, over: 20s }\n"
                           "  cheap: { targets: [ mock/echo ], throughput: { at_least: 5 } }\n";

static void reads_them(void **state)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    if (fixture_load(good, &c, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(c->models[0].n_context_fallbacks, 2);
    assert_string_equal(c->models[0].context_fallbacks[1], "cheap");
    assert_int_equal(c->models[0].n_filter_fallbacks, 1);
    assert_string_equal(c->models[0].filter_fallbacks[0], "cheap");
    assert_int_equal(c->models[0].at_least, 2500);
    assert_int_equal(c->models[0].over_ms, 20000);
    assert_int_equal(c->models[1].at_least, 5000);
    assert_int_equal(c->models[1].over_ms, 10000);
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
    assert_int_equal(again->models[0].n_context_fallbacks, 2);
    assert_int_equal(again->models[0].at_least, 2500);
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
    expect_refused("models: { f: { targets: [ mock/echo ], context_fallbacks: [ f ] } }\n",
                   "models.f.context_fallbacks: a model cannot be its own fallback");
    expect_refused(
        "models: { f: { targets: [ mock/echo ], content_filter_fallbacks: [ no/x ] } }\n",
        "models.f.content_filter_fallbacks: there is no provider \"no\" for no/x");
    expect_refused(
        "models: { f: { targets: [ mock/echo ], context_fallbacks: [ mock/a, mock/a ] } }\n",
        "mock/a is there twice");
    expect_refused("models: { f: { targets: [ mock/echo ], context_fallbacks: [ mock/a, mock/b, "
                   "mock/c, mock/d, mock/e, mock/f, mock/g, mock/h, mock/i ] } }\n",
                   "at most 8 items");
    expect_refused("models: { f: { targets: [ mock/echo ], context_fallback: [ mock/a ] } }\n",
                   "did you mean \"context_fallbacks\"?");
    expect_refused("models: { f: { targets: [ mock/echo ], throughput: { over: 5s } } }\n",
                   "needs at_least");
    expect_refused("models: { f: { targets: [ mock/echo ], throughput: { at_least: 0 } } }\n",
                   "models.f.throughput.at_least");
    expect_refused(
        "models: { f: { targets: [ mock/echo ], throughput: { at_least: 5, over: 1ms } } }\n",
        "models.f.throughput.over");
    expect_refused("models: { f: { targets: [ mock/echo ], throughput: 5 } }\n",
                   "models.f.throughput");
}

static void a_floor_is_a_rate(void **state)
{
    (void)state;
    assert_true(throughput_is_slow(49, 5000, 10000));
    assert_false(throughput_is_slow(50, 5000, 10000));
    assert_true(throughput_is_slow(0, 1, 100));
    assert_false(throughput_is_slow(1, 1, 100));
    assert_false(throughput_is_slow(UINT64_MAX, UINT32_MAX, UINT32_MAX));
    assert_true(throughput_is_slow(1, UINT32_MAX, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_them),
        cmocka_unit_test(an_export_says_the_same),
        cmocka_unit_test(refuses_what_cannot_work),
        cmocka_unit_test(a_floor_is_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
