/* Requests of the Cohere dialect: read, written, and written for what other dialects said. */
#include "tests/unit/dialect_fixture.h"

static const char full[] =
    "{\"model\":\"command-a\",\"stream\":true,\"temperature\":0.30,\"p\":0.9,\"k\":40,\"seed\":7,"
    "\"frequency_penalty\":0.1,\"presence_penalty\":0.2,\"max_tokens\":100,\"stop_sequences\":"
    "[\"END\"],\"logprobs\":true,\"strict_tools\":true,\"tool_choice\":\"REQUIRED\",\"thinking\":{"
    "\"type\":\"enabled\",\"token_budget\":50},\"safety_mode\":\"STRICT\",\"priority\":3,"
    "\"citation_options\":{\"mode\":\"FAST\"},\"documents\":[\"plain \\u00e9\",{\"id\":\"d1\","
    "\"data\":{\"title\":\"T\",\"text\":\"inside\"}},{\"data\":{\"a\":1,\"b\":\"x\\ny\"}}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"does\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],"
    "\"messages\":[{\"role\":\"system\",\"content\":\"be good\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what is it\"},{\"type\":"
    "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\",\"detail\":\"low\"}},{"
    "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}]},"
    "{\"role\":\"assistant\",\"tool_plan\":\"I call f.\",\"content\":[{\"type\":\"thinking\","
    "\"thinking\":\"hm\"}],\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"
    "\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"{\\\"r\\\":2}\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"document\",\"document\":{"
    "\"data\":{\"deg\":20}}}]},"
    "{\"role\":\"assistant\",\"content\":\"20\",\"citations\":[{\"start\":0,\"end\":2,\"text\":"
    "\"20\",\"sources\":[{\"type\":\"tool\",\"id\":\"c2:0\",\"tool_output\":{\"deg\":20}}]}]},"
    "{\"role\":\"user\",\"content\":\"thanks\"}]}";

static void test_read(void **state)
{
    const struct chat *chat;

    (void)state;
    chat = fx_decode(full);
    assert_string_equal(
        fx_dump(chat),
        "chat model=command-a stream=1 include_usage=1 tool_choice=3 budget=50 max_tokens=100 "
        "logprobs=2 temperature=0.30 top_p=0.9 top_k=40 presence_penalty=0.2 frequency_penalty=0.1 "
        "seed=7 stop=END\n"
        "tool name=f description=does schema={\"type\":\"object\",\"properties\":{}} strict=2\n"
        "extra safety_mode raw=\"STRICT\"\n"
        "extra priority raw=3\n"
        "extra citation_options raw={\"mode\":\"FAST\"}\n"
        "system\n"
        "  text text=be good\n"
        "user\n"
        "  document name=documents source=4 type=text/plain data=plain \\u00e9\n"
        "  document name=documents source=4 type=text/plain data=inside file=T\n"
        "  document name=documents source=4 type=text/plain "
        "data={\\\"a\\\":1,\\\"b\\\":\\\"x\\\\ny\\\"}\n"
        "  text text=what is it\n"
        "  image source=1 type=image/png data=AAAA detail=low\n"
        "  image source=2 data=https://x/y.png\n"
        "assistant\n"
        "  thinking text=hm\n"
        "  text text=I call f.\n"
        "  tool_call id=c1 name=f arguments_text={\\\"x\\\":1}\n"
        "  tool_call id=c2 name=f arguments_text={}\n"
        "tool\n"
        "  tool_result id=c1 name=f\n"
        "    text text={\\\"r\\\":2}\n"
        "tool\n"
        "  tool_result id=c2 name=f\n"
        "    text text={\\\"deg\\\":20}\n"
        "assistant\n"
        "  text text=20 [citation title=c2:0 text=20 0-2]\n"
        "user\n"
        "  text text=thanks\n");
}

/* decode(encode(decode(x))) is decode(x), and the bytes stay. */
static void same_again(const char *body)
{
    const struct chat *chat = fx_decode(body);
    const char *before = fx_dump(chat);
    const char *once = fx_encode(chat, (struct chat_target){.model = chat->model}, NULL);
    const struct chat *again = fx_decode(once);

    assert_string_equal(fx_dump(again), before);
    assert_string_equal(fx_encode(again, (struct chat_target){.model = chat->model}, NULL), once);
}

static void test_identity(void **state)
{
    (void)state;
    same_again(full);
    same_again("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
               "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\","
               "\"text\":\"c\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
               "\"d\"},{\"type\":\"hologram\",\"x\":1}]}],\"response_format\":{\"type\":"
               "\"json_object\",\"json_schema\":{\"type\":\"object\",\"required\":[\"a\"]}},"
               "\"thinking\":{\"type\":\"disabled\"},\"raw_prompting\":false}");
}

/* One more turn: what was there is there again, to the last byte. */
static void test_prefix(void **state)
{
    static const char head[] =
        "{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":{}}}],\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
        "\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\"}}]},{\"role\":"
        "\"tool\",\"tool_call_id\":\"1\",\"content\":\"r\"}";
    const char *first, *second;

    (void)state;
    first = fx_encode(fx_decode(fx_joined(head, "]}")), (struct chat_target){0}, NULL);
    second = fx_encode(fx_decode(fx_joined(head, ",{\"role\":\"assistant\",\"content\":\"b\"},"
                                                 "{\"role\":\"user\",\"content\":\"c\"}]}")),
                       (struct chat_target){0}, NULL);
    assert_memory_equal(first, second, strlen(first) - 2);
}

static void test_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } bad[] = {
        {"{", "the body is not valid JSON"},
        {"[]", "the body must be an object"},
        {"{\"model\":\"m\"}", "messages is required"},
        {"{\"messages\":[]}", "messages must have at least one member"},
        {"{\"messages\":{}}", "messages must be an array"},
        {"{\"messages\":[1]}", "messages[0] must be an object"},
        {"{\"messages\":[{\"role\":\"x\"}]}", "messages[0].role must be one of"},
        {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content is required"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]}",
         "messages[0].content.type is required"},
        {"{\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
         "messages[0].tool_call_id is required"},
        {"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"9\",\"content\":\"a\"}]}",
         "answers no tool call before it"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"k\":\"1\"}",
         "k must be a number"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tool_choice\":\"AUTO\"}",
         "tool_choice must be REQUIRED or NONE"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"documents\":[5]}",
         "documents must be strings or objects"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{\"type\":\"function\","
         "\"function\":{}}]}",
         "tools.function needs a name"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"thinking\":{\"type\":\"enabled\","
         "\"token_budget\":0}}",
         "thinking.token_budget must be"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stop_sequences\":[\"1\",\"2\","
         "\"3\",\"4\",\"5\",\"6\"]}",
         "stop_sequences must have at most 5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (strstr(fx_refusal(bad[i].body), bad[i].says) == NULL)
            fail_msg("%s: %s", bad[i].body, fx_refusal(bad[i].body));
    }
}

/* --- said by others --- */

static void add_tool(struct chat *chat, const char *name, enum chat_three strict)
{
    struct chat_tool *t = chat_add_tool(&fx.codec, chat);

    t->name = str_of(name);
    t->strict = strict;
    t->schema = STR("{\"type\":\"object\"}");
}

#define HEAD "{\"model\":\"m\",\"stream\":false"

static void test_settings(void **state)
{
    struct chat *chat = fx_chat();

    (void)state;
    fx_add(chat, ROLE_DEVELOPER, BLOCK_TEXT, "dev");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "hi");
    add_tool(chat, "f", YES);
    add_tool(chat, "g", NO);
    chat->tool_choice = CHOICE_NAMED;
    chat->tool_name = STR("g");
    chat->temperature = STR("1.5");
    chat->top_p = STR("1");
    chat->top_k = STR("1000");
    chat->frequency_penalty = STR("-2");
    chat->seed = STR("5");
    chat->user = STR("u");
    chat->n = 2;
    chat->parallel_tools = NO;
    chat->reasoning.effort = EFFORT_LOW;
    for (int i = 0; i < 6; i++)
        chat_add_stop(&fx.codec, chat, STR("s"));
    assert_string_equal(
        fx_encode(chat, (struct chat_target){0},
                  "partial; dropped=parallel_tool_calls,n,user; "
                  "changed=stop,top_p,top_k,frequency_penalty,tool_choice,tools"),
        HEAD
        ",\"stop_sequences\":[\"s\",\"s\",\"s\",\"s\",\"s\"],\"temperature\":1.5,\"p\":0.99,"
        "\"k\":500,\"frequency_penalty\":0,\"seed\":5,\"thinking\":{\"type\":\"enabled\","
        "\"token_budget\":2048},\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\","
        "\"parameters\":{\"type\":\"object\"}}}],\"strict_tools\":false,\"tool_choice\":"
        "\"REQUIRED\",\"messages\":[{\"role\":\"system\",\"content\":\"dev\"},{\"role\":"
        "\"user\",\"content\":\"hi\"}]}");
}

static void test_format(void **state)
{
    struct chat *chat = fx_chat();

    (void)state;
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "hi");
    chat->format = FORMAT_SCHEMA;
    chat->format_name = STR("x");
    chat->format_schema = STR("{\"type\":\"object\"}");
    assert_non_null(strstr(fx_encode(chat, (struct chat_target){0}, NULL),
                           "\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\""
                           ":\"object\"}}"));
    add_tool(chat, "f", UNSET);
    assert_null(strstr(fx_encode(chat, (struct chat_target){0}, "partial; dropped=response_format"),
                       "format"));
    chat->tools = NULL;
    chat->format = FORMAT_JSON;
    chat->reasoning.effort = EFFORT_HIGH;
    assert_string_equal(
        fx_encode(chat, (struct chat_target){.model_flags = MODEL_KNOWN},
                  "partial; dropped=reasoning"),
        HEAD ",\"response_format\":{\"type\":\"json_object\"},\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}");
}

/* Two results with an image between them, and a text behind: Anthropic's shape. */
static void test_results(void **state)
{
    struct chat *chat = fx_chat();
    struct chat_block *b;
    struct chat_message *m;

    (void)state;
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "hi");
    fx_add(chat, ROLE_ASSISTANT, BLOCK_THINKING, "signed")->signature = STR("sig");
    m = chat->last_message;
    m->last->signer = SIGNER_ANTHROPIC;
    chat_add_block(&fx.codec, m, BLOCK_TEXT)->text = STR("let me");
    for (int i = 1; i < 3; i++) {
        b = chat_add_block(&fx.codec, m, BLOCK_TOOL_CALL);
        b->id = i == 1 ? STR("a") : STR("b");
        b->name = STR("f");
        b->arguments = STR("{\"q\":\"x\"}");
    }
    m = chat_add_message(&fx.codec, chat, ROLE_USER);
    b = chat_add_block(&fx.codec, m, BLOCK_TOOL_RESULT);
    b->id = STR("a");
    b->content = arena_zalloc(fx.codec.arena, sizeof(*b));
    b->content->kind = BLOCK_IMAGE;
    b->content->media =
        (struct chat_media){.source = SOURCE_BASE64, .type = STR("image/png"), .data = STR("AA")};
    b = chat_add_block(&fx.codec, m, BLOCK_TOOL_RESULT);
    b->id = STR("b");
    b->is_error = true;
    b->content = arena_zalloc(fx.codec.arena, sizeof(*b));
    b->content->kind = BLOCK_TEXT;
    b->content->text = STR("bad");
    chat_add_block(&fx.codec, m, BLOCK_TEXT)->text = STR("so?");
    assert_string_equal(
        fx_encode(chat, (struct chat_target){0},
                  "partial; dropped=thinking,is_error; changed=messages.content"),
        HEAD
        ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
        "\"tool_plan\":\"let me\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"q\\\":\\\"x\\\"}\"}},{\"id\":\"b\","
        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{\\\"q\\\":\\\"x\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"(see below)\"}]},{\"role\":\"tool\",\"tool_call_id\":"
        "\"b\",\"content\":\"bad\"},{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]},{\"role\":\"user\","
        "\"content\":\"so?\"}]}");
}

static void test_documents(void **state)
{
    struct chat *chat = fx_chat();
    struct chat_block *b = fx_add(chat, ROLE_USER, BLOCK_DOCUMENT, "");
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_target target = {.model = STR("m")};
    struct chat_error err;

    (void)state;
    b->media =
        (struct chat_media){.source = SOURCE_TEXT, .data = STR("long"), .name = STR("a.txt")};
    assert_string_equal(
        fx_encode(chat, (struct chat_target){0}, "partial; changed=messages.content.document"),
        HEAD ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
             "\"<document title=\\\"a.txt\\\">\\nlong\\n</document>\"}]}]}");
    b->media.source = SOURCE_BASE64;
    b->media.type = STR("application/pdf");
    assert_int_equal(dialect_cohere.encode_request(&fx.codec, chat, &target, &loss, &fx.out, &err),
                     -1);
    assert_int_equal(err.status, 400);
    assert_true(str_eq(err.param, STR("messages[0]")));
}

/* A loop with Claude behind it: what only Claude reads comes back to it. */
static void test_foreign_signatures(void **state)
{
    const struct chat *chat = fx_decode(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"bf_signature\":"
        "\"bf1.a.SIG\"},{\"type\":\"thinking\",\"thinking\":\"\",\"bf_redacted\":\"bf1.a.RED\"}],"
        "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"},\"bf_signature\":\"bf1.g.GEM\"}]}]}");
    const struct chat_block *b = chat->last_message->blocks;

    (void)state;
    assert_int_equal(b->kind, BLOCK_THINKING);
    assert_true(str_eq(b->signature, STR("SIG")) && b->signer == SIGNER_ANTHROPIC);
    b = b->next;
    assert_int_equal(b->kind, BLOCK_REDACTED);
    assert_true(str_eq(b->signature, STR("RED")) && b->signer == SIGNER_ANTHROPIC);
    b = b->next;
    assert_int_equal(b->kind, BLOCK_TOOL_CALL);
    assert_true(str_eq(b->signature, STR("GEM")) && b->signer == SIGNER_GEMINI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(test_read),    fx_test(test_identity),  fx_test(test_prefix),
        fx_test(test_refused), fx_test(test_settings),  fx_test(test_format),
        fx_test(test_results), fx_test(test_documents), fx_test(test_foreign_signatures),
    };

    fx.dialect = &dialect_cohere;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
