/* The Responses dialect: requests that come from other dialects. */
#include "tests/unit/responses_fixture.h"

/* --- from other dialects --- */

/* A chat such as another dialect's decoder makes. */
static struct chat *foreign(void)
{
    struct chat *chat = arena_zalloc(codec.arena, sizeof(*chat));
    struct chat_message *m;
    struct chat_tool *t;
    struct chat_block *b;

    chat->from = DIALECT_ANTHROPIC;
    chat->reasoning.budget = BUDGET_UNSET;
    m = chat_add_message(&codec, chat, ROLE_SYSTEM);
    chat_add_block(&codec, m, BLOCK_TEXT)->text = STR("sys");
    m = chat_add_message(&codec, chat, ROLE_USER);
    chat_add_block(&codec, m, BLOCK_TEXT)->text = STR("q");
    t = chat_add_tool(&codec, chat);
    t->name = STR("f");
    m = chat_add_message(&codec, chat, ROLE_ASSISTANT);
    b = chat_add_block(&codec, m, BLOCK_THINKING);
    b->text = STR("hm");
    b->signature = STR("S");
    b->signer = SIGNER_ANTHROPIC;
    b = chat_add_block(&codec, m, BLOCK_THINKING);
    b->text = STR("mine");
    b->signature = STR("gAAA");
    b->signer = SIGNER_OPENAI;
    b = chat_add_block(&codec, m, BLOCK_TOOL_CALL);
    b->id = STR("toolu_1");
    b->name = STR("f");
    b->arguments = STR("{\"a\":\"b\"}");
    m = chat_add_message(&codec, chat, ROLE_USER);
    b = chat_add_block(&codec, m, BLOCK_TOOL_RESULT);
    b->id = STR("toolu_1");
    b->is_error = true;
    b = chat_add_block(&codec, m, BLOCK_TEXT);
    b->text = STR("and?");
    b->cache = CACHE_5M;
    return chat;
}

static void others_store_nothing_and_ask_for_sealed_reasoning(void **state)
{
    struct chat *chat = foreign();
    struct chat_loss loss = {.n_dropped = 0};
    struct str text;

    (void)state;
    chat->reasoning.budget = 9000;
    chat->max_tokens = 5;
    text = encode(chat, &loss);
    assert_str(
        text,
        "{\"model\":\"gpt-5.1\",\"instructions\":\"sys\",\"tools\":[{\"type\":\"function\","
        "\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}],"
        "\"reasoning\":{\"effort\":\"high\"},\"max_output_tokens\":16,\"store\":false,"
        "\"include\":[\"reasoning.encrypted_content\"],\"input\":["
        "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
        "\"text\":\"q\"}]},"
        "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"mine\"}],"
        "\"encrypted_content\":\"gAAA\"},"
        "{\"type\":\"function_call\",\"call_id\":\"toolu_1\",\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"toolu_1\",\"output\":\"\"},"
        "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
        "\"text\":\"and?\"}]}]}");
    assert_str(loss_header(&loss, codec.arena),
               "partial; dropped=thinking,is_error; changed=thinking_budget,max_tokens");
}

static void what_this_wire_lacks_is_reported(void **state)
{
    struct chat *chat = foreign();
    struct chat_loss loss = {.n_dropped = 0};
    struct str text;

    (void)state;
    chat->top_k = STR("5");
    chat->seed = STR("1");
    chat->presence_penalty = STR("0.1");
    chat->frequency_penalty = STR("0.1");
    chat->logit_bias = STR("{}");
    chat->service_tier = STR("standard_only");
    chat->n = 2;
    chat_add_stop(&codec, chat, STR("END"));
    chat_add_extra(&codec, chat, STR("mcp_servers"), STR("[]"));
    text = encode(chat, &loss);
    assert_false(has(text, "mcp_servers"));
    assert_str(loss_header(&loss, codec.arena),
               "partial; dropped=top_k,presence_penalty,frequency_penalty,seed,logit_bias,stop,n,"
               "service_tier,mcp_servers,thinking,is_error");
}

/* OpenAI's chat completions nest a free-form tool; a strict schema must be of the strict sort. */
static void tools_of_chat_completions(void **state)
{
    struct chat *chat = foreign();
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_tool *t = chat->tools;
    struct str text;

    (void)state;
    chat->from = DIALECT_OPENAI;
    t->strict = YES;
    t->schema = STR("{\"type\":\"object\",\"properties\":{}}");
    t = chat_add_tool(&codec, chat);
    t->name = STR("p");
    t->is_freeform = true;
    t->raw = STR("{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"description\":\"d\","
                 "\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\","
                 "\"definition\":\"start: x\"}}}}");
    t = chat_add_tool(&codec, chat);
    t->name = STR("memory");
    t->builtin = BUILTIN_OTHER;
    chat_add_extra(&codec, chat, STR("tools.custom.format"), STR_NONE);
    chat->messages->next->next->last->name = STR("p");
    chat->messages->next->next->last->arguments = STR("{\"input\":\"a\\n\"}");
    text = encode(chat, &loss);
    assert_has(text, "\"parameters\":{\"type\":\"object\",\"properties\":{},"
                     "\"additionalProperties\":false");
    assert_has(text, "{\"type\":\"custom\",\"name\":\"p\",\"description\":\"d\",\"format\":{"
                     "\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"start: x\"}}");
    assert_has(text, "{\"type\":\"custom_tool_call\",\"call_id\":\"toolu_1\",\"name\":\"p\","
                     "\"input\":\"a\\n\"}");
    assert_str(loss.dropped[0], "tools.memory");
    for (size_t i = 0; i < loss.n_dropped; i++)
        assert_false(str_eq(loss.dropped[i], STR("tools.custom.format")));
}

static void a_model_that_does_not_think_is_not_asked(void **state)
{
    struct chat_target plain = {.model = {"gpt-4.1", 7}, .model_flags = MODEL_KNOWN};
    struct chat *chat = foreign();
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;

    (void)state;
    chat->reasoning.effort = EFFORT_LOW;
    buf_clear(&out_buf);
    assert_int_equal(dialect_responses.encode_request(&codec, chat, &plain, &loss, &out_buf, &err),
                     0);
    assert_false(has(buf_view(&out_buf), "\"include\""));
    assert_false(has(buf_view(&out_buf), "effort"));
    assert_str(loss.dropped[0], "reasoning");
}

static void media_that_cannot_be_said_is_refused(void **state)
{
    static const struct {
        enum chat_block_kind kind;
        enum chat_source source;
    } cases[] = {
        {BLOCK_IMAGE, SOURCE_FILE},
        {BLOCK_DOCUMENT, SOURCE_FILE},
        {BLOCK_AUDIO, SOURCE_URL},
        {BLOCK_VIDEO, SOURCE_URL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat *chat = foreign();
        struct chat_loss loss = {.n_dropped = 0};
        struct chat_error err = {.status = 0};
        struct chat_block *b =
            chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_USER), cases[i].kind);

        b->media.source = cases[i].source;
        b->media.data = STR("x");
        assert_int_equal(
            dialect_responses.encode_request(&codec, chat, &target, &loss, &out_buf, &err), -1);
        assert_int_equal(err.status, 400);
    }
}

static void long_call_ids_are_shortened_alike(void **state)
{
    struct chat *chat = foreign();
    struct chat_loss loss = {.n_dropped = 0};
    struct str id = STR("0123456789012345678901234567890123456789012345678901234567890123456789");
    struct str text;
    const char *first;

    (void)state;
    chat->messages->next->next->last->id = id;
    chat->last_message->blocks->id = id;
    text = encode(chat, &loss);
    first = memmem(text.p, text.len, "\"call_id\":\"call_", 16);
    assert_non_null(first);
    assert_non_null(memmem(first + 16, text.len - (size_t)(first + 16 - text.p), first, 32));
    assert_str(loss.changed[0], "tool_call_id");
}

/* A request with one more turn begins with the same bytes. */
static void the_prefix_stays(void **state)
{
    struct chat *chat = foreign();
    struct str one, two;

    (void)state;
    one = encode(chat, NULL);
    chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_ASSISTANT), BLOCK_TEXT)->text =
        STR("a");
    chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_USER), BLOCK_TEXT)->text = STR("b");
    two = encode(chat, NULL);
    assert_true(two.len > one.len);
    assert_memory_equal(one.p, two.p, one.len - 2); /* without "]}" */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_store_nothing_and_ask_for_sealed_reasoning, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_this_wire_lacks_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tools_of_chat_completions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_model_that_does_not_think_is_not_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(media_that_cannot_be_said_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_call_ids_are_shortened_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_prefix_stays, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
