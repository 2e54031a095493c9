/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/yaml.h"
#include "server/base/buf.h"

struct tree {
    struct arena *arena;
    struct findings findings;
    struct node *root;
    int rc;
};

static void read_tree(struct tree *t, struct str text)
{
    t->arena = arena_create(4096);
    t->root = NULL;
    findings_init(&t->findings, "t.yaml", t->arena);
    t->rc = yaml_tree(t->arena, text, &t->findings, &t->root);
}

static const struct node *member(const struct node *mapping, const char *key)
{
    const struct node *node = mapping->child;

    while (node != NULL && !str_eq(node->key, str_of(key)))
        node = node->next;
    assert_non_null(node);
    return node;
}

static void a_tree_knows_its_lines(void **state)
{
    struct tree t;
    const struct node *b;

    (void)state;
    read_tree(&t, STR("a: 1\nb:\n  - x\n  - { c: 'y', d: }\n"));
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.root->type, NODE_MAPPING);
    assert_int_equal(t.root->n, 2);
    assert_int_equal(member(t.root, "a")->line, 1);
    assert_true(member(t.root, "a")->plain);
    b = member(t.root, "b");
    assert_int_equal(b->type, NODE_SEQUENCE);
    assert_int_equal(b->key_line, 2);
    assert_int_equal(b->n, 2);
    assert_int_equal(b->child->line, 3);
    assert_int_equal(b->child->column, 5);
    assert_false(member(b->child->next, "c")->plain);
    assert_int_equal(member(b->child->next, "c")->line, 4);
    assert_true(node_is_null(member(b->child->next, "d")));
    arena_free(t.arena);
}

static void empty_texts_have_no_root(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n...\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct tree t;

        read_tree(&t, str_of(texts[i]));
        assert_int_equal(t.rc, 0);
        assert_true(t.root == NULL || node_is_null(t.root));
        arena_free(t.arena);
    }
}

static void aliases_share_what_they_name(void **state)
{
    struct tree t;

    (void)state;
    read_tree(&t, STR("a: &x { k: v }\nb: *x\n"));
    assert_int_equal(t.rc, 0);
    assert_int_equal(member(t.root, "b")->line, 2);
    assert_true(str_eq(member(member(t.root, "b"), "k")->text, STR("v")));
    assert_true(str_eq(member(t.root, "a")->key, STR("a")));
    arena_free(t.arena);
}

static void findings_name_the_line(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3: duplicate key \"a\", first on line 1"},
        {"a: [1, 2\nb: 3\n", "t.yaml:2: not valid YAML: did not find expected ',' or ']', while "
                             "parsing a flow sequence"},
        {"a:\n\tb: 1\n", "t.yaml:2: not valid YAML: found character that cannot start any token "
                         "(tabs cannot indent; texts that start with one of @`%{}[]&*!|>'\" need "
                         "quotes)"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2: a second document starts here; one is enough"},
        {"a: !thing x\n", "t.yaml:1: tags (!name) have no meaning here, remove it"},
        {"a: 1\nb: *nowhere\n", "t.yaml:2: no anchor \"nowhere\" before this alias"},
        {"a: &a [*a]\n", "t.yaml:1: no anchor \"a\" before this alias"},
        {"b: &b { x: 1 }\na:\n  <<: *b\n",
         "t.yaml:3: merge keys (<<) are not supported: write the keys out, or use an alias for a "
         "whole value"},
        {"? [a]\n: 1\n", "t.yaml:1: a mapping's keys must be plain names"},
        {"a: \"x\\0y\"\n", "t.yaml:1: a text must not contain a NUL character"},
        {"a: 1\nb: \xff\n", "t.yaml:2: not readable as UTF-8 text: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = ERROR_INIT;
        struct tree t;

        read_tree(&t, str_of(cases[i].text));
        assert_int_equal(findings_report(&t.findings, &err), -1);
        assert_string_equal(err.text, cases[i].want);
        arena_free(t.arena);
    }
}

/* More duplicates than the small comparison takes, and all of them are told. */
static void duplicates_are_found_in_large_mappings(void **state)
{
    struct buf text = BUF_INIT;
    struct tree t;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "k%d: v\n", i % 990);
    read_tree(&t, buf_view(&text));
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.root->n, 990);
    assert_int_equal(t.findings.total, 10);
    arena_free(t.arena);
    buf_fini(&text);
}

static void bounds_hold(void **state)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct tree t;

    (void)state;
    for (int i = 0; i < 100; i++)
        buf_cstr(&text, "[");
    read_tree(&t, buf_view(&text));
    assert_int_equal(t.rc, -1);
    assert_int_equal(findings_report(&t.findings, &err), -1);
    assert_string_equal(err.text, "t.yaml:1: values are nested too deeply");
    arena_free(t.arena);
    buf_fini(&text);
}

/* Nine levels of ten would be a billion values. */
static void a_bomb_of_aliases_ends_at_the_bound(void **state)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct tree t;

    (void)state;
    buf_cstr(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&text, "%s*a%d", j > 0 ? ", " : "", i - 1);
        buf_cstr(&text, "]\n");
    }
    read_tree(&t, buf_view(&text));
    assert_int_equal(t.rc, -1);
    assert_int_equal(findings_report(&t.findings, &err), -1);
    assert_string_equal(err.text, "t.yaml:7: the file has too many values");
    assert_true(arena_bytes(t.arena) < 1u << 20);
    arena_free(t.arena);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_knows_its_lines),
        cmocka_unit_test(empty_texts_have_no_root),
        cmocka_unit_test(aliases_share_what_they_name),
        cmocka_unit_test(findings_name_the_line),
        cmocka_unit_test(duplicates_are_found_in_large_mappings),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(a_bomb_of_aliases_ends_at_the_bound),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
