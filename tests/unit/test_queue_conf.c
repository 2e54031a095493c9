/*
 * Limits of targets, queues and priorities: what is read, what is refused, that an export says the same again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "conf/export.h"
#include "tests/unit/conf_fixture.h"
#include "tests/unit/unit.h"

static const char good[] =
    "providers: { mock: { concurrency: 7 } }\n"
    "models:\n"
    "  fast:\n"
    "    targets: [ { model: mock/a, concurrency: 3 }, { model: mock/b } ]\n"
    "    queue: { at_most: 20, wait: 250ms }\n"
    "  again: { targets: [ { model: mock/a, concurrency: 3 } ], queue: {} }\n"
    "queue: { wait: 2s }\n"
    "limits: { in_flight: 400 }\n"
    "virtual_keys:\n"
    "  - { name: first, value: sk-bf-0123456789abcdef, priority: high }\n"
    "  - { name: second, value: sk-bf-1123456789abcdef, priority: normal }\n"
    "  - { name: third, value: sk-bf-2123456789abcdef, priority: low }\n"
    "  - { name: fourth, value: sk-bf-3123456789abcdef }\n";

static struct config *load(const char *text)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    if (fixture_load(text, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

static void reads_queues(void **state)
{
    struct config *c = load(good);

    (void)state;
    assert_int_equal(c->models[0].targets[0].concurrency, 3);
    assert_int_equal(c->models[0].targets[1].concurrency, 0);
    assert_int_equal(c->models[0].queue.at_most, 20);
    assert_int_equal(c->models[0].queue.wait_ms, 250);
    assert_int_equal(c->models[1].queue.at_most, CONF_QUEUE_AT_MOST);
    assert_int_equal(c->models[1].queue.wait_ms, CONF_QUEUE_WAIT_MS);
    assert_int_equal(c->queue.at_most, CONF_QUEUE_AT_MOST);
    assert_int_equal(c->queue.wait_ms, 2000);
    assert_int_equal(c->limits.in_flight, 400);
    assert_int_equal(c->keys[0].priority, CONF_KEY_HIGH);
    assert_int_equal(c->keys[1].priority, CONF_KEY_NORMAL);
    assert_int_equal(c->keys[2].priority, CONF_KEY_LOW);
    assert_int_equal(c->keys[3].priority, CONF_KEY_NORMAL);
    config_free(c);
    c = load("models: { fast: { targets: [ mock/a ] } }\n");
    assert_int_equal(c->queue.at_most, 0); /* nobody waits who was not told to */
    assert_int_equal(c->models[0].queue.at_most, 0);
    assert_int_equal(c->limits.in_flight, 0);
    config_free(c);
}

static void an_export_says_the_same(void **state)
{
    struct config *c = load(good);
    struct config *again;
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;

    (void)state;
    config_export(c, CONFIG_YAML, &first);
    again = load(first.data);
    config_export(again, CONFIG_YAML, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(again->models[0].queue.wait_ms, 250);
    assert_int_equal(again->models[0].targets[0].concurrency, 3);
    assert_int_equal(again->queue.at_most, CONF_QUEUE_AT_MOST);
    assert_int_equal(again->limits.in_flight, 400);
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

/* 0, less than 0, too much and no number at all, with the line: the value stands between two texts. */
static void refuses_numbers(const char *before, const char *behind, const char *path,
                            const char *bounds)
{
    static const char *const values[] = {"0", "-1", "99999999999999999999", "many", "1.5"};
    char text[512];

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char want[256];

        (void)snprintf(text, sizeof(text), "%s%s%s", before, values[i], behind);
        (void)snprintf(want, sizeof(want), "t.yaml:2: %s must be", path);
        expect_refused(text, want);
    }
    (void)snprintf(text, sizeof(text), "%s2000000%s", before, behind);
    expect_refused(text, bounds);
}

static void refuses_numbers_that_cannot_be(void **state)
{
    (void)state;
    refuses_numbers("models: { fast: { targets: [\n { model: mock/a, concurrency: ", " } ] } }\n",
                    "models.fast.targets[0].concurrency", "between 1 and 1000000, is \"2000000\"");
    refuses_numbers("providers: { mock: {\n concurrency: ", " } }\n", "providers.mock.concurrency",
                    "between 1 and 1000000");
    refuses_numbers("queue: {\n at_most: ", " }\n", "queue.at_most", "between 1 and 10000");
    refuses_numbers("models: { fast: { targets: [ mock/a ], queue: {\n at_most: ", " } } }\n",
                    "models.fast.queue.at_most", "between 1 and 10000");
    refuses_numbers("limits: {\n in_flight: ", " }\n", "limits.in_flight", "between 1 and 1000000");
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    expect_refused("queue:\n  wait: 0\n", "t.yaml:2: queue.wait");
    expect_refused("queue:\n  wait: -5s\n", "t.yaml:2: queue.wait");
    expect_refused("queue:\n  wait: 11m\n", "t.yaml:2: queue.wait must be between 1ms and 10m");
    expect_refused("queue:\n  wait: 5\n", "t.yaml:2: queue.wait");
    expect_refused("queue: 100\n", "t.yaml:1: queue must be a mapping such as { at_most: 100");
    expect_refused("queue:\n  at_mots: 3\n", "did you mean \"at_most\"?");
    expect_refused("quee: {}\n", "did you mean \"queue\"?");
    expect_refused("virtual_keys:\n  - { name: a, value: sk-bf-0123456789abcdef,\n      priority: "
                   "urgent }\n",
                   "t.yaml:3: virtual_keys[0].priority must be high, normal or low, is \"urgent\"");
}

static void refuses_limits_that_disagree(void **state)
{
    (void)state;
    expect_refused("models:\n"
                   "  a: { targets: [ { model: mock/m, concurrency: 3 } ] }\n"
                   "  b: { targets: [ { model: mock/m, concurrency: 4 } ] }\n",
                   "t.yaml:3: models: \"mock/m\" has concurrency 4 here and 3 on line 2");
    expect_refused("models:\n"
                   "  a: { targets: [ mock/m ] }\n"
                   "  b: { targets: [ { model: a, concurrency: 4 } ] }\n",
                   "t.yaml:3: models: \"a\" is a group or a pattern and can have no concurrency");
    expect_refused("models:\n"
                   "  \"a/*\": { targets: [ { model: \"mock/*\", concurrency: 4 } ] }\n",
                   "t.yaml:2: models: \"mock/*\" is a group or a pattern");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_queues),
        cmocka_unit_test(an_export_says_the_same),
        cmocka_unit_test(refuses_numbers_that_cannot_be),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(refuses_limits_that_disagree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
