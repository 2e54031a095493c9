/* Requests of the Bedrock Converse dialect: turns, media, signatures, what is refused. */
#include <stdio.h>

#include "tests/unit/bedrock_fixture.h"

static void refused(const char *body, const char *param)
{
    const struct chat_url url = {STR(CLAUDE), false};
    struct chat chat;
    struct chat_error err = {.kind = 0};

    assert_int_equal(dialect_bedrock.decode_request(&codec, &url, str_of(body), &chat, &err), -1);
    assert_int_equal(err.status, 400);
    assert_str(err.param, param);
    assert_true(err.message.len > 0);
}

static void unsaid(const struct chat *chat, const char *model, const char *message)
{
    const struct chat_target target = {.model = str_of(model)};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = 0};

    buf_clear(&out);
    assert_int_equal(dialect_bedrock.encode_request(&codec, chat, &target, &loss, &out, &err), -1);
    assert_str(err.message, message);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]}"

/* Tools and results of other dialects: roles merged, ids and texts made fit. */
static void turns_are_merged(void **state)
{
    struct chat *chat = abroad("{" HI);
    struct chat_message *m = chat_add_message(&codec, chat, ROLE_ASSISTANT);
    struct chat_block *b = chat_add_block(&codec, m, BLOCK_TEXT);

    (void)state;
    for (int i = 0; i < 2; i++) {
        b = chat_add_block(&codec, m, BLOCK_TOOL_CALL);
        b->id = i == 0 ? STR("call/1") : STR("call_2");
        b->name = STR("f");
        b->arguments_text = i == 0 ? STR("{\\\"a\\\":1}") : STR("nonsense");
    }
    for (int i = 0; i < 2; i++) {
        b = chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_TOOL), BLOCK_TOOL_RESULT);
        b->id = i == 0 ? STR("call/1") : STR("call_2");
    }
    b->content = arena_zalloc(codec.arena, sizeof(*b));
    *b->content = (struct chat_block){.kind = BLOCK_TEXT, .text = STR("42")};
    b = chat_add_block(&codec, chat_add_message(&codec, chat, ROLE_SYSTEM), BLOCK_TEXT);
    b->text = STR("Now.");
    assert_str(
        encoded(chat, "partial; changed=tools,messages.tool_calls.arguments,messages.role"),
        "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"no_tool\",\"description\":\"There "
        "are no tools now. Do not call "
        "this.\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}]},"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]},{\"role\":\"assistant\","
        "\"content\":[{\"toolUse\":{\"toolUseId\":\"call_1_958924995d7bdb99\",\"name\":\"f\","
        "\"input\":{\"a\":1}}},{\"toolUse\":{\"toolUseId\":\"call_2\",\"name\":\"f\",\"input\":{"
        "\"_arguments\":\"nonsense\"}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{"
        "\"toolUseId\":\"call_1_958924995d7bdb99\",\"content\":[]}},{\"toolResult\":{\"toolUseId\":"
        "\"call_2\",\"content\":[{\"text\":\"42\"}]}},{\"text\":\"Now.\"}]}]}");
}

/* There must be something to answer. */
static void system_alone_is_a_user(void **state)
{
    struct chat *chat = abroad("{" HI);

    (void)state;
    chat->messages->role = ROLE_SYSTEM;
    assert_str(encoded(chat, "partial; changed=messages.role"), "{" HI);
}

/* AWS answers 400 to a text of blanks. */
static void blank_texts_are_left_out(void **state)
{
    struct chat *chat = abroad("{" HI);

    (void)state;
    chat_add_block(&codec, chat->messages, BLOCK_TEXT)->text = STR(" \\n\\n\\t");
    assert_str(encoded(chat, "partial; changed=messages.content"), "{" HI);
    chat_add_block(&codec, chat->messages, BLOCK_TEXT)->text = STR(" \\\\n");
    assert_non_null(
        strstr(encoded(chat, "partial; changed=messages.content").p, "{\"text\":\" \\\\n\"}"));
}

static struct chat *with_media(enum chat_block_kind kind, struct chat_media media)
{
    struct chat *chat = abroad("{" HI);
    struct chat_block *b = chat_add_block(&codec, chat->messages, kind);

    b->media = media;
    return chat;
}

static void media_need_their_bytes(void **state)
{
    static const char *const image =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},{\"image\":{\"format\":"
        "\"webp\",\"source\":{\"bytes\":\"UklG\"}}}]}]}";

    (void)state;
    assert_str(
        encoded(with_media(BLOCK_IMAGE,
                           (struct chat_media){.source = SOURCE_URL,
                                               .data = STR("data:image\\/webp;base64,UklG")}),
                "full"),
        image);
    unsaid(with_media(BLOCK_IMAGE,
                      (struct chat_media){.source = SOURCE_URL, .data = STR("https://x/y.png")}),
           CLAUDE,
           "messages[0]: Bedrock takes no URL of an image or file but s3://; send its bytes in "
           "base64");
    unsaid(with_media(BLOCK_DOCUMENT,
                      (struct chat_media){.source = SOURCE_FILE, .data = STR("file-1")}),
           CLAUDE, "messages[0]: Bedrock knows no file ids; send the file's bytes in base64");
    unsaid(with_media(BLOCK_IMAGE, (struct chat_media){.source = SOURCE_BASE64,
                                                       .type = STR("image/tiff"),
                                                       .data = STR("AAAA")}),
           CLAUDE, "messages[0]: Bedrock takes no such type of image or file");
    assert_str(
        encoded(with_media(BLOCK_IMAGE, (struct chat_media){.source = SOURCE_URL,
                                                            .detail = STR("low"),
                                                            .data = STR("s3://bucket/x.png")}),
                "partial; dropped=detail"),
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},{\"image\":{\"format\":"
        "\"png\",\"source\":{\"s3Location\":{\"uri\":\"s3://bucket/x.png\"}}}}]}]}");
    /* a document must have a name; the format says what the ending said */
    assert_str(encoded(with_media(BLOCK_DOCUMENT, (struct chat_media){.source = SOURCE_BASE64,
                                                                      .name = STR("my report.pdf"),
                                                                      .data = STR("JVBE")}),
                       "full"),
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},{\"document\":{"
               "\"format\":\"pdf\",\"name\":\"my report\",\"source\":{\"bytes\":\"JVBE\"}}}]}]}");
    assert_str(encoded(with_media(BLOCK_DOCUMENT,
                                  (struct chat_media){.source = SOURCE_TEXT, .data = STR("a\\nb")}),
                       "full"),
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},{\"document\":{"
               "\"format\":\"txt\",\"name\":\"document-1\",\"source\":{\"text\":\"a\\nb\"}}}]}]}");
}

/* Only Claude reads Claude's thinking; other signatures come back from a Bedrock client wrapped. */
static void signatures_find_their_readers(void **state)
{
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]},{\"role\":"
        "\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"o\","
        "\"signature\":\"bf1.o.enc\"}}},{\"reasoningContent\":{\"redactedContent\":"
        "\"YmYxLm8ucmVk\"}},{\"reasoningContent\":{\"reasoningText\":{\"text\":\"\","
        "\"signature\":\"bf1.g.call:Zm9v\"}}},{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\","
        "\"input\":{}}},{\"reasoningContent\":{\"reasoningText\":{\"text\":\"mine\",\"signature\":"
        "\"c2ln\"}}}]}]}";
    const struct chat *chat = decoded(body);

    (void)state;
    assert_str(dumped(chat),
               "chat model=us.anthropic.claude-sonnet-4-20250514-v1:0 stream=1 include_usage=1\n"
               "user\n"
               "  text text=Hi\n"
               "assistant\n"
               "  thinking text=o signature=enc signer=3\n"
               "  redacted signature=red signer=3\n"
               "  tool_call id=t name=f arguments={} signature=Zm9v signer=2\n"
               "  thinking text=mine signature=c2ln signer=1\n");
    assert_str(encoded(chat, "partial; dropped=thinking; changed=tools"),
               "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"no_tool\",\"description\":"
               "\"There are no tools now. Do not call this.\",\"inputSchema\":{\"json\":{\"type\""
               ":\"object\",\"properties\":{}}}}}]},\"messages\":[{\"role\":\"user\",\"content\""
               ":[{\"text\":\"Hi\"}]},{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolU"
               "seId\":\"t\",\"name\":\"f\",\"input\":{}}},{\"reasoningContent\":{\"reasoningTex"
               "t\":{\"text\":\"mine\",\"signature\":\"c2ln\"}}}]}]}");
}

static void wrong_types_are_refused(void **state)
{
    (void)state;
    refused("", "");
    refused("[]", "the body");
    refused("{", "");
    refused("{}", "messages");
    refused("{\"messages\":[]}", "messages");
    refused("{\"messages\":{}}", "messages");
    refused("{\"messages\":[1]}", "messages[0]");
    refused("{\"messages\":[{\"role\":\"tool\",\"content\":[]}]}", "messages[0]");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", "messages[0].content");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":1}]}]}",
            "messages[0].content[0]");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\",\"image\":{}}]}]}",
            "messages[0].content[0]");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"bmp\","
            "\"source\":{\"bytes\":\"\"}}}]}]}",
            "messages[0].content[0]");
    refused("{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":"
            "\"t\",\"name\":\"f\",\"input\":\"{}\"}}]}]}",
            "messages[0].content[0]");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":"
            "\"t\",\"content\":[]}}]}]}",
            "messages[0]");
    refused("{\"inferenceConfig\":{\"maxTokens\":0}," HI, "inferenceConfig.maxTokens");
    refused("{\"inferenceConfig\":{\"temperature\":\"1\"}," HI, "inferenceConfig.temperature");
    refused("{\"inferenceConfig\":{\"stopSequences\":[1]}," HI, "inferenceConfig.stopSequences");
    refused("{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\"}}]}," HI,
            "toolConfig.tools[0]");
    refused("{\"toolConfig\":{\"toolChoice\":{\"none\":{}}}," HI, "toolConfig.toolChoice");
    refused("{\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
            "\"jsonSchema\":{\"schema\":\"[]\"}}}}," HI,
            "outputConfig.textFormat");
    refused("{\"additionalModelRequestFields\":[]," HI, "additionalModelRequestFields");
    refused("{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\"}}," HI,
            "additionalModelRequestFields.thinking");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_alone_is_a_user),  cmocka_unit_test(blank_texts_are_left_out),
        cmocka_unit_test(media_need_their_bytes),  cmocka_unit_test(signatures_find_their_readers),
        cmocka_unit_test(wrong_types_are_refused), cmocka_unit_test(turns_are_merged),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
