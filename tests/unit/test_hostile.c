/* Requests that are made to cost much: what the neutral form of them may keep, in each dialect. */
#include "tests/unit/unit.h"

#include "providers/dialect.h"

static struct chat_codec codec;

static int set_up(void **state)
{
    (void)state;
    /* a scratch of which nothing stays: what still points into it is seen by a sanitizer */
    codec = (struct chat_codec){arena_create(4096), arena_create(16), json_parser_create()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(codec.arena);
    arena_free(codec.scratch);
    json_parser_free(codec.json);
    return 0;
}

static const struct {
    enum dialect_id dialect;
    const char *head; /* an object without its end */
} requests[] = {
    {DIALECT_OPENAI, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"},
    {DIALECT_RESPONSES, "{\"model\":\"m\",\"input\":\"x\""},
    {DIALECT_ANTHROPIC, "{\"model\":\"m\",\"max_tokens\":9,"
                        "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"},
    {DIALECT_GEMINI, "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]"},
    {DIALECT_BEDROCK, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]"},
    {DIALECT_COHERE, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"},
};

static const struct chat_url url = {{"m", 1}, false};

static void many_values_leave_nothing_behind(void **state)
{
    struct buf body = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const struct dialect *d = dialect_get(requests[i].dialect);
        struct chat_error err = {.kind = 0};
        struct chat chat;

        buf_clear(&body);
        buf_cstr(&body, requests[i].head);
        buf_cstr(&body, ",\"nothing_known\":[0");
        for (int n = 0; n < 30000; n++)
            buf_cstr(&body, ",0");
        buf_cstr(&body, "]}");
        assert_int_equal(d->decode_request(&codec, &url, buf_view(&body), &chat, &err), 0);
        assert_true(arena_bytes(codec.arena) < 1 << 16);
        arena_reset(codec.scratch);
        assert_non_null(chat.extras);
        assert_str(chat.extras->name, "nothing_known");
    }
    buf_fini(&body);
}

/* "t\u006fols": keys are unescaped in scratch, and what a request keeps of them must not be there. */
static void names_from_escaped_keys_are_kept(void **state)
{
    static const char gemini[] =
        "{\"contents\":[{\"parts\":[{\"t\\u006folCall\":{}}]}],\"tools\":[{\"n\\u0065wTool\":{}}]}";
    static const char bedrock[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"},"
                                  "{\"n\\u0065wBlock\":{\"a\":1}}]}]}";
    struct chat_error err;
    struct chat chat;

    (void)state;
    assert_int_equal(dialect_gemini.decode_request(&codec, &url, str_of(gemini), &chat, &err), 0);
    arena_reset(codec.scratch);
    assert_str(chat.tools->name, "newTool");
    assert_str(chat.messages->blocks->name, "toolCall");
    assert_int_equal(dialect_bedrock.decode_request(&codec, &url, str_of(bedrock), &chat, &err), 0);
    arena_reset(codec.scratch);
    assert_str(chat.messages->blocks->next->name, "newBlock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_values_leave_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_from_escaped_keys_are_kept, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
