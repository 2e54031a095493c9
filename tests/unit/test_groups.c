/* Groups inside groups, patterns, shares and tags: what is refused, and what they come to. */
#include "conf/export.h"
#include "conf/groups.h"
#include "tests/unit/conf_fixture.h"
#include "tests/unit/unit.h"

static struct config *load(const char *text)
{
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    if (fixture_load(text, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

/* "provider/model=weight@side ..." of a name's flat targets. */
static void expect_flat(const char *text, const char *name, const char *want)
{
    struct config *c = load(text);
    struct groups g;
    struct flat flat;
    struct buf got = BUF_INIT;

    groups_init(&g, c);
    assert_int_equal(groups_flatten(&g, groups_find(&g, str_of(name)), &flat), GROUPS_OK);
    for (size_t i = 0; i < flat.n; i++)
        buf_printf(&got, "%s%s=%u@%u", i > 0 ? " " : "", flat.items[i].target->name,
                   flat.items[i].weight, flat.items[i].side);
    assert_string_equal(got.data, want);
    buf_fini(&got);
    groups_fini(&g);
    config_free(c);
}

static void groups_unfold(void **state)
{
    static const char text[] = "models:\n"
                               "  top: { targets: [ { model: mid, weight: 8 }, mock/a ] }\n"
                               "  mid: { targets: [ { model: mock/b, weight: 3 }, low ] }\n"
                               "  low: { targets: [ mock/c, { model: mock/a, weight: 3 } ] }\n"
                               "  flat: { targets: [ { model: mock/a, weight: 0.5 }, mock/b ] }\n"
                               "  spare: { targets: [ mock/a, { model: low, weight: 0 } ] }\n"
                               "  tiny: { targets: [ { model: low, weight: 0.001 }, { model: "
                               "mock/b, weight: 1000 } ] }\n";

    (void)state;
    expect_flat(text, "flat", "mock/a=500@0 mock/b=1000@0");
    /* mid has 8 of 9, of which b has 3/4 and low 1/4, of which c has 1/4: a comes twice */
    expect_flat(text, "top", "mock/b=1000000@0 mock/c=83333@0 mock/a=416667@0");
    expect_flat(text, "spare", "mock/a=1000000@0 mock/c=0@0");
    expect_flat(text, "tiny", "mock/c=1@0 mock/a=1@0 mock/b=1000000@0");
}

static void a_share_may_be_of_a_group(void **state)
{
    static const char text[] = "models:\n"
                               "  top: { targets: [ mock/a, { model: new, share: 5% }, { model: "
                               "mock/d, share: 0.5% } ] }\n"
                               "  new: { targets: [ mock/b, { model: mock/a, weight: 3 } ] }\n";

    (void)state;
    expect_flat(text, "top", "mock/a=1000@0 mock/b=250000@1 mock/a=750000@1 mock/d=1000000@2");
}

static void tags_add_up(void **state)
{
    struct config *c = load("models:\n"
                            "  top: { targets: [ { model: low, tags: [ gold ] }, mock/c ] }\n"
                            "  low: { targets: [ { model: mock/a, tags: [ eu ] }, mock/b ] }\n");
    struct groups g;
    struct flat flat;

    (void)state;
    groups_init(&g, c);
    assert_int_equal(g.n_tags, 2);
    assert_string_equal(g.tags[0], "eu");
    assert_int_equal(groups_flatten(&g, groups_find(&g, STR("top")), &flat), GROUPS_OK);
    assert_int_equal(flat.n, 3);
    assert_int_equal(flat.items[0].tags, 3);
    assert_int_equal(flat.items[1].tags, 2);
    assert_int_equal(flat.items[2].tags, 0);
    groups_fini(&g);
    config_free(c);
}

static void a_slash_means_the_provider_where_there_is_one(void **state)
{
    (void)state;
    expect_flat("models: { mock/a: { targets: [ mock/a ] }, own/b: { targets: [ mock/b ] }, x: { "
                "targets: [ mock/a, own/b ] } }\n",
                "x", "mock/a=1000000@0 mock/b=1000000@0");
}

static const char *match(const struct config *c, const char *name)
{
    const struct conf_model *m = groups_match(c, str_of(name));

    return m != NULL ? m->name : "";
}

static void patterns_match(void **state)
{
    struct config *c =
        load("models:\n"
             "  \"*\": { targets: [ \"mock/*\" ] }\n"
             "  \"gpt-*\": { targets: [ \"mock/*\" ] }\n"
             "  \"gpt-*-mini\": { targets: [ \"mock/*\" ] }\n"
             "  \"openai/*\": { targets: [ \"mock/x-*-y\" ], fallbacks: [ gpt-7 ] }\n");

    (void)state;
    assert_string_equal(match(c, "gpt-4o"), "gpt-*");
    assert_string_equal(match(c, "gpt-4o-mini"), "gpt-*-mini");
    assert_string_equal(match(c, "gpt--mini"), "gpt-*");
    assert_string_equal(match(c, "gpt-"), "*");
    assert_string_equal(match(c, "openai/a/b"), "openai/*");
    assert_string_equal(match(c, ""), "");
    config_free(c);
}

static void an_export_says_the_same(void **state)
{
    struct config *c =
        load("providers: { mock: { keys: [ { value: x, tags: [ eu, us ] } ] } }\n"
             "models:\n"
             "  top: { targets: [ mock/a, { model: low, share: 0.25%, tags: [ gold ] } ], sticky: "
             "\"header:X-User\", affinity: \"body:prompt_cache_key\" }\n"
             "  low: { targets: [ mock/b ], sticky: key }\n"
             "  \"gpt-*\": { targets: [ \"mock/*\" ] }\n");
    struct config *again;
    struct buf first = BUF_INIT, second = BUF_INIT;

    (void)state;
    assert_int_equal(c->models[0].sticky.kind, CONF_CALLER_HEADER);
    assert_string_equal(c->models[0].sticky.name, "x-user"); /* header names have no case */
    assert_int_equal(c->models[0].targets[1].share, 250);
    config_export(c, CONFIG_YAML, &first);
    again = load(first.data);
    config_export(again, CONFIG_YAML, &second);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "0.25%"));
    assert_non_null(strstr(first.data, "body:prompt_cache_key"));
    buf_fini(&first);
    buf_fini(&second);
    config_free(c);
    config_free(again);
}

struct bad_case {
    const char *text, *want;
};

static void refuses_what_cannot_work(void **state)
{
    static const struct bad_case cases[] = {
        {"models:\n  a: { targets: [ b ] }\n  b: { targets: [ mock/echo, c ] }\n"
         "  c: { targets: [ a ] }\n",
         "t.yaml:2: models.a: its targets lead back to it: a -> b -> c -> a"},
        {"models: { a: { targets: [ a ] } }\n",
         "t.yaml:1: models.a: its targets lead back to it: a -> a"},
        {"models:\n  a: { targets: [ b ] }\n  b: { targets: [ c ] }\n  c: { targets: [ d ] }\n"
         "  d: { targets: [ e ] }\n  e: { targets: [ mock/echo ] }\n",
         "t.yaml:2: models.a: groups may be 4 deep at most: a -> b -> c -> d -> e"},
        {"models: { fast: { targets: [ { model: mock/echo, weight: 0 }, { model: mock/tool, "
         "weight: 0 } ] } }\n",
         "t.yaml:1: models.fast: the weights of its targets sum to zero: at least "
         "one needs a weight above 0"},
        {"models: { fast: { targets: [ { model: mock/echo, share: 5% } ] } }\n",
         "t.yaml:1: models.fast: the shares of its targets sum to 5%, and nobody serves the "
         "others: "
         "make them 100%, or have a target without share and with a weight above 0"},
        {"models: { fast: { targets: [ mock/a, { model: mock/b, share: 60% }, { model: mock/c, "
         "share: 40.1% } ] } }\n",
         "t.yaml:1: models.fast: the shares of its targets sum to more than 100%"},
        {"models: { fast: { targets: [ mock/a, { model: mock/b, share: 60%, weight: 1 } ] } }\n",
         "t.yaml:1: models.fast.targets[1] has share beside weight: write one of the two"},
        {"models: { fast: { targets: [ mock/a, { model: mock/b, share: 5 } ] } }\n",
         "t.yaml:1: models.fast.targets[1].share must be a percentage above 0% and up to 100% such "
         "as 5% or 0.5%, is \"5\""},
        {"models: { fast: { targets: [ in ] }, in: { targets: [ mock/a, { model: mock/b, share: 5% "
         "} ] } }\n",
         "t.yaml:1: models.fast: in has targets with share, which works only where clients ask "
         "for it by its own name: give the share to the group as a target"},
        {"models: { fast: { targets: [ mock/a ], sticky: user } }\n",
         "t.yaml:1: models.fast.sticky must be key, header:NAME or body:FIELD, is \"user\""},
        {"models: { fast: { targets: [ mock/a ], affinity: \"header:x y\" } }\n",
         "t.yaml:1: models.fast.affinity must be key, header:NAME or body:FIELD, is \"header:x "
         "y\""},
        {"models: { fast: { targets: [ { model: mock/a, tags: [ \"e u\" ] } ] } }\n",
         "t.yaml:1: models.fast.targets[0].tags[0]: a name here has 1 to 64 of the characters A-Z "
         "a-z 0-9 . _ "
         "-, is \"e u\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct error err = ERROR_INIT;

        assert_int_equal(fixture_load(cases[i].text, &c, &err), -1);
        assert_string_equal(err.text, cases[i].want);
    }
}

/* 256 targets in each of four groups in a row are not multiplied out. */
static void unfolding_is_bounded(void **state)
{
    struct buf text = BUF_INIT;
    struct config *c = NULL;
    struct error err = ERROR_INIT;

    (void)state;
    buf_cstr(&text, "models:\n");
    for (int level = 0; level < 4; level++) {
        for (int i = 0; i < 200; i++) {
            buf_printf(&text, "  l%dn%d: { targets: [ ", level, i);
            for (int j = 0; j < 200; j++)
                buf_printf(&text, level < 3 ? "l%dn%d, " : "mock/m%d%d, ", level + 1, j);
            buf_cstr(&text, "mock/x ] }\n");
        }
    }
    assert_int_equal(fixture_load(text.data, &c, &err), -1);
    assert_non_null(strstr(err.text, "has more than 256 targets with those of its groups"));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_unfold),
        cmocka_unit_test(a_share_may_be_of_a_group),
        cmocka_unit_test(tags_add_up),
        cmocka_unit_test(a_slash_means_the_provider_where_there_is_one),
        cmocka_unit_test(patterns_match),
        cmocka_unit_test(an_export_says_the_same),
        cmocka_unit_test(refuses_what_cannot_work),
        cmocka_unit_test(unfolding_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
