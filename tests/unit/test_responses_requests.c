/* The Responses dialect: requests of its own clients. Written from OpenAI's API reference. */
#include "tests/unit/responses_fixture.h"

/* --- the corpus: one of each shape of the reference --- */

static const char *const corpus[] = {
    "{\"model\":\"gpt-5.1\",\"input\":\"Tell me a story.\"}",

    "{\"model\":\"gpt-5.1\",\"instructions\":\"Be \\\"brief\\\".\",\"input\":[{\"role\":\"user\","
    "\"content\":\"h\\u00e9\\n\"},{\"role\":\"developer\",\"content\":[{\"type\":\"input_text\","
    "\"text\":\"dev\"}]},{\"type\":\"message\",\"role\":\"system\",\"content\":\"sys\"}],"
    "\"temperature\":0.70,\"top_p\":1,\"max_output_tokens\":1000,\"stream\":true,"
    "\"store\":false,\"metadata\":{\"a\":\"b\"},\"user\":\"u1\",\"service_tier\":\"flex\","
    "\"prompt_cache_key\":\"k\",\"parallel_tool_calls\":false,\"truncation\":\"auto\","
    "\"max_tool_calls\":3,\"top_logprobs\":2,\"include\":[\"message.output_text.logprobs\"]}",

    /* images, files, audio */
    "{\"model\":\"gpt-5.1\",\"input\":[{\"role\":\"user\",\"content\":["
    "{\"type\":\"input_text\",\"text\":\"look\"},"
    "{\"type\":\"input_image\",\"image_url\":\"https://example.com/a.png\",\"detail\":\"high\"},"
    "{\"type\":\"input_image\",\"image_url\":\"data:image/jpeg;base64,QUJD\"},"
    "{\"type\":\"input_image\",\"file_id\":\"file-1\"},"
    "{\"type\":\"input_file\",\"file_url\":\"https://example.com/a.pdf\"},"
    "{\"type\":\"input_file\",\"filename\":\"b.pdf\","
    "\"file_data\":\"data:application/pdf;base64,QUJD\"},"
    "{\"type\":\"input_file\",\"file_id\":\"file-2\"},"
    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":\"mp3\"}}]}]}",

    /* a tool loop with encrypted reasoning, parallel calls, results with images */
    "{\"model\":\"gpt-5.1\",\"tools\":[{\"type\":\"function\",\"name\":\"weather\","
    "\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{}},"
    "\"strict\":true},{\"type\":\"web_search\",\"search_context_size\":\"low\"}],"
    "\"tool_choice\":{\"type\":\"function\",\"name\":\"weather\"},"
    "\"input\":[{\"role\":\"user\",\"content\":\"w?\"},"
    "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
    "\"text\":\"hm\"}],\"encrypted_content\":\"gAAA\"},"
    "{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\","
    "\"content\":[{\"type\":\"output_text\",\"text\":\"I look.\",\"annotations\":["
    "{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":1,\"url\":\"https://e.com\","
    "\"title\":\"t\"}]}]},"
    "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"weather\","
    "\"arguments\":\"{\\\"a\\\":1}\"},"
    "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"weather\",\"arguments\":\"{}\"},"
    "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"sun\"},"
    "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\","
    "\"text\":\"x\"},{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,QUJD\"}]},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}]}",

    /* what codex sends */
    "{\"model\":\"gpt-5.1-codex\",\"instructions\":\"You are a coding agent.\","
    "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
    "\"text\":\"fix\"}]},{\"type\":\"reasoning\",\"summary\":[],\"content\":null,"
    "\"encrypted_content\":\"gAAB\"},{\"type\":\"custom_tool_call\",\"status\":\"completed\","
    "\"call_id\":\"p1\",\"name\":\"apply_patch\",\"input\":\"*** Begin\\n\\\"x\\\"\"},"
    "{\"type\":\"custom_tool_call_output\",\"call_id\":\"p1\",\"output\":\"Done\"},"
    "{\"type\":\"local_shell_call\",\"call_id\":\"l1\",\"status\":\"completed\",\"action\":"
    "{\"type\":\"exec\",\"command\":[\"ls\"],\"env\":{}}},"
    "{\"type\":\"local_shell_call_output\",\"id\":\"l1\",\"output\":\"{}\"}],"
    "\"tools\":[{\"type\":\"function\",\"name\":\"shell\",\"strict\":false,\"parameters\":"
    "{\"type\":\"object\"}},{\"type\":\"custom\",\"name\":\"apply_patch\",\"description\":\"D\","
    "\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"start: x\"}},"
    "{\"type\":\"local_shell\"},{\"type\":\"web_search\"}],\"tool_choice\":\"auto\","
    "\"parallel_tool_calls\":true,\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},"
    "\"store\":false,\"stream\":true,\"include\":[\"reasoning.encrypted_content\"],"
    "\"prompt_cache_key\":\"k\",\"text\":{\"verbosity\":\"low\"}}",

    "{\"model\":\"gpt-5.1\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\","
    "\"name\":\"n\",\"strict\":true,\"description\":\"dd\",\"schema\":{\"type\":\"object\"}}},"
    "\"reasoning\":{\"effort\":\"minimal\"}}",

    "{\"model\":\"gpt-5.1\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_object\"}},"
    "\"background\":false,\"stream_options\":{\"include_obfuscation\":false},"
    "\"previous_response_id\":null,\"unknown\":{\"a\":[1]}}",

    /* foreign thinking that comes back: Claude's, redacted, and Gemini's of a call */
    "{\"model\":\"gpt-5.1\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
    "\"text\":\"q\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]},"
    "{\"type\":\"computer_call\",\"id\":\"cu_1\"},{\"type\":\"computer_call_output\","
    "\"call_id\":\"cu_1\",\"output\":{\"type\":\"computer_screenshot\"}}]}",
};

static void encoding_keeps_the_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        struct chat first, second;
        struct str once, twice, before, after;

        decode(corpus[i], &first);
        once = encode(&first, NULL);
        decode(once.p, &second);
        twice = encode(&second, NULL);
        first.model = second.model = STR("m"); /* the target's */
        if (first.reasoning.effort == EFFORT_UNSET)
            second.logprobs = first.logprobs;
        before = dump(&first);
        after = dump(&second);
        if (!str_eq(before, after))
            print_error("%zu:\n%.*s---\n%.*s\n", i, STR_ARGS(before), STR_ARGS(after));
        assert_true(str_eq(before, after));
        assert_true(str_eq(once, twice));
    }
}

static void fields_find_their_places(void **state)
{
    struct chat chat;
    struct str text;

    (void)state;
    decode(corpus[1], &chat);
    text = dump(&chat);
    assert_has(text, "max_tokens=1000");
    assert_has(text, "temperature=0.70");
    assert_has(text, "system\n  text text=Be \\\"brief\\\".");
    assert_has(text, "user\n  text text=h\\u00e9\\n");
    assert_has(text, "developer\n  text text=dev");
    assert_has(text, "extra truncation raw=\"auto\"");
    assert_has(text, "extra max_tool_calls raw=3");
    assert_int_equal(chat.logprobs, YES);
    decode(corpus[3], &chat);
    text = dump(&chat);
    assert_has(text, "assistant\n  thinking text=hm signature=gAAA signer=3\n  text text=I look.");
    assert_has(text, "tool_call id=c1 name=weather arguments_text={\\\"a\\\":1}");
    assert_has(text, "tool\n  tool_result id=c2 name=weather\n    text text=x");
    assert_has(text, "image source=1 type=image/png data=QUJD");
}

static void free_form_tools_are_functions_of_a_string(void **state)
{
    struct chat chat;
    struct str text;

    (void)state;
    decode(corpus[4], &chat);
    text = dump(&chat);
    assert_true(chat.tools->next->is_freeform);
    assert_has(text, "tool name=apply_patch");
    assert_has(text, "must match this grammar (lark):\\nstart: x");
    assert_has(text,
               "tool_call id=p1 name=apply_patch arguments={\"input\":\"*** Begin\\n\\\"x\\\"\"}");
    assert_has(text, "extra tools.format");
    assert_has(text, "other name=local_shell_call");
    text = encode(&chat, NULL);
    assert_has(text, "{\"type\":\"custom_tool_call\",\"call_id\":\"p1\",\"name\":\"apply_patch\","
                     "\"input\":\"*** Begin\\n\\\"x\\\"\"}");
    assert_has(text, "{\"type\":\"custom_tool_call_output\",\"call_id\":\"p1\"");
}

static void foreign_thinking_is_unwrapped(void **state)
{
    struct chat chat;
    struct chat_loss loss = {.n_dropped = 0};
    struct str text;

    (void)state;
    decode("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"q\"},"
           "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
           "\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],"
           "\"encrypted_content\":\"bf1.a.SIG\"},"
           "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"bf1.a.redacted:DATA\"},"
           "{\"type\":\"function_call\",\"call_id\":\"x:1\",\"name\":\"f\",\"arguments\":\"{}\"},"
           "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"bf1.g.call:x:1:GS\"},"
           "{\"type\":\"function_call_output\",\"call_id\":\"x:1\",\"output\":\"\"},"
           "{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[]}]}",
           &chat);
    text = dump(&chat);
    assert_has(text, "thinking text=a\\n\\nb signature=SIG signer=1");
    assert_has(text, "redacted signature=DATA signer=1");
    assert_has(text, "tool_call id=x:1 name=f arguments_text={} signature=GS signer=2");
    assert_has(text, "extra input.reasoning");
    text = encode(&chat, &loss);
    assert_false(has(text, "SIG"));
    assert_true(loss.n_dropped >= 1);
    assert_str(loss.dropped[0], "input.reasoning");
    assert_str(loss.dropped[1], "thinking");
}

/* --- refusals --- */

#define MODEL "{\"model\":\"m\","

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *body, *param;
    } cases[] = {
        {"[1]", ""},
        {"{\"model\":", ""},
        {"{\"input\":\"x\"}", "model"},
        {MODEL "\"stream\":true}", "input"},
        {"{\"model\":3,\"input\":\"x\"}", "model"},
        {MODEL "\"input\":7}", "input"},
        {MODEL "\"input\":[7]}", "input[0]"},
        {MODEL "\"input\":[{}]}", "input[0].type"},
        {MODEL "\"input\":[{\"role\":\"robot\",\"content\":\"\"}]}", "input[0].role"},
        {MODEL "\"input\":[{\"role\":\"user\"}]}", "input[0].content"},
        {MODEL "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]}",
         "input[0].text"},
        {MODEL "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
               "\"image_url\":{\"url\":\"x\"}}]}]}",
         "input[0].image_url"},
        {MODEL "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
               "\"input_audio\":{\"data\":\"A\",\"format\":\"ogg\"}}]}]}",
         "input[0].content.input_audio.format"},
        {MODEL "\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}]}",
         "input[0].call_id"},
        {MODEL "\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"call_id\":\"c\","
               "\"arguments\":{}}]}",
         "input[0].arguments"},
        {MODEL "\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\","
               "\"output\":\"\"}]}",
         "input"},
        {MODEL "\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}", "input[0]"},
        {MODEL "\"input\":[{\"id\":\"msg_1\"}]}", "input[0]"},
        {MODEL "\"input\":\"x\",\"previous_response_id\":\"resp_1\"}", "previous_response_id"},
        {MODEL "\"input\":\"x\",\"conversation\":\"conv_1\"}", "conversation"},
        {MODEL "\"input\":\"x\",\"prompt\":{\"id\":\"p\"}}", "prompt"},
        {MODEL "\"input\":\"x\",\"background\":true}", "background"},
        {MODEL "\"input\":\"x\",\"temperature\":\"hot\"}", "temperature"},
        {MODEL "\"input\":\"x\",\"stream\":1}", "stream"},
        {MODEL "\"input\":\"x\",\"max_output_tokens\":-1}", "max_output_tokens"},
        {MODEL "\"input\":\"x\",\"top_logprobs\":21}", "top_logprobs"},
        {MODEL "\"input\":\"x\",\"include\":\"y\"}", "include"},
        {MODEL "\"input\":\"x\",\"instructions\":[]}", "instructions"},
        {MODEL "\"input\":\"x\",\"reasoning\":{\"effort\":\"giant\"}}", "reasoning.effort"},
        {MODEL "\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}}", "text.format.type"},
        {MODEL "\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}",
         "text.format.schema"},
        {MODEL "\"input\":\"x\",\"metadata\":[]}", "metadata"},
        {MODEL "\"input\":\"x\",\"tools\":{}}", "tools"},
        {MODEL "\"input\":\"x\",\"tools\":[{\"type\":\"function\"}]}", "tools[0].name"},
        {MODEL "\"input\":\"x\",\"tools\":[{\"name\":\"f\"}]}", "tools[0].type"},
        {MODEL "\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
               "\"parameters\":[]}]}",
         "tools[0].parameters"},
        {MODEL "\"input\":\"x\",\"tool_choice\":\"maybe\"}", "tool_choice"},
        {MODEL "\"input\":\"x\",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice.name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_error err = refusal(cases[i].body);

        if (!str_eq(err.param, str_of(cases[i].param)))
            print_error("%s: %.*s\n", cases[i].body, STR_ARGS(err.param));
        assert_str(err.param, cases[i].param);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(encoding_keeps_the_meaning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_find_their_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(free_form_tools_are_functions_of_a_string, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(foreign_thinking_is_unwrapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
