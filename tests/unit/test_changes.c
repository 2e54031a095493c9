#include "server/master/changes.h"

#include "tests/unit/master_fixture.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\n"
#define UP(key)                                                                                    \
    "providers:\n  up: { vendor: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", "         \
    "keys: [ { name: a, value: " key " } ] }\n"

static struct entities *entities_of(const char *text)
{
    struct config *conf = master_config(text);
    struct entities *e = entities_create(conf);

    config_free(conf);
    return e;
}

/* The lines from one configuration to another; the caller frees. */
static char *diff(const char *old, const char *new)
{
    struct entities *a = entities_of(old);
    struct entities *b = entities_of(new);
    struct changes changes = {.lines = BUF_INIT};
    char *text;

    entities_diff(a, b, &changes);
    text = strdup(changes.lines.data != NULL ? changes.lines.data : "");
    changes_fini(&changes);
    entities_free(a);
    entities_free(b);
    return text;
}

static void assert_diff(const char *old, const char *new, const char *expected)
{
    char *text = diff(old, new);

    assert_string_equal(text, expected);
    free(text);
}

static void the_same_is_no_change(void **state)
{
    (void)state;
    assert_diff(HEAD UP("x"), HEAD UP("x"), "");
    assert_diff(HEAD UP("x"), "# a comment\n" HEAD UP("x"), "");
}

static void what_was_added_changed_and_removed(void **state)
{
    (void)state;
    assert_diff(HEAD UP("x"), HEAD UP("x") "  mock: {}\nlimits: { streams: 7 }\n",
                "provider mock: added\nsetting limits: changed\n");
    assert_diff(HEAD UP("x") "  mock: {}\n", HEAD UP("x"), "provider mock: removed\n");
    assert_diff(HEAD UP("x"), "listen: [ 127.0.0.1:1 ]\n" UP("x"),
                "listener 127.0.0.1:0: removed\nlistener 127.0.0.1:1: added\n");
}

/* Another secret is a change, though nothing that is stored or shown has it. */
static void a_secret_counts_and_is_not_told(void **state)
{
    struct entities *e = entities_of(HEAD UP("first-secret"));

    (void)state;
    assert_diff(HEAD UP("first-secret"), HEAD UP("second-secret"), "provider up: changed\n");
    for (size_t i = 0; i < e->n; i++)
        assert_null(memmem(e->items[i].json.p, e->items[i].json.len, "first-secret", 12));
    entities_free(e);
}

static void long_lists_end_in_a_count(void **state)
{
    struct changes c = {.lines = BUF_INIT};
    struct buf json = BUF_INIT;

    (void)state;
    for (int i = 0; i < CHANGES_SHOWN + 5; i++)
        changes_add(&c, "key", STR("\"quoted\""), "added");
    changes_json(&c, &json);
    assert_non_null(strstr(json.data, "\"key \\\"quoted\\\": added\""));
    assert_non_null(strstr(json.data, ",\"and 5 more\""));
    buf_fini(&json);
    changes_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_no_change),
        cmocka_unit_test(what_was_added_changed_and_removed),
        cmocka_unit_test(a_secret_counts_and_is_not_told),
        cmocka_unit_test(long_lists_end_in_a_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
