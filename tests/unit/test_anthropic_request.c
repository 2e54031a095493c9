/* Requests of the Anthropic dialect: what is understood of them. */
#include "tests/unit/dialect_fixture.h"

#include "providers/dialects/anthropic.h"

#define TOP "{\"model\":\"m\",\"max_tokens\":9000,"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define SAID(block)                                                                                \
    TOP "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}," block  \
        "]}]}"

static const char everything[] =
    "{\"model\":\"claude-opus-4-1\",\"max_tokens\":2048,\"stream\":true,\"temperature\":0.70,"
    "\"top_k\":40,\"stop_sequences\":[\"END\",\"\\n\\nHuman:\"],\"metadata\":{\"user_id\":\"u1\"},"
    "\"service_tier\":\"standard_only\","
    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"weather\",\"disable_parallel_tool_use\":true},"
    "\"tools\":[{\"name\":\"weather\",\"description\":\"says \\\"it\\\"\",\"input_schema\":"
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}},"
    "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
    "\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\"},{\"type\":\"text\",\"text\":\"Or "
    "not.\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
    "\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"image\",\"source\":{"
    "\"type\":\"url\",\"url\":\"https://x/y.png\"}},{\"type\":\"document\",\"source\":{\"type\":"
    "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBE\"},\"title\":\"T\"},"
    "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"
    "\"d\\n\"}},{\"type\":\"text\",\"text\":\"Weather?\"}]},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
    "\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"},"
    "{\"type\":\"text\",\"text\":\"I'll look.\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\","
    "\"name\":\"weather\",\"input\":{\"city\": \"Rome\"}},{\"type\":\"tool_use\",\"id\":"
    "\"toolu_2\",\"name\":\"weather\",\"input\":{}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\","
    "\"content\":\"21 C\"},{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"content\":["
    "{\"type\":\"text\",\"text\":\"no\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\","
    "\"media_type\":\"image/jpeg\",\"data\":\"/9j/\"}}],\"is_error\":true,"
    "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"So?\"}]}]}";

static void all_of_it_is_understood(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(everything)),
        "chat model=claude-opus-4-1 stream=1 tool_choice=4 tool_name=weather parallel=1 "
        "max_tokens=2048 temperature=0.70 top_k=40 user=u1 service_tier=default stop=END "
        "stop=\\n\\nHuman:\n"
        "tool name=weather description=says \\\"it\\\" "
        "schema={\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}} cache=2\n"
        "system\n"
        "  text text=Be brief.\n"
        "  text text=Or not. cache=1\n"
        "user\n"
        "  image source=1 type=image/png data=AAAA\n"
        "  image source=2 data=https://x/y.png\n"
        "  document source=1 type=application/pdf data=JVBE file=T\n"
        "  document source=4 type=text/plain data=d\\n\n"
        "  text text=Weather?\n"
        "assistant\n"
        "  thinking text=hm signature=c2ln signer=1\n"
        "  redacted signature=cmVk signer=1\n"
        "  text text=I'll look.\n"
        "  tool_call id=toolu_1 name=weather arguments={\"city\": \"Rome\"}\n"
        "  tool_call id=toolu_2 name=weather arguments={}\n"
        "tool\n"
        "  tool_result id=toolu_1 name=weather\n"
        "    text text=21 C\n"
        "  tool_result id=toolu_2 name=weather is_error=1 cache=1\n"
        "    text text=no\n"
        "    image source=1 type=image/jpeg data=/9j/\n"
        "user\n"
        "  text text=So?\n");
}

/* Written anew from the neutral form, it says the same; and twice the same bytes. */
static void there_and_back(void **state)
{
    static const char *const bodies[] = {
        everything,
        TOP HI,
        TOP "\"top_p\":0.99,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000,"
            "\"display\":\"omitted\"}," HI,
        TOP "\"thinking\":{\"type\":\"disabled\"}," HI,
        TOP "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
            "\"object\",\"properties\":{},\"additionalProperties\":false}}}," HI,
        TOP "\"tool_choice\":{\"type\":\"any\"},\"tools\":[{\"type\":\"custom\",\"name\":\"a\","
            "\"strict\":true,\"input_schema\":{\"type\":\"object\",\"additionalProperties\":false}}"
            "]," HI,
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(bodies); i++) {
        struct chat *first = fx_decode(bodies[i / 2]);
        struct chat_target same = {.model = first->model};
        struct chat *second;
        const char *wire;

        if (i % 2 == 1) /* as if another dialect had said it: nothing raw of this one's is used */
            first->from = DIALECT_OPENAI;
        wire = fx_encode(first, same, NULL);
        second = fx_decode(wire);
        second->from = first->from;
        assert_string_equal(fx_dump(first), fx_dump(second));
        assert_string_equal(wire, fx_encode(second, same, NULL));
    }
}

static void system_texts_in_all_their_places(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(
            TOP "\"system\":\"one\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                "\"text\",\"text\":\"a\"},{\"type\":\"mid_conv_system\",\"content\":[{\"type\":"
                "\"text\",\"text\":\"two\"}]},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":"
                "\"system\",\"content\":\"three\"},{\"role\":\"assistant\",\"content\":\"c\"}]}")),
        "chat model=m max_tokens=9000\n"
        "system\n  text text=one\nuser\n  text text=a\nsystem\n  text text=two\nuser\n  text "
        "text=b\nsystem\n  text text=three\nassistant\n  text text=c\n");
}

static void texts_that_come_as_documents(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(SAID(
            "{\"type\":\"search_result\",\"source\":\"https://s\",\"title\":\"S\",\"content\":["
            "{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}],"
            "\"citations\":{\"enabled\":true}},"
            "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":\"z\"},"
            "\"context\":\"why\",\"citations\":{\"enabled\":true}},"
            "{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"f1\"}}"))),
        "chat model=m max_tokens=9000\n"
        "extra messages.content.source\n"
        "extra messages.content.citations\n"
        "extra messages.content.context\n"
        "user\n  text text=a\n"
        "  document source=4 type=text/plain data=x\\n\\ny file=S\n"
        "  document source=4 type=text/plain data=z\n"
        "  document source=3 data=f1\n");
}

static void thinking_and_output(void **state)
{
    static const struct {
        const char *members, *dump;
    } cases[] = {
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},", " budget=2000"},
        {"\"thinking\":{\"type\":\"disabled\"},", " effort=1"},
        {"\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},", " show=2 adaptive=1"},
        {"\"output_config\":{\"effort\":\"xhigh\"},", " effort=6"},
        {"\"thinking\":null,\"output_config\":{\"format\":null},", ""},
        {"\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"a\":1}},",
         " format=3 format_schema={\"a\":1} format_strict=2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str parts[] = {STR(TOP), str_of(cases[i].members), STR(HI)};
        struct str body = arena_concat(fx.codec.arena, parts, 3);
        struct str expected =
            arena_printf(fx.codec.arena, "chat model=m%s max_tokens=9000\nuser\n  text text=Hi\n",
                         cases[i].dump);

        assert_string_equal(fx_dump(fx_decode(arena_cstr(fx.codec.arena, body))), expected.p);
    }
}

static void what_has_no_meaning_elsewhere_is_named(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(
            TOP "\"container\":\"c1\",\"context_management\":{\"edits\":[]},\"new\":[1],"
                "\"metadata\":{\"user_id\":null,\"team\":\"x\"},\"inference_geo\":null,"
                "\"output_config\":{\"task_budget\":{}},"
                "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\","
                "\"max_uses\":3},{\"name\":\"a\",\"input_schema\":{},\"defer_loading\":true},"
                "{\"type\":\"bash_20250124\",\"name\":\"bash\"}],"
                "\"messages\":[{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\","
                "\"text\":\"a\",\"odd\":1},{\"type\":\"container_upload\",\"file_id\":\"f\"}]},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
                "\"name\":\"a\",\"input\":{},\"caller\":{\"type\":\"direct\"}},{\"type\":"
                "\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}]}]}")),
        "chat model=m max_tokens=9000\n"
        "tool builtin=1 name=web_search_20250305\n"
        "tool name=a schema={}\n"
        "tool builtin=6 name=bash_20250124\n"
        "extra container raw=\"c1\"\n"
        "extra context_management raw={\"edits\":[]}\n"
        "extra new raw=[1]\n"
        "extra messages.name\n"
        "extra messages.content.odd\n"
        "extra tools.defer_loading\n"
        "extra output_config.task_budget\n"
        "extra metadata.team\n"
        "user\n  text text=a\n  other name=container_upload\n"
        "assistant\n  tool_call id=t name=a arguments={}\n  other name=server_tool_use\n");
}

static void a_cache_mark_at_the_top_is_one_on_the_last_block(void **state)
{
    const char body[] = TOP "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},"
                            "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                            "\"text\":\"a\"}]}]}";

    (void)state;
    assert_string_equal(fx_dump(fx_decode(body)),
                        "chat model=m max_tokens=9000\nuser\n  text text=a cache=2\n");
    assert_string_equal(
        fx_encode(fx_decode(body), (struct chat_target){.quirks = 0}, NULL),
        TOP "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
            "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}]}");
}

/* Wrapped for this client when they were handed out, they are what they were when they come back. */
static void foreign_signatures_come_back(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(
            TOP "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                "\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"bf1.n.\"},"
                "{\"type\":\"redacted_thinking\",\"data\":\"bf1.o.enc\"},"
                "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"bf1.g.sig\"},"
                "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}]}]}")),
        "chat model=m max_tokens=9000\nuser\n  text text=a\nassistant\n"
        "  thinking text=x\n"
        "  redacted signature=enc signer=3\n"
        "  tool_call id=t name=f arguments={} signature=sig signer=2\n");
}

static void citations(void **state)
{
    (void)state;
    assert_string_equal(
        fx_dump(fx_decode(SAID(
            "{\"type\":\"text\",\"text\":\"b\",\"citations\":[{\"type\":\"char_location\","
            "\"cited_text\":\"q\",\"document_index\":0,\"document_title\":\"D\","
            "\"start_char_index\":0,\"end_char_index\":1},{\"type\":\"web_search_result_location\""
            ",\"cited_text\":\"r\",\"encrypted_index\":\"e\",\"title\":\"W\",\"url\":\"https://w\"}"
            "]}"))),
        "chat model=m max_tokens=9000\nuser\n  text text=a\n  text text=b [citation title=D "
        "text=q] [citation url=https://w title=W text=r]\n");
}

static void refusals_say_where(void **state)
{
    static const struct {
        const char *body, *refusal;
    } cases[] = {
        {"{\"model\":\"m\"," HI, "max_tokens: Field required"},
        {"{\"max_tokens\":1," HI, "model: Field required"},
        {"{\"model\":7,\"max_tokens\":1," HI, "model: Input should be a valid string"},
        {"{\"model\":\"m\",\"max_tokens\":\"1\"," HI,
         "max_tokens: Input should be a valid integer"},
        {TOP "\"a\":1}", "messages: Field required"},
        {TOP "\"messages\":[]}", "messages: at least one message is required"},
        {TOP "\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
         "messages.0.role: Input should be 'user' or 'assistant'"},
        {SAID("{\"type\":\"text\"}"), "messages.0.content.1.text: Field required"},
        {SAID("{\"type\":\"text\",\"text\":7}"),
         "messages.0.content.1.text: Input should be a valid string"},
        {SAID("{\"text\":\"a\"}"), "messages.0.content.1.type: Field required"},
        {SAID(
             "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"image\"}]}"),
         "messages.0.content.1.content.0.source: Input should be a valid dictionary"},
        {SAID("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"c\"}"),
         "messages[1]: the tool result \\\"t\\\" answers no tool call before it"},
        {SAID("{\"type\":\"image\",\"source\":{\"type\":\"disk\"}}"),
         "messages.0.content.1.source.type: Input should be 'base64', 'url', 'file', 'text' or "
         "'content'"},
        {TOP "\"system\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ever\"}}]"
             "," HI,
         "system.0.cache_control.type: Input should be 'ephemeral'"},
        {TOP "\"tools\":[{\"name\":\"a\"}]," HI, "tools.0.input_schema: Field required"},
        {TOP "\"tool_choice\":{\"type\":\"some\"}," HI,
         "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'"},
        {TOP "\"thinking\":{\"type\":\"enabled\"}," HI,
         "thinking.budget_tokens: Input should be a valid integer"},
        {TOP "\"temperature\":\"hot\"," HI, "temperature: Input should be a valid number"},
        {TOP "\"stop_sequences\":[1]," HI, "stop_sequences: Input should be a list of strings"},
        {"[]", ": The request body is not a JSON object"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(fx_refusal(cases[i].body), cases[i].refusal);
    assert_non_null(strstr(fx_refusal("{\"model\""), "not valid JSON"));
}

static void the_url_may_name_the_model(void **state)
{
    struct chat_url url = {.model = STR("from-url"), .stream = true};
    struct chat chat;
    struct chat_error err;

    (void)state;
    assert_int_equal(dialect_anthropic.decode_request(
                         &fx.codec, &url,
                         STR("{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":1," HI),
                         &chat, &err),
                     0);
    assert_string_equal(fx_dump(&chat),
                        "chat model=from-url stream=1 max_tokens=1\nuser\n  text text=Hi\n");
}

static void counting_needs_no_max_tokens(void **state)
{
    struct chat_target target = {.model = STR("m2")};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;
    struct chat chat;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(anthropic_decode_count(&fx.codec, NULL,
                                            STR("{\"model\":\"m\",\"system\":\"s\"," HI), &chat,
                                            &err),
                     0);
    assert_int_equal(anthropic_encode_count(&fx.codec, &chat, &target, &loss, &fx.out, &err), 0);
    assert_string_equal(fx_keep(&fx.out),
                        "{\"model\":\"m2\",\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"
                        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                        "\"text\":\"Hi\"}]}]}");
    buf_clear(&fx.out);
    anthropic_count_write(2095, &fx.out);
    assert_string_equal(fx_keep(&fx.out), "{\"input_tokens\":2095}");
    assert_true(anthropic_count_read(buf_view(&fx.out), &n));
    assert_int_equal(n, 2095);
    assert_false(anthropic_count_read(STR("{\"type\":\"error\"}"), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(all_of_it_is_understood),
        fx_test(there_and_back),
        fx_test(system_texts_in_all_their_places),
        fx_test(texts_that_come_as_documents),
        fx_test(thinking_and_output),
        fx_test(what_has_no_meaning_elsewhere_is_named),
        fx_test(a_cache_mark_at_the_top_is_one_on_the_last_block),
        fx_test(foreign_signatures_come_back),
        fx_test(citations),
        fx_test(refusals_say_where),
        fx_test(the_url_may_name_the_model),
        fx_test(counting_needs_no_max_tokens),
    };

    fx.dialect = &dialect_anthropic;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
