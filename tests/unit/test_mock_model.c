/* What a model's name asks for, and how its words are counted. */
#include "tests/unit/unit.h"

#include "server/base/base.h"
#include "tools/mock/model.h"
#include "tools/mock/text.h"

static void test_names(void **state)
{
    static const struct {
        const char *name;
        enum model_kind kind;
        uint32_t number, gap_ms;
    } cases[] = {
        {"echo", MODEL_ECHO, 0, 0},
        {"lorem-20", MODEL_LOREM, 20, 0},
        {"lorem-0", MODEL_LOREM, 0, 0},
        {"lorem-20-5", MODEL_LOREM, 20, 5},
        {"slow-70", MODEL_SLOW, 70, 0},
        {"error-429", MODEL_ERROR, 429, 0},
        {"hang", MODEL_HANG, 0, 0},
        {"cut-3", MODEL_CUT, 3, 0},
        {"tool", MODEL_TOOL, 1, 0},
        {"json", MODEL_JSON, 0, 0},
        {"tool-2", MODEL_TOOL, 2, 0},
        {"think", MODEL_THINK, 1, 0},
        {"refuse", MODEL_REFUSE, 0, 0},
        {"image", MODEL_IMAGE, 0, 0},
        {"flaky-10", MODEL_FLAKY, 10, 0},
        {"gpt-4o-mini", MODEL_ECHO, 0, 0},
        {"claude-think", MODEL_THINK, 1, 0},
        {"gemini-3-tool-2", MODEL_TOOL, 2, 0},
        {"claude-sonnet-4-5", MODEL_ECHO, 0, 0},
        {"gemini-3-pro", MODEL_ECHO, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = {0};

        assert_true(model_parse(str_of(cases[i].name), &m));
        assert_int_equal(m.kind, cases[i].kind);
        assert_int_equal(m.number, cases[i].number);
        assert_int_equal(m.gap_ms, cases[i].gap_ms);
    }
}

static void test_misspelt_names(void **state)
{
    static const char *const names[] = {"lorem-",    "lorem-x",       "lorem-1-",   "lorem-1-2-3",
                                        "slow--1",   "error-200",     "error-9999", "cut-1-2",
                                        "flaky-101", "lorem-1000001", "tool-0",     "tool-33"};
    struct model m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(model_parse(str_of(names[i]), &m));
}

static void test_lorem_has_as_many_tokens(void **state)
{
    static const uint32_t sizes[] = {0, 1, 2, 31, 32, 33, 64, 1000, MODEL_TOKENS_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(text_count(text_lorem(sizes[i])), sizes[i]);
}

static void test_tokens_do_not_cut_characters(void **state)
{
    struct str text = STR("a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 \xf0\x9f\x98\x80  end ");
    size_t total = 0;

    (void)state;
    while (text.len > 0) {
        size_t n = text_token(text);

        assert_true(n > 0);
        text = str_skip(text, n);
        assert_true(text.len == 0 || ((unsigned char)text.p[0] & 0xc0) != 0x80);
        total++;
    }
    assert_int_equal(total, 5);
    assert_str(text_head(STR("one two three"), 2), "one two");
    assert_str(text_head(STR("one two"), 9), "one two");
    assert_str(text_head(STR("one two"), 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_misspelt_names),
        cmocka_unit_test(test_lorem_has_as_many_tokens),
        cmocka_unit_test(test_tokens_do_not_cut_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
