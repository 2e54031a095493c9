/* Token counts: asked in one dialect, told in another; and estimates. */
#include "tests/unit/dialect_fixture.h"

#include "providers/count.h"

static struct chat *chat_of(enum dialect_id from, const char *body)
{
    struct chat *chat = arena_alloc(fx.codec.arena, sizeof(*chat));
    struct chat_url url = {.model = STR("m")};
    struct chat_error err;

    if (count_dialect_get(from)->decode_request(&fx.codec, &url, str_of(body), chat, &err) != 0)
        fail_msg("%.*s", STR_ARGS(err.message));
    return chat;
}

static const char *asked(enum dialect_id to, const struct chat *chat)
{
    struct chat_target target = {.model = STR("up")};
    struct json_error fault;
    struct chat_error err;

    buf_clear(&fx.out);
    assert_int_equal(count_dialect_get(to)->encode_request(&fx.codec, chat, &target, &fx.out, &err),
                     0);
    assert_non_null(json_parse(fx.codec.json, fx.codec.arena, buf_view(&fx.out), &fault));
    return fx_keep(&fx.out);
}

static const struct {
    enum dialect_id dialect;
    const char *ask, *told;
} wires[] = {
    {DIALECT_ANTHROPIC, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "{\"input_tokens\":3}"},
    {DIALECT_GEMINI, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}",
     "{\"totalTokens\":3}"},
    {DIALECT_GEMINI,
     "{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[{\"role\":\"user\","
     "\"parts\":[{\"text\":\"hi\"}]}]}}",
     "{\"totalTokens\":3}"},
    {DIALECT_RESPONSES, "{\"model\":\"m\",\"input\":\"hi\"}",
     "{\"object\":\"response.input_tokens\",\"input_tokens\":3}"},
    {DIALECT_BEDROCK,
     "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"
     "}}",
     "{\"inputTokens\":3}"},
    {DIALECT_COHERE, "{\"model\":\"m\",\"text\":\"hi\"}",
     "{\"tokens\":[0,0,0],\"token_strings\":[],\"meta\":{\"api_version\":{\"version\":\"1\"}}}"},
};

/* Every pair: the same words arrive, and the same number comes back. */
static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        const struct chat *chat = chat_of(wires[i].dialect, wires[i].ask);
        uint64_t n = 0;

        for (size_t k = 0; k < ARRAY_LEN(wires); k++) {
            assert_true(count_can(wires[k].dialect, chat));
            assert_non_null(strstr(asked(wires[k].dialect, chat), "\"hi\""));
        }
        assert_true(count_dialect_get(wires[i].dialect)->read(str_of(wires[i].told), &n));
        assert_int_equal(n, 3);
        buf_clear(&fx.out);
        count_dialect_get(wires[i].dialect)->write(3, &fx.out);
        assert_string_equal(fx_keep(&fx.out), wires[i].told);
        assert_false(count_dialect_get(wires[i].dialect)->read(STR("{\"message\":\"no\"}"), &n));
    }
}

static void test_written(void **state)
{
    const struct chat *chat = chat_of(
        DIALECT_ANTHROPIC, "{\"model\":\"m\",\"system\":\"s\",\"tools\":[{\"name\":\"f\","
                           "\"input_schema\":{\"type\":\"object\"}}],\"messages\":[{\"role\":"
                           "\"user\",\"content\":\"hi\"}]}");

    (void)state;
    assert_string_equal(
        asked(DIALECT_BEDROCK, chat),
        "{\"input\":{\"converse\":{\"system\":[{\"text\":\"s\"}],\"toolConfig\":{\"tools\":[{"
        "\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]},"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}}}");
    assert_memory_equal(asked(DIALECT_GEMINI, chat),
                        "{\"generateContentRequest\":{\"model\":\"models/up\",", 45);
    assert_false(count_can(DIALECT_COHERE, chat)); /* tools are no text */
    assert_false(count_can(DIALECT_OPENAI, chat));
}

static void test_estimate(void **state)
{
    struct chat *chat = fx_chat();

    (void)state;
    assert_int_equal(count_estimate(chat), 1);
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "forty letters of text are about ten.....");
    assert_int_equal(count_estimate(chat), 10);
    fx_add(chat, ROLE_USER, BLOCK_IMAGE, "");
    assert_int_equal(count_estimate(chat), 1010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(test_pairs),
        fx_test(test_written),
        fx_test(test_estimate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
