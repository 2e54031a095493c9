/*
 * What is built in, row by row; and what a configuration's `catalogue:` makes of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/export.h"
#include "providers/target.h"
#include "server/base/fd.h"
#include "server/master/publish.h"

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    uint32_t *next = ctx;

    (void)identity;
    (void)limit;
    (void)err;
    *out = (*next)++;
    return 0;
}

/* The image of this configuration; its catalogue in *out. */
static struct image build(const char *text, const struct cat_head **out)
{
    struct config *conf = master_config(text);
    uint32_t next = 0;
    struct publish_request req = {conf, "http://127.0.0.1:4242", number, &next, NULL, NULL};
    struct error err = ERROR_INIT;
    struct image image;

    if (publish_build(&req, &image, &err) != 0)
        fail_msg("%s", err.text);
    *out = pub_catalogue(&(struct pub_view){1, image.bytes, NULL});
    assert_non_null(*out);
    assert_true(catalogue_is_sound(*out, (*out)->bytes));
    config_free(conf);
    return image;
}

static const struct cat_model *get(const struct cat_head *c, const char *vendor, const char *id)
{
    const struct cat_model *m = cat_find(c, str_of(vendor), str_of(id));

    if (m == NULL)
        fail_msg("%s's %s is not known", vendor, id);
    return m;
}

/* --- what is built in --- */

static void check_row(const struct cat_head *c, const struct cat_model *m)
{
    struct str name = cat_text(c, m->name);
    uint32_t kinds = m->flags & (MODEL_CHAT | MODEL_EMBED | MODEL_RERANK);

    if (m->title.len == 0 || m->maker.len == 0 || m->n == 0)
        fail_msg("%.*s lacks a title, a maker or ids", STR_ARGS(name));
    if ((m->flags & MODEL_KNOWN) != 0 && (kinds == 0 || (kinds & (kinds - 1)) != 0))
        fail_msg("%.*s is not one of chat, embed, rerank", STR_ARGS(name));
    if (m->context != 0 && (m->context < 256 || m->context > 20000000))
        fail_msg("%.*s has a context of %u", STR_ARGS(name), m->context);
    if (m->context != 0 && m->max_output >= m->context)
        fail_msg("%.*s answers more than it holds", STR_ARGS(name));
    if (m->released != 0 && (m->released < 20220000 || m->released > 20300000))
        fail_msg("%.*s was released %u", STR_ARGS(name), m->released);
    if (m->knowledge != 0 && m->released != 0 && m->knowledge > m->released)
        fail_msg("%.*s knows the future", STR_ARGS(name));
    if ((m->flags & (MODEL_ADAPTIVE | MODEL_EFFORT)) != 0 && (m->flags & MODEL_REASONING) == 0)
        fail_msg("%.*s is asked to think and cannot", STR_ARGS(name));
    for (uint32_t i = 0; i < m->n; i++) {
        const struct cat_id *id = cat_model_id(c, m, i);

        if (vendor_find(cat_text(c, id->vendor)) == NULL)
            fail_msg("%.*s: no vendor %.*s", STR_ARGS(name), STR_ARGS(cat_text(c, id->vendor)));
        if (cat_find(c, cat_text(c, id->vendor), cat_text(c, id->id)) != m)
            fail_msg("%.*s is not found by its id %.*s", STR_ARGS(name),
                     STR_ARGS(cat_text(c, id->id)));
    }
}

static void every_row_is_sound(void **state)
{
    const struct cat_head *c;
    struct image image = build("providers: { mock: }\n", &c);

    (void)state;
    assert_true(cat_models(c) >= 200);
    for (uint32_t i = 0; i < cat_models(c); i++)
        check_row(c, cat_model(c, i));
    image_fini(&image);
}

static void one_model_by_many_ids(void **state)
{
    static const char *const same[][2] = {
        {"anthropic", "claude-sonnet-4-5"},
        {"anthropic", "claude-sonnet-4-5-20250929"},
        {"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"vertex", "claude-sonnet-4-5@20250929"},
        {"openrouter", "anthropic/claude-sonnet-4.5"},
    };
    const struct cat_head *c;
    struct image image = build("providers: { mock: }\n", &c);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_ptr_equal(get(c, same[i][0], same[i][1]), get(c, same[0][0], same[0][1]));
    assert_ptr_equal(get(c, "azure", "gpt-4o"), get(c, "openai", "gpt-4o-2024-08-06"));
    assert_ptr_equal(get(c, "openai", "ft:gpt-4o-mini-2024-07-18:org::id"),
                     get(c, "openai", "gpt-4o-mini"));
    image_fini(&image);
}

/* Only what refuses budget_tokens is asked by effort alone. */
static void claude_is_asked_as_its_versions_want(void **state)
{
    static const char *const adaptive[] = {"claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5"};
    static const char *const budget[] = {"claude-opus-4-6", "claude-sonnet-4-6",
                                         "claude-haiku-4-5"};
    const struct cat_head *c;
    struct image image = build("providers: { mock: }\n", &c);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(adaptive); i++)
        assert_true((get(c, "anthropic", adaptive[i])->flags & MODEL_ADAPTIVE) != 0);
    for (size_t i = 0; i < ARRAY_LEN(budget); i++)
        assert_true((get(c, "anthropic", budget[i])->flags & (MODEL_ADAPTIVE | MODEL_REASONING)) ==
                    MODEL_REASONING);
    assert_true((get(c, "anthropic", "claude-opus-4-8")->flags & MODEL_SYSTEM_TURNS) != 0);
    assert_true((get(c, "anthropic", "claude-opus-4-7")->flags & MODEL_SYSTEM_TURNS) == 0);
    image_fini(&image);
}

/* --- what a configuration says --- */

static void entries_change_members_and_add_ids(void **state)
{
    const struct cat_head *plain;
    const struct cat_head *c;
    struct image before = build("providers: { mock: }\n", &plain);
    struct image after =
        build("providers: { mock: }\n"
              "catalogue:\n"
              "  gpt-4o: { max_output: 4000, ids: { azure: [ our-4o, gpt-4 ] } }\n"
              "  house: { title: House, maker: us, released: 2026-02, knowledge: 2025,\n"
              "           can: [ chat, tools ], ids: { vllm: /models/house } }\n",
              &c);
    const struct cat_model *m = get(c, "openai", "gpt-4o");

    (void)state;
    assert_int_equal(m->max_output, 4000);
    assert_int_equal(m->context, get(plain, "openai", "gpt-4o")->context);
    assert_int_equal(m->flags, get(plain, "openai", "gpt-4o")->flags);
    assert_ptr_equal(get(c, "azure", "our-4o"), m);
    assert_ptr_equal(get(c, "azure", "gpt-4"), m); /* another model's before */
    assert_ptr_not_equal(get(c, "openai", "gpt-4"), m);
    assert_ptr_not_equal(get(plain, "azure", "gpt-4"), get(plain, "openai", "gpt-4o"));
    assert_true(str_eq(cat_id_at(c, m, STR("azure"), STR("gpt-4o")), STR("gpt-4o")));
    assert_true(str_eq(cat_id_at(c, m, STR("azure"), STR("")), STR("our-4o")));
    m = get(c, "vllm", "/models/house");
    assert_int_equal(m->flags, MODEL_KNOWN | MODEL_CHAT | MODEL_TOOLS);
    assert_int_equal(m->released, 20260200);
    assert_int_equal(m->knowledge, 20250000);
    assert_int_equal(cat_models(c), cat_models(plain) + 1);
    image_fini(&before);
    image_fini(&after);
}

static void a_damaged_one_is_not_published(void **state)
{
    const struct cat_head *c;
    struct image image = build("providers: { mock: }\n", &c);
    struct region published = REGION_NONE(REGION_PUBLISHED);
    struct region secrets = REGION_NONE(REGION_SECRETS);
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &published, &err), 0);
    assert_int_equal(region_create(REGION_SECRETS, 1, &secrets, &err), 0);
    image.bytes->catalogue += 8;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), -1);
    image.bytes->catalogue = image.bytes->bytes;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), -1);
    image.bytes->catalogue = 0;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), 1);
    region_close(&published);
    region_close(&secrets);
    image_fini(&image);
}

/* --- its own file, and what is wrong with one --- */

static int load(const char *text, struct config **out, struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct conf_source source = {"t.yaml", str_of(text), master_env};

    err->text[0] = '\0';
    return config_load_text(&source, NULL, &vendors, out, err);
}

static void expect_findings(const char *text, const char *findings)
{
    struct config *conf = NULL;
    struct error err;

    assert_int_equal(load(text, &conf, &err), -1);
    assert_string_equal(err.text, findings);
}

static void findings_name_the_line(void **state)
{
    (void)state;
    expect_findings("catalogue: [ a ]\n",
                    "t.yaml:1: catalogue must be a mapping of models, or a file's name, is a list");
    expect_findings("catalogue:\n  a:\n    contxt: 1\n",
                    "t.yaml:3: unknown key \"contxt\" in catalogue.a, did you mean \"context\"?");
    expect_findings("catalogue:\n  a: { context: 0 }\n",
                    "t.yaml:2: catalogue.a.context must be between 1 and 1000000000, is \"0\"");
    expect_findings("catalogue:\n  a:\n    ids:\n      opnai: x\n",
                    "t.yaml:4: catalogue.a.ids: there is no vendor \"opnai\"");
    expect_findings("catalogue:\n  a: { released: 2025-13 }\n",
                    "t.yaml:2: catalogue.a.released must be a date: 2025-09-29, 2025-09 or 2025, "
                    "is \"2025-13\"");
    expect_findings("catalogue:\n  a: { can: [ chat, fly ] }\n",
                    "t.yaml:2: catalogue.a.can[1] must be one of chat, embed, rerank, images, "
                    "audio, documents, tools, schema, reasoning, adaptive, effort, system_turns, "
                    "is \"fly\"");
    expect_findings(
        "catalogue:\n  a:\n    ids: { openai: x }\n  b:\n    ids: { openai: [ y, x ] }\n",
        "t.yaml:5: catalogue.b.ids: openai's \"x\" is in line 3");
    expect_findings("catalogue: /nonexistent/c.yaml\n",
                    "t.yaml:1: catalogue cannot be read: /nonexistent/c.yaml: No such file or "
                    "directory");
    expect_findings("catalogue: /dev/zero\n",
                    "t.yaml:1: catalogue must name a regular file, /dev/zero is none");
}

/* A file of this text; its path in `path`. */
static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    fd_close(&fd);
}

static void a_file_of_its_own(void **state)
{
    char good[] = "/tmp/bowfin-known-XXXXXX";
    char bad[] = "/tmp/bowfin-known-XXXXXX";
    char text[100];
    char findings[200];
    struct config *conf = NULL;
    struct error err;
    struct buf out = BUF_INIT;

    (void)state;
    write_file(good, "# ours\nhouse: { context: 5 }\n");
    (void)snprintf(text, sizeof(text), "catalogue: %s\n", good);
    if (load(text, &conf, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(conf->n_catalogue, 1);
    assert_int_equal(conf->catalogue[0].context, 5);
    config_export(conf, CONFIG_YAML, &out);
    assert_non_null(strstr(out.data, good)); /* as it was written */
    config_free(conf);
    write_file(bad, "house:\n  context: x\n");
    (void)snprintf(text, sizeof(text), "catalogue: %s\n", bad);
    (void)snprintf(findings, sizeof(findings),
                   "t.yaml:1: %s:2: house.context must be a whole number between 1 and 1000000000, "
                   "is \"x\"",
                   bad);
    expect_findings(text, findings);
    buf_fini(&out);
    (void)unlink(good);
    (void)unlink(bad);
}

static void export_loads_again(void **state)
{
    static const char text[] = "catalogue:\n"
                               "  \"a b\": {}\n";
    static const char whole[] =
        "catalogue:\n"
        "  a/b: { title: \"A: B\", maker: us, released: 2025-09-29, knowledge: 2025, context: 10,\n"
        "         max_output: 5, can: [ chat, effort ], ids: { openai: [ x, y ], azure: x } }\n"
        "  c: { can: [] }\n";
    struct config *conf = NULL;
    struct config *again = NULL;
    struct error err;
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(load(text, &conf, &err), -1); /* a name has no blanks */
    if (load(whole, &conf, &err) != 0)
        fail_msg("%s", err.text);
    config_export(conf, CONFIG_YAML, &a);
    if (load(a.data, &again, &err) != 0)
        fail_msg("%s in\n%s", err.text, a.data);
    config_export(again, CONFIG_YAML, &b);
    assert_string_equal(a.data, b.data);
    assert_int_equal(again->catalogue[0].released, 20250929);
    assert_int_equal(again->catalogue[0].knowledge, 20250000);
    assert_int_equal(again->catalogue[0].n_ids, 3);
    assert_true(again->catalogue[1].has_can);
    config_free(conf);
    config_free(again);
    buf_fini(&a);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(one_model_by_many_ids),
        cmocka_unit_test(claude_is_asked_as_its_versions_want),
        cmocka_unit_test(entries_change_members_and_add_ids),
        cmocka_unit_test(a_damaged_one_is_not_published),
        cmocka_unit_test(findings_name_the_line),
        cmocka_unit_test(a_file_of_its_own),
        cmocka_unit_test(export_loads_again),
    };

    return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
