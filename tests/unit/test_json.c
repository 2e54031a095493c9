#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/mman.h>

#include "server/base/buf.h"
#include "server/base/json.h"

static struct json_parser *parser;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    parser = json_parser_create();
    arena = arena_create(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_parser_free(parser);
    json_parser_free(NULL);
    arena_free(arena);
    return 0;
}

struct collected {
    struct buf text; /* "key=raw;" */
    int left;        /* stop after so many, -1: never */
};

static bool collect(void *ctx, const struct json_member *m)
{
    struct collected *c = ctx;

    buf_printf(&c->text, "%.*s=%.*s/%d;", STR_ARGS(m->key), STR_ARGS(m->raw), (int)m->type);
    return --c->left != 0;
}

static void expect_members(struct str text, const char *members)
{
    struct collected c = {BUF_INIT, -1};
    struct json_error err = {NULL, 0};

    buf_cstr(&c.text, "");
    assert_int_equal(json_scan(parser, text, collect, &c, &err), 0);
    assert_string_equal(c.text.data, members);
    buf_fini(&c.text);
}

static void scans_members_as_they_stand(void **state)
{
    (void)state;
    expect_members(STR("{}"), "");
    expect_members(
        STR(" { \"model\" : \"gpt\" , \"n\":1.50,\"a\":[1, {\"model\":2}] ,\"t\":true }\n"),
        "model=\"gpt\"/3;n=1.50/2;a=[1, {\"model\":2}]/4;t=true/1;");
    expect_members(STR("{\"a\\\"b\":{\"x\":null},\"\":null,\"a\\\"b\":-0}"),
                   "a\\\"b={\"x\":null}/5;=null/0;a\\\"b=-0/2;");
    expect_members(STR("{\"e\":\"q\\\"\\\\\",\"big\":123456789012345678901234567890,\"x\":1e400}"),
                   "e=\"q\\\"\\\\\"/3;big=123456789012345678901234567890/2;x=1e400/2;");
}

static void stops_when_told(void **state)
{
    struct collected c = {BUF_INIT, 1};
    struct json_error err;

    (void)state;
    assert_int_equal(json_scan(parser, STR("{\"a\":1,\"b\":oops}"), collect, &c, &err), 0);
    assert_string_equal(c.text.data, "a=1/2;");
    buf_fini(&c.text);
}

static bool ignore(void *ctx, const struct json_member *m)
{
    (void)ctx;
    (void)m;
    return true;
}

/* Each is wrong also where nobody looks: in values that the scan passes over. */
static const char *const wrong[] = {
    "",
    " ",
    "x",
    "{",
    "}",
    "[1",
    "{\"a\":1",
    "{\"a\":1}x",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1},",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":1.}",
    "{\"a\":.5}",
    "{\"a\":+1}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":0x10}",
    "{\"a\":1 2}",
    "{\"a\":1\v}",
    "{\"a\":NaN}",
    "{\"a\":tru}",
    "{\"a\":truee}",
    "{\"a\":nul}",
    "{\"a\":'x'}",
    "{\"a\":\"x}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":\"\\u123\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\udc00\"}",
    "{\"a\":\"\\ud800\\u0041\"}",
    "{\"a\":\"\\ud800\\ud800\"}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"\xc0\xaf\"}",
    "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{\"a\":,}",
    "{\"a\",1}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":[1,]}",
    "{\"a\":[,1]}",
    "{\"a\":[1}",
    "{\"a\":[1 2]}",
    "{\"a\":[1}]",
    "{\"a\":{\"b\":[}]}",
    "{\"a\":\"b\"\"c\"}",
    "{\"a\":\"b\"c}",
    "{\"a\":1\"b\"}",
    "{\"\\q\":1}",
    "{\"a\"::1}",
    "{\"a\":/* no */1}",
    "\xef\xbb\xbf{}",
};

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct json_error err = {NULL, 999999};
        struct str text = str_of(wrong[i]);

        if (json_scan(parser, text, ignore, NULL, &err) == 0)
            fail_msg("scanned: %s", wrong[i]);
        assert_non_null(err.text);
        assert_true(err.offset <= text.len);
        arena_reset(arena);
        if (json_parse(parser, arena, text, &err) != NULL)
            fail_msg("parsed: %s", wrong[i]);
    }
}

static void tells_where(void **state)
{
    struct json_error err;

    (void)state;
    assert_int_equal(json_scan(parser, STR("{\"a\":1,\"b\":01}"), ignore, NULL, &err), -1);
    assert_int_equal(err.offset, 11);
    assert_int_equal(json_scan(parser, STR("[1]"), ignore, NULL, &err), -1);
    assert_string_equal(err.text, "expected an object");
}

static void bounds_depth(void **state)
{
    struct buf b = BUF_INIT;
    struct json_error err;

    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        buf_clear(&b);
        for (int i = 0; i < JSON_DEPTH_MAX + extra; i++)
            buf_cstr(&b, i == 0 ? "{\"a\":" : i + 1 < JSON_DEPTH_MAX + extra ? "[" : "[1");
        for (int i = 0; i < JSON_DEPTH_MAX + extra; i++)
            buf_cstr(&b, i + 1 < JSON_DEPTH_MAX + extra ? "]" : "}");
        assert_int_equal(json_scan(parser, buf_view(&b), ignore, NULL, &err), extra ? -1 : 0);
        arena_reset(arena);
        assert_int_equal(json_parse(parser, arena, buf_view(&b), &err) == NULL, extra);
    }
    assert_string_equal(err.text, "nested too deeply");
    buf_fini(&b);
}

static void builds_trees(void **state)
{
    struct str text =
        STR("{\"s\":\"a\\n\\u00e9\\ud83d\\ude00\",\"n\":[1,2.50,[]],\"o\":{\"k\":true},"
            "\"dup\":1,\"dup\":2,\"\\u006bey\":null}");
    struct json_error err;
    struct json *root;
    struct json *node;
    uint64_t n = 0;
    bool yes = false;

    (void)state;
    arena_reset(arena);
    root = json_parse(parser, arena, text, &err);
    assert_non_null(root);
    assert_int_equal(root->n, 6);
    assert_str(root->raw, text.p);
    assert_str(json_str(json_get(root, "s")), "a\n\xc3\xa9\xf0\x9f\x98\x80");
    node = json_get(root, "n");
    assert_int_equal(node->n, 3);
    assert_str(node->raw, "[1,2.50,[]]");
    assert_str(node->child->next->text, "2.50");
    assert_int_equal(node->child->next->next->type, JSON_ARRAY);
    assert_null(node->child->next->next->child);
    assert_true(json_bool(json_get(json_get(root, "o"), "k"), &yes) && yes);
    assert_true(json_u64(json_get(root, "dup"), &n));
    assert_int_equal(n, 2); /* the last wins */
    assert_int_equal(json_get(root, "key")->type, JSON_NULL);
    /* chains over what is not there */
    assert_null(json_get(json_get(json_get(root, "nope"), "x"), "y"));
    assert_null(json_str(NULL).p);
    assert_false(json_u64(json_get(root, "s"), &n));
    assert_false(json_bool(json_get(root, "n"), &yes));
    root = json_parse(parser, arena, STR(" 42 "), &err);
    assert_non_null(root);
    assert_str(root->raw, "42");
}

static void bounds_nodes(void **state)
{
    struct buf b = BUF_INIT;
    struct json_error err;

    (void)state;
    buf_char(&b, '[');
    for (int i = 0; i < JSON_NODES_MAX; i++)
        buf_cstr(&b, "0,");
    buf_cstr(&b, "0]");
    arena_reset(arena);
    assert_null(json_parse(parser, arena, buf_view(&b), &err));
    assert_string_equal(err.text, "too many values");
    arena_reset(arena);
    buf_fini(&b);
}

/* Text of a stranger's: what it may build depends on its own size. */
static void bounds_nodes_by_bytes(void **state)
{
    struct buf b = BUF_INIT;
    struct json_error err;
    size_t before;

    (void)state;
    buf_char(&b, '[');
    for (int i = 0; i < JSON_NODES_FREE - 2; i++)
        buf_cstr(&b, "0,");
    buf_cstr(&b, "0]");
    arena_reset(arena);
    assert_non_null(json_parse_raw(parser, arena, buf_view(&b), &err)); /* with the array */
    b.len--;
    for (size_t i = 0; i < 2 * b.len / JSON_BYTES_A_NODE; i++)
        buf_cstr(&b, ",0");
    buf_char(&b, ']');
    arena_reset(arena);
    assert_null(json_parse_raw(parser, arena, buf_view(&b), &err));
    assert_string_equal(err.text, "too many values");
    assert_non_null(json_parse(parser, arena, buf_view(&b), &err)); /* our own may */
    buf_clear(&b);
    buf_char(&b, '[');
    for (int i = 0; i < 300000; i++) /* what real requests look like, and more */
        buf_cstr(&b, "{\"name\":\"a longer name of something\"},");
    buf_cstr(&b, "0]");
    arena_reset(arena);
    assert_non_null(json_parse_raw(parser, arena, buf_view(&b), &err));
    /* Many small trees in one arena, as the arguments of many calls are: together they are bounded. */
    buf_clear(&b);
    buf_char(&b, '[');
    for (int i = 0; i < JSON_NODES_FREE - 2; i++)
        buf_cstr(&b, "0,");
    buf_cstr(&b, "0]");
    arena_reset(arena);
    for (int i = 0; i < 1000 && json_parse_raw(parser, arena, buf_view(&b), &err) != NULL; i++)
        continue;
    assert_string_equal(err.text, "too many values");
    before = arena_bytes(arena);
    assert_in_range(before, JSON_ARENA_MAX / 2, 2 * JSON_ARENA_MAX);
    arena_reset(arena);
    assert_true(arena_bytes(arena) < before / 100);
    buf_fini(&b);
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t n;
    } cases[] = {
        {"0", true, 0},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"1.5e1", true, 15},
        {"1.50E+01", true, 15},
        {"100e-2", true, 1},
        {"0.0", true, 0},
        {"0e999999999999", true, 0},
        {"9007199254740993", true, 9007199254740993ull}, /* no double has it */
        {"18446744073709551615", true, UINT64_MAX},
        {"1844674407370955161.5e1", true, UINT64_MAX},
        {"18446744073709551615.000", true, UINT64_MAX},
        {"1000000000000000000000e-21", true, 1},
        {"18446744073709551616", false, 0},
        {"1e20", false, 0},
        {"1e999999999999", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"-1", false, 0},
        {"01", false, 0},
        {"", false, 0},
        {"\"1\"", false, 0},
        {"1e", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t n = 12345;

        if (json_raw_u64(str_of(cases[i].text), &n) != cases[i].ok)
            fail_msg("%s", cases[i].text);
        if (cases[i].ok)
            assert_true(n == cases[i].n);
    }
}

static void reads_doubles(void **state)
{
    struct json_error err;
    double d = 0;

    (void)state;
    arena_reset(arena);
    assert_true(json_double(json_parse(parser, arena, STR("-2.5e-3"), &err), &d));
    assert_true(d > -0.0026 && d < -0.0024);
    assert_false(json_double(json_parse(parser, arena, STR("1e400"), &err), &d));
    assert_false(json_double(json_parse(parser, arena, STR("\"1\""), &err), &d));
}

static void unescapes(void **state)
{
    (void)state;
    arena_reset(arena);
    assert_str(json_unescape(arena, STR("\"gpt\\/4\\u006f\"")), "gpt/4o");
    assert_str(json_unescape(arena, STR("\"\"")), "");
    assert_null(json_unescape(arena, STR("\"\\ud800\"")).p);
    assert_null(json_unescape(arena, STR("42")).p);
    assert_null(json_unescape(arena, STR("\"")).p);
    assert_null(json_unescape(arena, STR_NONE).p);
}

/* The text ends where readable memory ends, at every offset of the blocks that are read at once. */
static void reads_nothing_past_the_end(void **state)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    for (size_t len = 8; len < 400; len++) {
        struct json_error err;
        char *text = pages + 4096 - len;

        memset(text, 'x', len);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + len - 2, "\"}", 2);
        assert_int_equal(json_scan(parser, (struct str){text, len}, ignore, NULL, &err), 0);
        memset(text, '1', len);
        arena_reset(arena);
        assert_non_null(json_parse(parser, arena, (struct str){text, len}, &err));
        text[len - 1] = '\\';
        text[0] = '"';
        assert_null(json_parse(parser, arena, (struct str){text, len}, &err));
    }
    munmap(pages, 8192);
}

static void serves_large_then_small(void **state)
{
    struct buf b = BUF_INIT;
    struct json_error err;

    (void)state;
    buf_cstr(&b, "{\"a\":\"");
    for (int i = 0; i < 3000000; i++)
        buf_char(&b, 'x');
    buf_cstr(&b, "\"}");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_scan(parser, buf_view(&b), ignore, NULL, &err), 0);
        expect_members(STR("{\"a\":1}"), "a=1/2;");
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_members_as_they_stand),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(tells_where),
        cmocka_unit_test(bounds_depth),
        cmocka_unit_test(builds_trees),
        cmocka_unit_test(bounds_nodes),
        cmocka_unit_test(bounds_nodes_by_bytes),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(reads_doubles),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(reads_nothing_past_the_end),
        cmocka_unit_test(serves_large_then_small),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
