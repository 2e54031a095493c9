/* Requests of the Bedrock Converse dialect: what is understood, and what is written for it. */
#include <stdio.h>

#include "tests/unit/bedrock_fixture.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]}"

static const char everything[] =
    "{\"inferenceConfig\":{\"maxTokens\":20000,\"temperature\":0.70,\"topP\":0.9,"
    "\"stopSequences\":[\"END\",\"\\n\\nHuman:\"]},"
    "\"additionalModelRequestFields\":{\"top_k\":40},"
    "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{"
    "\"schema\":\"{\\\"type\\\":\\\"object\\\"}\",\"name\":\"answer\",\"description\":\"d\"}}}},"
    "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"weather\",\"description\":\"says "
    "\\\"it\\\"\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{\"city\":{"
    "\"type\":\"string\"}}}},\"strict\":true}},{\"cachePoint\":{\"type\":\"default\",\"ttl\":"
    "\"1h\"}}],\"toolChoice\":{\"tool\":{\"name\":\"weather\"}}},"
    "\"requestMetadata\":{\"team\":\"a\"},\"serviceTier\":{\"type\":\"flex\"},"
    "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\"1\"},"
    "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"],"
    "\"system\":[{\"text\":\"Be brief.\"},{\"cachePoint\":{\"type\":\"default\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"png\",\"source\":{"
    "\"bytes\":\"AAAA\"}}},{\"image\":{\"format\":\"jpeg\",\"source\":{\"s3Location\":{\"uri\":"
    "\"s3://bucket/a.jpg\"}}}},{\"document\":{\"format\":\"pdf\",\"name\":\"report\",\"source\":{"
    "\"bytes\":\"JVBE\"}}},{\"document\":{\"format\":\"txt\",\"name\":\"note\",\"source\":{"
    "\"text\":\"d\\n\"}}},{\"video\":{\"format\":\"mp4\",\"source\":{\"bytes\":\"AAAA\"}}},"
    "{\"audio\":{\"format\":\"wav\",\"source\":{\"bytes\":\"AAAA\"}}},{\"text\":\"Weather?\"}]},"
    "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":"
    "\"hm\",\"signature\":\"c2ln\"}}},{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}},"
    "{\"text\":\"I'll look.\"},{\"toolUse\":{\"toolUseId\":\"t_1\",\"name\":\"weather\","
    "\"input\":{\"city\":\"Rome\"}}},{\"toolUse\":{\"toolUseId\":\"t_2\",\"name\":\"weather\","
    "\"input\":{}}}]},"
    "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t_1\",\"content\":[{"
    "\"json\":{\"c\":21}}]}},{\"toolResult\":{\"toolUseId\":\"t_2\",\"content\":[{\"text\":\"no\"},"
    "{\"image\":{\"format\":\"gif\",\"source\":{\"bytes\":\"R0lG\"}}}],\"status\":\"error\"}},"
    "{\"cachePoint\":{\"type\":\"default\"}},{\"text\":\"So?\"}]}]}";

static void all_of_it_is_understood(void **state)
{
    (void)state;
    assert_str(dumped(decoded(everything)),
               "chat model=us.anthropic.claude-sonnet-4-20250514-v1:0 stream=1 include_usage=1 t"
               "ool_choice=4 tool_name=weather format=3 format_name=answer format_description=d "
               "format_schema={\"type\":\"object\"} max_tokens=20000 temperature=0.70 top_p=0.9 "
               "top_k=40 metadata={\"team\":\"a\"} service_tier=flex stop=END stop=\\n\\nHuman:\n"
               "tool name=weather description=says \\\"it\\\" schema={\"type\":\"object\",\"prop"
               "erties\":{\"city\":{\"type\":\"string\"}}} strict=2 cache=2\n"
               "extra guardrailConfig raw={\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\""
               "1\"}\n"
               "extra additionalModelResponseFieldPaths raw=[\"/stop_sequence\"]\n"
               "system\n"
               "  text text=Be brief. cache=1\n"
               "user\n"
               "  image source=1 type=image/png data=AAAA\n"
               "  image source=3 type=image/jpeg data=s3://bucket/a.jpg\n"
               "  document source=1 type=application/pdf data=JVBE file=report\n"
               "  document source=4 type=text/plain data=d\\n file=note\n"
               "  video source=1 type=video/mp4 data=AAAA\n"
               "  audio source=1 type=audio/wav data=AAAA\n"
               "  text text=Weather?\n"
               "assistant\n"
               "  thinking text=hm signature=c2ln signer=1\n"
               "  redacted signature=cmVk signer=1\n"
               "  text text=I'll look.\n"
               "  tool_call id=t_1 name=weather arguments={\"city\":\"Rome\"}\n"
               "  tool_call id=t_2 name=weather arguments={}\n"
               "user\n"
               "  tool_result id=t_1 name=weather\n"
               "    text text={\\\"c\\\":21}\n"
               "  tool_result id=t_2 name=weather is_error=1 cache=1\n"
               "    text text=no\n"
               "    image source=1 type=image/gif data=R0lG\n"
               "  text text=So?\n");
}

/* What is written for one's own model is what was read, byte for byte here. */
static void the_same_comes_out(void **state)
{
    const struct chat *chat = decoded(everything);
    struct str once = encoded(chat, "full");
    struct str again = encoded(chat, "full");
    struct chat *back;

    (void)state;
    assert_str(once, everything);
    assert_true(str_eq(once, again));
    back = decoded(arena_cstr(codec.arena, once));
    assert_str(dumped(back), dumped(chat).p);
}

static void thinking_is_claudes_and_back(void **state)
{
    static const char *const bodies[] = {
        "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":"
        "4096}}," HI,
        "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"adaptive\",\"display\":"
        "\"omitted\"}},\"outputConfig\":{\"effort\":\"max\"}," HI,
        "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"disabled\"}}," HI,
        "{\"outputConfig\":{\"effort\":\"low\"}," HI,
        "{\"additionalModelRequestFields\":{\"anthropic_beta\":[\"b\"],\"tools\":[{\"type\":"
        "\"computer_20250124\",\"name\":\"computer\"}]}," HI,
        "{\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":\"nova_grounding\"}}]}," HI,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_str(encoded(decoded(bodies[i]), "full"), bodies[i]);
}

static struct chat *asking(enum chat_effort effort, uint64_t max_tokens)
{
    struct chat *chat = abroad("{" HI);

    chat->reasoning.effort = effort;
    chat->max_tokens = max_tokens;
    return chat;
}

static void efforts_are_said_in_each_familys_words(void **state)
{
    struct chat *chat = asking(EFFORT_LOW, 0);

    (void)state;
    assert_str(encoded(chat, "full"), "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
                                      "\"enabled\",\"budget_tokens\":2048}}," HI);
    assert_str(encoded_for(chat, (struct chat_target){.model_flags = MODEL_ADAPTIVE}, "full"),
               "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"adaptive\"}},"
               "\"outputConfig\":{\"effort\":\"low\"}," HI);
    assert_str(encoded_for(chat, (struct chat_target){.model_flags = MODEL_KNOWN},
                           "partial; dropped=reasoning"),
               "{" HI);
    assert_str(
        encoded_for(chat, (struct chat_target){.model = STR("amazon.nova-2-lite-v1:0")}, "full"),
        "{\"additionalModelRequestFields\":{\"reasoningConfig\":{\"type\":\"enabled\","
        "\"maxReasoningEffort\":\"low\"}}," HI);
    assert_str(
        encoded_for(chat, (struct chat_target){.model = STR("openai.gpt-oss-20b-1:0")}, "full"),
        "{\"additionalModelRequestFields\":{\"reasoning_effort\":\"low\"}," HI);
    assert_str(encoded_for(chat, (struct chat_target){.model = STR("meta.llama3-70b")},
                           "partial; dropped=reasoning"),
               "{" HI);
    /* half of what may be written */
    assert_str(encoded(asking(EFFORT_MAX, 4096), "full"),
               "{\"inferenceConfig\":{\"maxTokens\":4096},\"additionalModelRequestFields\":{"
               "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}," HI);
    assert_str(encoded(asking(EFFORT_HIGH, 1000), "partial; dropped=thinking"),
               "{\"inferenceConfig\":{\"maxTokens\":1000},\"additionalModelRequestFields\":{"
               "\"thinking\":{\"type\":\"disabled\"}}," HI);
}

static void thinking_excludes_sampling_and_force(void **state)
{
    struct chat *chat = abroad(
        "{\"inferenceConfig\":{\"temperature\":0.5,\"topP\":0.5},\"toolConfig\":{\"tools\":[{"
        "\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{}}}}],\"toolChoice\":{\"any\":{}"
        "}},\"additionalModelRequestFields\":{\"top_k\":4,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":2000}}," HI);

    (void)state;
    assert_str(
        encoded(chat, "partial; dropped=temperature,top_p,top_k; changed=tool_choice"),
        "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":"
        "2000}},\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{"
        "\"json\":{\"type\":\"object\",\"properties\":{}}}}}],\"toolChoice\":{\"auto\":{}}}," HI);
}

/* Claude's own client says effort apart from thinking; another's lost the thoughts of a call. */
static void thinking_fits_the_history(void **state)
{
    struct chat *chat = asking(EFFORT_MEDIUM, 0);
    struct chat_block *b;

    (void)state;
    chat->from = DIALECT_ANTHROPIC;
    assert_str(encoded(chat, "full"), "{\"outputConfig\":{\"effort\":\"medium\"}," HI);
    chat->from = DIALECT_OPENAI;
    b = chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_ASSISTANT), BLOCK_TOOL_CALL);
    b->id = STR("t");
    b->name = STR("f");
    assert_true(str_starts(
        encoded(chat, "partial; dropped=thinking; changed=tools"),
        STR("{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"disabled\"}},")));
}

static void what_cannot_be_said_is_named(void **state)
{
    struct chat *chat = abroad("{\"performanceConfig\":{\"latency\":\"optimized\"},"
                               "\"additionalModelRequestFields\":{\"x\":1}," HI);

    (void)state;
    chat->temperature = STR("1.7");
    chat->top_p = STR("-1");
    chat->seed = STR("7");
    chat->logit_bias = STR("{}");
    chat->n = 2;
    chat->user = STR("u");
    chat->format = FORMAT_JSON;
    chat->parallel_tools = NO;
    chat->store = YES;
    chat->service_tier = STR("scale");
    chat->metadata = STR("{\"a\":\"no \\\"quotes\\\"\"}");
    assert_str(encoded(chat, "partial; "
                             "dropped=response_format,parallel_tool_calls,metadata,service_tier,"
                             "performanceConfig,additionalModelRequestFields.x,seed,n,logit_bias,"
                             "user,store; changed=temperature,top_p"),
               "{\"inferenceConfig\":{\"temperature\":1,\"topP\":0}," HI);
    chat = abroad("{" HI);
    chat->metadata = STR("{\"a\":\"b c\"}");
    chat->service_tier = STR("auto");
    assert_str(encoded(chat, "full"), "{\"requestMetadata\":{\"a\":\"b c\"}," HI);
}

/* One more turn, and all that was before it is as it was. */
static void prefix_is_stable(void **state)
{
    struct chat *chat = abroad(everything);
    struct str before = encoded(chat, "partial; "
                                      "dropped=guardrailConfig,additionalModelResponseFieldPaths");
    struct chat_block *b;

    (void)state;
    before.len -= 4; /* ]}]} */
    b = chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_ASSISTANT), BLOCK_TEXT);
    b->text = STR("Well.");
    b = chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_USER), BLOCK_TEXT);
    b->text = STR("And?");
    assert_true(str_starts(
        encoded(chat, "partial; dropped=guardrailConfig,additionalModelResponseFieldPaths"),
        before));
}

static void other_models_have_less(void **state)
{
    struct chat *chat = decoded(everything);

    (void)state;
    chat->from = DIALECT_OPENAI;
    chat->extras = NULL;
    (void)encoded_for(chat, (struct chat_target){.model = STR("meta.llama3-1-70b-instruct-v1:0")},
                      "partial; dropped=top_k,tools.strict,cache_control,thinking; "
                      "changed=tool_choice,messages.content");
    /* the image of the result has become a part of the user's turn */
    assert_non_null(strstr(out.data, "\"status\":\"error\"}},{\"image\":{\"format\":\"gif\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_understood),
        cmocka_unit_test(the_same_comes_out),
        cmocka_unit_test(thinking_is_claudes_and_back),
        cmocka_unit_test(efforts_are_said_in_each_familys_words),
        cmocka_unit_test(thinking_excludes_sampling_and_force),
        cmocka_unit_test(thinking_fits_the_history),
        cmocka_unit_test(what_cannot_be_said_is_named),
        cmocka_unit_test(prefix_is_stable),
        cmocka_unit_test(other_models_have_less),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
