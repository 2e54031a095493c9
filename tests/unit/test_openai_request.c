/* Chat-completions requests: what is understood, and what is written for the dialect's vendors. */
#include "tests/unit/openai_tools.h"

#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":"    \
    "\"Look \\\"up\\\"\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":"            \
    "{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false},"              \
    "\"strict\":true}}]"

#define SCHEMA                                                                                     \
    "{\"type\": \"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],"     \
    "\"additionalProperties\":false}"

/* Everything that the dialect can say of itself; texts with escapes, numbers with their zeros. */
static const char full[] =
    "{\"model\":\"gpt\",\"messages\":["
    "{\"role\":\"system\",\"content\":\"Be br\\u0069ef.\"},"
    "{\"role\":\"developer\",\"name\":\"dev\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
    "{\"type\":\"text\",\"text\":\"b\"}]},"
    "{\"role\":\"user\",\"name\":\"ann\",\"content\":[{\"type\":\"text\",\"text\":\"What?\\n\"},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\",\"detail\":"
    "\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.b/c.png\"}},"
    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"BBBB\",\"format\":\"mp3\"}},"
    "{\"type\":\"file\",\"file\":{\"filename\":\"x.pdf\",\"file_data\":"
    "\"data:application/pdf;base64,CCCC\"}},"
    "{\"type\":\"file\",\"file\":{\"filename\":\"y.pdf\",\"file_id\":\"file-1\"}}]},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
    "\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":1.0}\"}},"
    "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":"
    "\"{}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"21\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
    "{\"type\":\"text\",\"text\":\"b\"}]},"
    "{\"role\":\"assistant\",\"content\":\"No.\",\"refusal\":\"I will not\"}],"
    "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":100,"
    "\"temperature\":0.70,\"top_p\":1,\"n\":2,\"stop\":[\"x\",\"\\n\"],\"seed\":-1,"
    "\"presence_penalty\":0.1,\"frequency_penalty\":0.2,\"logprobs\":true,\"top_logprobs\":3,"
    "\"logit_bias\":{\"1\":-100},\"user\":\"u\",\"metadata\":{\"k\":\"v\"},\"store\":false,"
    "\"service_tier\":\"flex\",\"verbosity\":\"low\",\"prompt_cache_key\":\"p\"," TOOLS
    ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}},"
    "\"parallel_tool_calls\":false,\"reasoning_effort\":\"high\",\"response_format\":{\"type\":"
    "\"json_schema\",\"json_schema\":{\"name\":\"s\",\"strict\":true,\"schema\":" SCHEMA "}}}";

static void a_request_is_understood(void **state)
{
    (void)state;
    assert_dump(
        dumped(decoded(full)),
        "chat model=gpt stream=1 include_usage=1 tool_choice=4 tool_name=get_weather parallel=1 "
        "format=3 format_name=s format_schema=" SCHEMA " format_strict=2 effort=5 max_tokens=100 "
        "n=2 logprobs=2 store=1 temperature=0.70 top_p=1 presence_penalty=0.1 "
        "frequency_penalty=0.2 seed=-1 top_logprobs=3 logit_bias={\"1\":-100} user=u "
        "metadata={\"k\":\"v\"} service_tier=flex verbosity=low cache_key=p stop=x stop=\\n\n"
        "tool name=get_weather description=Look \\\"up\\\" schema={\"type\":\"object\","
        "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],"
        "\"additionalProperties\":false} strict=2\n"
        "system\n  text text=Be br\\u0069ef.\n"
        "developer name=dev\n  text text=a\n  text text=b\n"
        "user name=ann\n  text text=What?\\n\n"
        "  image source=1 type=image/png data=AAAA detail=low\n"
        "  image source=2 data=https://a.b/c.png\n"
        "  audio source=1 type=audio/mpeg data=BBBB\n"
        "  document source=1 type=application/pdf data=CCCC file=x.pdf\n"
        "  document source=3 type=application/pdf data=file-1 file=y.pdf\n"
        "assistant\n  tool_call id=c1 name=get_weather arguments_text={\\\"city\\\":1.0}\n"
        "  tool_call id=c2 name=get_weather arguments_text={}\n"
        "tool\n  tool_result id=c1 name=get_weather\n    text text=21\n"
        "tool\n  tool_result id=c2 name=get_weather\n    text text=a\n    text text=b\n"
        "assistant\n  text text=No.\n  refusal text=I will not\n");
}

/* What the vendors of the dialect add, and the old ways; the quirk that lets it be said again. */
static const struct {
    const char *body;
    uint32_t quirks;
} corpus[] = {
    {full, 0},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 0},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"stop\":\"x\","
     "\"max_tokens\":5,\"top_k\":40,\"min_p\":0.1,\"repetition_penalty\":1.1}",
     QUIRK_SAMPLING},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}]," TOOLS
     ",\"tool_choice\":\"required\"}",
     QUIRK_CACHE_CONTROL},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
     "\"assistant\",\"reasoning_content\":\"hm\",\"content\":\"y\"},{\"role\":\"user\","
     "\"content\":[{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://a.b/v\"}}]}],"
     "\"response_format\":{\"type\":\"json_object\"}}",
     QUIRK_REASONING_CONTENT},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"reasoning\":"
     "{\"max_tokens\":2000,\"exclude\":true}}",
     QUIRK_REASONING_OBJECT},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"thinking\":"
     "{\"type\":\"disabled\"}}",
     QUIRK_THINKING_OBJECT},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"enable_thinking\":"
     "true,\"thinking_budget\":4000}",
     QUIRK_ENABLE_THINKING},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
     "\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
     "{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"}],\"functions\":[{\"name\":\"f\","
     "\"parameters\":{}}],\"function_call\":\"auto\"}",
     0},
};

static void decoding_what_was_encoded_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        struct chat *first = decoded(corpus[i].body);
        struct chat_target target = {.model = first->model, .quirks = corpus[i].quirks};
        struct str body = encoded_for(first, target, "full");
        struct chat *second = decoded_by(&dialect_openai, body);

        assert_dump(dumped(second), arena_cstr(codec.arena, dumped(first)));
        assert_dump(encoded_for(second, target, "full"), arena_cstr(codec.arena, body));
    }
}

/* One more turn: what was sent before is sent again, byte for byte. */
static void the_prefix_stays(void **state)
{
    struct chat *chat = decoded(full);
    struct chat_message *last = chat->messages;
    struct str body, longer;

    (void)state;
    longer = encoded_for(chat, (struct chat_target){.quirks = 0}, "full");
    for (size_t n = 1; last->next != NULL; n++, last = last->next) {
        struct chat_message *rest = last->next;

        last->next = NULL;
        body = encoded_for(chat, (struct chat_target){.quirks = 0}, "full");
        last->next = rest;
        assert_true(body.len < longer.len);
        assert_memory_equal(body.p, longer.p, body.len - 2); /* but for "]}" */
    }
}

static void quirks_of_vendors(void **state)
{
    struct chat *chat = decoded(full);
    struct str body;

    (void)state;
    body = encoded_for(
        chat,
        (struct chat_target){.quirks = QUIRK_TELLS_USAGE | QUIRK_MAX_COMPLETION |
                                       QUIRK_NO_DEVELOPER | QUIRK_NO_STRICT | QUIRK_NO_SCHEMA |
                                       QUIRK_NO_PARALLEL | QUIRK_NO_NAME | QUIRK_NO_USER |
                                       QUIRK_NO_PENALTIES | QUIRK_RANDOM_SEED | QUIRK_NO_N |
                                       QUIRK_NO_LOGPROBS | QUIRK_NO_SERVICE_TIER |
                                       QUIRK_NO_STORAGE | QUIRK_NO_REASONING | QUIRK_SHORT_IDS,
                             .max_output = 50,
                             .wants_usage = true},
        "partial; dropped=reasoning_effort,presence_penalty,frequency_penalty,logit_bias,logprobs,"
        "top_logprobs,n,user,service_tier,verbosity,prompt_cache_key,store,metadata,tools.strict,"
        "parallel_tool_calls,messages.name; changed=max_tokens,response_format");
    assert_has(body, "\"max_completion_tokens\":50,");
    assert_has(body, "\"random_seed\":-1");
    assert_has(body, "\"response_format\":{\"type\":\"json_object\"}");
    assert_has(body,
               "follows this JSON schema, and with nothing else:\\n{\\\"type\\\": \\\"object\\\",");
    assert_has_not(body, "developer");
    assert_has_not(body, "stream_options");
    assert_has_not(body, "\"c1\"");
    chat->tool_choice = CHOICE_REQUIRED;
    body = encoded_for(chat, (struct chat_target){.quirks = QUIRK_TOOL_ANY | QUIRK_NO_SEED},
                       "partial; dropped=seed");
    assert_has(body, "\"tool_choice\":\"any\"");
    body = encoded_for(chat, (struct chat_target){.quirks = QUIRK_NO_STOP | QUIRK_LOGPROBS_COUNT},
                       "partial; dropped=stop");
    assert_has_not(body, "\"stop\":");
    assert_has_not(body, "top_logprobs");
    assert_has_not(body, "\"logprobs\":true");
    assert_has(body, "\"logprobs\":3,");
    body = encoded_for(chat,
                       (struct chat_target){.quirks = QUIRK_NO_PENALTY_THINKING,
                                            .model_flags = MODEL_KNOWN | MODEL_REASONING},
                       "partial; dropped=temperature,top_p,presence_penalty,frequency_penalty,"
                       "logit_bias,logprobs,top_logprobs");
    assert_has(body, "\"reasoning_effort\":\"high\"");
}

/* Of another dialect: what strict mode takes is a part of JSON Schema. */
static void strict_schemas_are_made_fit(void **state)
{
    struct chat *chat = decoded(full);
    struct str body;

    (void)state;
    chat->from = DIALECT_ANTHROPIC;
    chat->messages->next = NULL; /* files of its own would be refused */
    chat->tools->schema = STR("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
                              "\"minLength\":1}},\"required\":[\"a\"]}");
    body =
        encoded_for(chat, (struct chat_target){.quirks = 0}, "partial; changed=tools.parameters");
    assert_has(body, "\"additionalProperties\":false");
    assert_has_not(body, "\"minLength\":1");
}

static void asking_for_thinking(void **state)
{
    static const struct {
        const char *asked;
        uint32_t quirks;
        const char *written, *lost;
    } rows[] = {
        {"\"reasoning_effort\":\"xhigh\"", 0, "\"reasoning_effort\":\"xhigh\"", "full"},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}", 0,
         "\"reasoning_effort\":\"low\"", "partial; changed=reasoning.budget"},
        {"\"thinking\":{\"type\":\"adaptive\"}", 0, "\"reasoning_effort\":\"high\"", "full"},
        {"\"reasoning\":{\"enabled\":false}", 0, "\"reasoning_effort\":\"none\"", "full"},
        {"\"reasoning_effort\":\"low\"", QUIRK_REASONING_OBJECT,
         "\"reasoning\":{\"effort\":\"low\"}", "full"},
        {"\"reasoning_effort\":\"low\"", QUIRK_THINKING_OBJECT,
         "\"thinking\":{\"type\":\"enabled\"}", "partial; changed=reasoning_effort"},
        {"\"reasoning_effort\":\"none\"", QUIRK_ENABLE_THINKING, "\"enable_thinking\":false",
         "full"},
        {"\"reasoning_effort\":\"none\"", QUIRK_NO_REASONING, "{\"model\":\"m\",\"messages\"",
         "full"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str body = arena_printf(
            codec.arena,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],%s}",
            rows[i].asked);
        struct chat_target target = {.quirks = rows[i].quirks};

        assert_has(encoded_for(decoded_by(&dialect_openai, body), target, rows[i].lost),
                   rows[i].written);
    }
}

static void what_is_of_no_other_is_reported(void **state)
{
    struct chat *chat = decoded(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"weight\":1},"
        "{\"role\":\"assistant\",\"content\":\"y\",\"audio\":{\"id\":\"a\"},\"refusal\":null}],"
        "\"prediction\":{\"type\":\"content\",\"content\":\"z\"},\"modalities\":[\"text\"],"
        "\"audio\":null,\"stream_options\":{\"include_obfuscation\":false},\"user\":\"a\","
        "\"safety_identifier\":\"b\",\"tool_choice\":{\"type\":\"allowed_tools\","
        "\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}},\"foo\":1}");

    (void)state;
    (void)encoded_for(chat, (struct chat_target){.quirks = 0},
                      "partial; dropped=messages.weight,messages.audio,prediction,"
                      "stream_options.include_obfuscation,tool_choice.allowed_tools,foo,"
                      "safety_identifier");
}

static void signatures_come_back(void **state)
{
    struct chat *chat = decoded(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
        "\"assistant\",\"reasoning_content\":\"a\\u00e9\\ud83d\\ude00\xc3\xa9zrest\",\"content\":"
        "\"t\","
        "\"bf_thinking\":[{\"index\":0,\"type\":\"thinking\",\"start\":1,\"end\":5,\"signature\":"
        "\"bf1.a.S+/=\"},{\"index\":1,\"type\":\"redacted\",\"data\":\"bf1.a.R\"},{\"type\":"
        "\"thinking\",\"start\":5,\"end\":99,\"signature\":\"bf1.a.T\"}],\"tool_calls\":[{\"id\":"
        "\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},"
        "\"bf_signature\":\"bf1.g.G\"},{\"id\":\"d\",\"type\":\"function\",\"function\":{\"name\":"
        "\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":"
        "\"H\"}}}]}]}");

    (void)state;
    assert_dump(dumped(chat),
                "chat model=m\nuser\n  text text=x\nassistant\n  thinking text=a\n"
                "  thinking text=\\u00e9\\ud83d\\ude00\xc3\xa9z signature=S+/= signer=1\n"
                "  redacted signature=R signer=1\n  thinking text=rest\n  text text=t\n"
                "  tool_call id=c name=f arguments_text={} signature=G signer=2\n"
                "  tool_call id=d name=f arguments_text={} signature=H signer=2\n");
    assert_has_not(
        encoded_for(chat, (struct chat_target){.quirks = 0}, "partial; dropped=thinking"),
        "reasoning_content");
}

/* A chat of another dialect: results with images, no text, errors, foreign built-in tools. */
static void results_with_images_and_foreign_tools(void **state)
{
    struct chat chat = {.from = DIALECT_ANTHROPIC, .reasoning = {.budget = BUDGET_UNSET}};
    struct chat_message *m = chat_add_message(&codec, &chat, ROLE_ASSISTANT);
    struct chat_block *b = chat_add_block(&codec, m, BLOCK_TOOL_CALL);
    struct chat_block image = {.kind = BLOCK_IMAGE,
                               .media = {.source = SOURCE_BASE64, .data = STR("AA")}};
    struct chat_tool *tool = chat_add_tool(&codec, &chat);
    struct str body;

    (void)state;
    b->id = STR("an-id-of-more-than-forty-characters-is-refused");
    b->name = STR("f");
    b->arguments = STR("{ \"a\": [1] }");
    m = chat_add_message(&codec, &chat, ROLE_USER);
    for (int i = 0; i < 2; i++) {
        b = chat_add_block(&codec, m, BLOCK_TOOL_RESULT);
        b->id = STR("x");
        b->content = i == 0 ? &image : NULL;
    }
    b->is_error = true;
    chat_add_block(&codec, m, BLOCK_TEXT)->text = STR("next");
    tool->builtin = BUILTIN_WEB_SEARCH;
    tool->name = STR("web_search_20250305");
    chat.tool_choice = CHOICE_AUTO;
    body = encoded_for(&chat, (struct chat_target){.quirks = 0},
                       "partial; dropped=tools.web_search_20250305,is_error; "
                       "changed=messages.tool.image");
    assert_dump(
        body, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":null,"
              "\"tool_calls\":[{\"id\":\"Y62XRBjVM\",\"type\":\"function\",\"function\":{\"name\":"
              "\"f\",\"arguments\":\"{ \\\"a\\\": [1] }\"}}]},{\"role\":\"tool\","
              "\"tool_call_id\":\"x\",\"content\":\"The result is in the next user message.\"},"
              "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"\"},{\"role\":\"user\","
              "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
              "\"data:image/png;base64,AA\"}}]},{\"role\":\"user\",\"content\":\"next\"}]}");
}

static void what_cannot_be_said_is_refused(void **state)
{
    struct chat chat = {.from = DIALECT_RESPONSES, .reasoning = {.budget = BUDGET_UNSET}};
    struct chat_message *m = chat_add_message(&codec, &chat, ROLE_USER);
    struct chat_block *b = chat_add_block(&codec, m, BLOCK_IMAGE);
    struct chat_target target = {.model = STR("m")};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;

    (void)state;
    b->media = (struct chat_media){.source = SOURCE_FILE, .data = STR("file-1")};
    buf_clear(&out);
    assert_int_equal(dialect_openai.encode_request(&codec, &chat, &target, &loss, &out, &err), -1);
    assert_str(err.param, "messages[0].content");
    assert_int_equal(out.len, 0);
    b->media.source = SOURCE_URL;
    target.quirks = QUIRK_STRING_CONTENT;
    assert_int_equal(dialect_openai.encode_request(&codec, &chat, &target, &loss, &out, &err), -1);
    target.quirks = 0;
    chat_add_extra(&codec, &chat, STR("previous_response_id"), STR("\"r\""));
    assert_int_equal(dialect_openai.encode_request(&codec, &chat, &target, &loss, &out, &err), -1);
    assert_str(err.param, "previous_response_id");
}

static void wrong_requests(void **state)
{
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
    static const struct {
        const char *body, *param;
    } rows[] = {
        {"", ""},
        {"[]", ""},
        {"{\"model\":\"m\"", ""},
        {"{}", "model"},
        {"{\"model\":1," HI "}", "model"},
        {"{\"model\":\"m\"}", "messages"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages"},
        {"{\"model\":\"m\",\"messages\":null}", "messages"},
        {"{\"model\":\"m\",\"messages\":[1]}", "messages[0]"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", "messages[0].role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"x\",\"content\":\"x\"}]}", "messages[0].role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
         "messages[0].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}",
         "messages[0].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}",
         "messages[0].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content.text"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"
         "]"
         "}",
         "messages[0].content.image_url.url"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"1\",\"tool_call_id\":"
         "\"c\"}]}",
         "messages[0]"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"1\"}]}",
         "messages[0].tool_call_id"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\"}]}]"
         "}",
         "messages[0].tool_calls.function.name"},
        {"{\"model\":\"m\"," HI ",\"temperature\":\"1\"}", "temperature"},
        {"{\"model\":\"m\"," HI ",\"stream\":1}", "stream"},
        {"{\"model\":\"m\"," HI ",\"max_tokens\":-1}", "max_tokens"},
        {"{\"model\":\"m\"," HI ",\"n\":1000}", "n"},
        {"{\"model\":\"m\"," HI ",\"stop\":[1]}", "stop"},
        {"{\"model\":\"m\"," HI ",\"tools\":{}}", "tools"},
        {"{\"model\":\"m\"," HI ",\"tools\":[{\"type\":\"function\"}]}", "tools[].function.name"},
        {"{\"model\":\"m\"," HI ",\"tool_choice\":\"maybe\"}", "tool_choice"},
        {"{\"model\":\"m\"," HI ",\"reasoning_effort\":\"huge\"}", "reasoning_effort"},
        {"{\"model\":\"m\"," HI ",\"response_format\":{\"type\":\"json_schema\"}}",
         "response_format.json_schema.schema"},
        {"{\"model\":\"m\"," HI "," HI "}", "messages"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat chat;
        struct chat_error err = {.kind = 0};

        if (dialect_openai.decode_request(&codec, NULL, str_of(rows[i].body), &chat, &err) != -1)
            fail_msg("taken: %s", rows[i].body);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_int_equal(err.status, 400);
        assert_str(err.param, rows[i].param);
    }
}

static void a_url_may_say_the_model(void **state)
{
    struct chat_url url = {.model = STR("deployed")};
    struct chat chat;
    struct chat_error err;

    (void)state;
    assert_int_equal(dialect_openai.decode_request(&codec, &url, STR("{" HI "}"), &chat, &err), 0);
    assert_str(chat.model, "deployed");
}

static void prompts_become_chats(void **state)
{
    struct chat *chat =
        decoded_by(&dialect_completions,
                   STR("{\"model\":\"m\",\"prompt\":[\"Say\\n\"],\"max_tokens\":7,\"echo\":false,"
                       "\"best_of\":1,\"suffix\":null,\"stop\":\"x\",\"logprobs\":2}"));
    static const char *const wrong[] = {
        "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}",
        "{\"model\":\"m\",\"prompt\":[1,2]}",
        "{\"model\":\"m\",\"prompt\":[[1]]}",
        "{\"model\":\"m\",\"prompt\":[]}",
        "{\"model\":\"m\"," HI "}",
        "{\"model\":\"m\",\"prompt\":null}",
    };

    (void)state;
    assert_true(chat->is_completion);
    assert_dump(dumped(chat), "chat model=m max_tokens=7 stop=x\nextra logprobs raw=2\n"
                              "user\n  text text=Say\\n\n");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct chat_error err = {.kind = 0};

        assert_int_equal(
            dialect_completions.decode_request(&codec, NULL, str_of(wrong[i]), chat, &err), -1);
        assert_str(err.param, "prompt");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decoding_what_was_encoded_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_prefix_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quirks_of_vendors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strict_schemas_are_made_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asking_for_thinking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_of_no_other_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signatures_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_with_images_and_foreign_tools, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_said_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_url_may_say_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prompts_become_chats, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
