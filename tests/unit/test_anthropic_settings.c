/* Settings of other dialects' requests, written for Anthropic, and hosts of Claude. */
#include "tests/unit/fixture_turns.h"

#include "providers/dialects/anthropic.h"

static const struct chat_target plain;

/* What stands before the messages. */
static const char *settings_for(const struct chat *chat, struct chat_target target,
                                const char *lost)
{
    const char *wire = fx_encode(chat, target, lost);
    const char *end = strstr(wire, ",\"messages\":");

    assert_non_null(end);
    return arena_cstr(fx.codec.arena, (struct str){wire, (size_t)(end - wire)});
}

static const char *settings_of(const struct chat *chat, const char *lost)
{
    return settings_for(chat, plain, lost);
}

static void sampling(void **state)
{
    struct chat *chat = asked();

    (void)state;
    chat->temperature = STR("1.5");
    assert_string_equal(settings_of(chat, "partial; changed=temperature"),
                        "{\"model\":\"m\",\"max_tokens\":4096,\"temperature\":1");
    chat->temperature = STR("0.20");
    chat->top_p = STR("0.9");
    chat->top_k = STR("5");
    assert_string_equal(settings_of(chat, "partial; dropped=top_p"),
                        "{\"model\":\"m\",\"max_tokens\":4096,\"temperature\":0.20,\"top_k\":5");
    assert_string_equal(settings_for(chat, (struct chat_target){.model_flags = MODEL_ADAPTIVE},
                                     "partial; dropped=temperature,top_p,top_k"),
                        "{\"model\":\"m\",\"max_tokens\":4096");
    chat = asked();
    chat->seed = STR("1");
    chat->presence_penalty = STR("1");
    chat->frequency_penalty = STR("1");
    chat->logit_bias = STR("{\"1\":2}");
    chat->logprobs = YES;
    chat->n = 2;
    chat->max_tokens = 900;
    chat->user = STR("u");
    chat->service_tier = STR("flex");
    chat->format = FORMAT_JSON;
    chat_add_stop(&fx.codec, chat, STR("\\n"));
    chat_add_stop(&fx.codec, chat, STR("\\nX"));
    chat_add_extra(&fx.codec, chat, STR("prediction"), STR("{}"));
    assert_string_equal(
        settings_for(chat, (struct chat_target){.max_output = 500},
                     "partial; dropped=response_format,service_tier,presence_penalty,"
                     "frequency_penalty,seed,logprobs,n,logit_bias,prediction; "
                     "changed=max_tokens,stop"),
        "{\"model\":\"m\",\"max_tokens\":500,\"stop_sequences\":[\"\\nX\"],\"metadata\":{"
        "\"user_id\":\"u\"}");
}

static void efforts_and_budgets(void **state)
{
    static const struct {
        struct chat_reasoning asked;
        uint64_t max_tokens;
        uint32_t flags;
        const char *settings, *lost;
    } cases[] = {
        {{EFFORT_LOW, BUDGET_UNSET, UNSET, {"", 0}, false},
         8000,
         0,
         "8000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}",
         "full"},
        {{EFFORT_HIGH, BUDGET_UNSET, YES, {"", 0}, false},
         0,
         0,
         "28672,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":24576,\"display\":"
         "\"summarized\"}",
         "full"},
        {{EFFORT_HIGH, BUDGET_UNSET, UNSET, {"", 0}, false},
         8000,
         0,
         "8000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}",
         "partial; changed=reasoning_effort"},
        {{EFFORT_UNSET, 500, UNSET, {"", 0}, false},
         8000,
         0,
         "8000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}",
         "partial; changed=reasoning_effort"},
        {{EFFORT_LOW, BUDGET_UNSET, UNSET, {"", 0}, false},
         100,
         0,
         "100,\"thinking\":{\"type\":\"disabled\"}",
         "partial; changed=reasoning_effort"},
        {{EFFORT_NONE, BUDGET_UNSET, UNSET, {"", 0}, false},
         100,
         0,
         "100,\"thinking\":{\"type\":\"disabled\"}",
         "full"},
        {{EFFORT_UNSET, -1, UNSET, {"", 0}, false},
         20000,
         0,
         "20000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}",
         "full"},
        {{EFFORT_MINIMAL, BUDGET_UNSET, UNSET, {"", 0}, false},
         9,
         MODEL_ADAPTIVE,
         "9,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}",
         "partial; changed=reasoning_effort"},
        {{EFFORT_XHIGH, BUDGET_UNSET, UNSET, {"", 0}, false},
         9,
         MODEL_ADAPTIVE,
         "9,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"xhigh\"}",
         "full"},
        {{EFFORT_MAX, BUDGET_UNSET, UNSET, {"auto", 4}, false},
         9,
         MODEL_ADAPTIVE,
         "9,\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
         "\"output_config\":{\"effort\":\"max\"}",
         "full"},
        {{EFFORT_HIGH, BUDGET_UNSET, UNSET, {"", 0}, false},
         9,
         MODEL_KNOWN,
         "9",
         "partial; dropped=reasoning_effort"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat *chat = asked();
        struct chat_target target = {.model_flags = cases[i].flags};

        chat->reasoning = cases[i].asked;
        chat->max_tokens = cases[i].max_tokens;
        assert_string_equal(
            settings_for(chat, target, cases[i].lost),
            arena_printf(fx.codec.arena, "{\"model\":\"m\",\"max_tokens\":%s", cases[i].settings)
                .p);
    }
}

static void thinking_has_its_conditions(void **state)
{
    struct chat *chat = asked();

    (void)state;
    chat->reasoning.effort = EFFORT_LOW;
    chat->temperature = STR("0.5");
    chat->top_k = STR("5");
    chat->tool_choice = CHOICE_REQUIRED;
    tool(chat, "f", "{\"type\":\"object\"}");
    chat->max_tokens = 5000;
    assert_string_equal(
        settings_of(chat, "partial; dropped=temperature,top_k; changed=tool_choice"),
        "{\"model\":\"m\",\"max_tokens\":5000,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":2048},\"tool_choice\":{\"type\":\"auto\"},\"tools\":[{\"name\":\"f\","
        "\"input_schema\":{\"type\":\"object\"}}]");
    chat = asked(); /* a tool loop whose thinking nobody can show */
    chat->reasoning.effort = EFFORT_LOW;
    chat->max_tokens = 5000;
    call(chat, "t", "f");
    result(chat, "t", "f");
    assert_string_equal(
        settings_of(chat, "partial; changed=reasoning_effort"),
        "{\"model\":\"m\",\"max_tokens\":5000,\"thinking\":{\"type\":\"disabled\"}");
    assert_string_equal(
        settings_for(chat, (struct chat_target){.model_flags = MODEL_ADAPTIVE}, NULL),
        "{\"model\":\"m\",\"max_tokens\":5000,\"thinking\":{\"type\":\"adaptive\"},"
        "\"output_config\":{\"effort\":\"low\"}");
}

static void tools_and_schemas(void **state)
{
    struct chat *chat = asked();
    struct chat_tool *t;

    (void)state;
    chat->parallel_tools = NO;
    tool(chat, "none", "");
    tool(chat, "untyped", "{\"properties\":{}}");
    t = tool(chat, "strict",
             "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"minLength\":1,"
             "\"description\":\"d\"},\"b\":{\"oneOf\":[{\"type\":\"object\"}]}}}");
    t->strict = YES;
    t = tool(chat, "web_search", "");
    t->builtin = BUILTIN_WEB_SEARCH;
    t = tool(chat, "file_search", "");
    t->builtin = BUILTIN_FILE_SEARCH;
    assert_string_equal(
        settings_of(chat, "partial; dropped=tools; changed=tools.parameters,tools"),
        "{\"model\":\"m\",\"max_tokens\":4096,\"tool_choice\":{\"type\":\"auto\","
        "\"disable_parallel_tool_use\":true},\"tools\":[{\"name\":\"none\",\"input_schema\":{"
        "\"type\":\"object\",\"properties\":{}}},{\"name\":\"untyped\",\"input_schema\":{\"type\":"
        "\"object\",\"properties\":{}}},{\"name\":\"strict\",\"input_schema\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"string\",\"description\":\"d\"},"
        "\"b\":{\"anyOf\":[{\"type\":\"object\",\"additionalProperties\":false}]}},"
        "\"additionalProperties\":false},\"strict\":true},{\"type\":\"web_search_20250305\","
        "\"name\":\"web_search\"}]");
    chat = asked();
    chat->format = FORMAT_SCHEMA;
    chat->format_schema = STR("{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/x\"},\"$defs\":"
                              "{\"x\":{\"type\":[\"object\",\"null\"],\"minProperties\":1}}}");
    assert_string_equal(
        settings_of(chat, "partial; changed=response_format.json_schema"),
        "{\"model\":\"m\",\"max_tokens\":4096,\"output_config\":{\"format\":{\"type\":"
        "\"json_schema\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":[\"object\","
        "\"null\"],\"additionalProperties\":false}}}}");
}

static void hosts_of_claude(void **state)
{
    struct chat *chat = asked();
    struct json_error err;

    (void)state;
    chat->stream = true;
    assert_string_equal(
        settings_for(chat, (struct chat_target){.quirks = QUIRK_VERTEX}, NULL),
        "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":4096,\"stream\":true");
    assert_string_equal(settings_for(chat, (struct chat_target){.quirks = QUIRK_INVOKE}, NULL),
                        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":4096");
    buf_clear(&fx.out);
    assert_int_equal(
        anthropic_host(&fx.codec,
                       STR("{\"mod\\u0065l\":\"m\", \"x\": {\"model\": 1.0},\"stream\":true}"),
                       QUIRK_INVOKE, &fx.out, &err),
        0);
    assert_string_equal(fx_keep(&fx.out),
                        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"x\":{\"model\": 1.0}}");
    assert_int_equal(anthropic_host(&fx.codec, STR("[]"), QUIRK_VERTEX, &fx.out, &err), -1);
}

/* From this dialect to a host of Claude, nothing is lost. */
static void at_home_it_goes_as_it_stood(void **state)
{
    static const char members[] =
        "\"max_tokens\":0,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":"
        "\"max\"},\"temperature\":1,\"container\":\"c\",\"context_management\":{\"edits\": []},"
        "\"tools\":[{\"type\":\"memory_20250818\",\"name\":\"memory\"},{\"name\":\"a\","
        "\"input_schema\":{},\"defer_loading\":true}],\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"a\",\"citations\":[]},{\"type\":\"container_upload\","
        "\"file_id\":\"f\"}]}]}";
    struct str parts[] = {STR("{\"model\":\"m\","), str_of(members)};

    (void)state;
    assert_string_equal(
        fx_encode(fx_decode(arena_cstr(fx.codec.arena, arena_concat(fx.codec.arena, parts, 2))),
                  plain, NULL),
        "{\"model\":\"m\",\"max_tokens\":0,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":"
        "{\"effort\":\"max\"},\"container\":\"c\",\"context_management\":{\"edits\": []},"
        "\"tools\":[{\"type\":\"memory_20250818\",\"name\":\"memory\"},{\"name\":\"a\","
        "\"input_schema\":{},\"defer_loading\":true}],\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"a\",\"citations\":[]},{\"type\":\"container_upload\","
        "\"file_id\":\"f\"}]}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(sampling),
        fx_test(efforts_and_budgets),
        fx_test(thinking_has_its_conditions),
        fx_test(tools_and_schemas),
        fx_test(hosts_of_claude),
        fx_test(at_home_it_goes_as_it_stood),
    };

    fx.dialect = &dialect_anthropic;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
