/* InvokeModel: Anthropic's and Titan's bodies, and their events in AWS's chunks. */
#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/base64.h"
#include "providers/dialect.h"
#include "providers/dialects/invoke.h"
#include "providers/eventstream.h"
#include "providers/peek.h"
#include "providers/write.h"

static struct chat_codec codec;
static struct buf dump, out;

static int set_up(void **state)
{
    (void)state;
    codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(codec.arena);
    arena_free(codec.scratch);
    json_parser_free(codec.json);
    buf_fini(&dump);
    buf_fini(&out);
    return 0;
}

static const char *decoded(const struct dialect *d, const char *body)
{
    const struct chat_url url = {STR("anthropic.claude-v1:0"), true};
    struct chat_error err = {.kind = 0};
    struct chat chat;

    if (d->decode_request(&codec, &url, str_of(body), &chat, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    buf_clear(&dump);
    chat_dump(&chat, &dump);
    return dump.data;
}

static void refused(const struct dialect *d, const char *body, const char *param)
{
    const struct chat_url url = {STR("m"), false};
    struct chat_error err = {.kind = 0};
    struct chat chat;

    assert_int_equal(d->decode_request(&codec, &url, str_of(body), &chat, &err), -1);
    assert_str(err.param, param);
}

static void bodies_are_understood(void **state)
{
    (void)state;
    assert_string_equal(
        decoded(&dialect_invoke_anthropic,
                "{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"b\"],"
                "\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"),
        "chat model=anthropic.claude-v1:0 stream=1 max_tokens=5\n"
        "extra anthropic_beta raw=[\"b\"]\n"
        "user\n"
        "  text text=Hi\n");
    assert_string_equal(
        decoded(&dialect_invoke_titan,
                "{\"inputText\":\"User: Hi\\nBot:\",\"textGenerationConfig\":{\"maxTokenCount\":5,"
                "\"stopSequences\":[\"User:\"],\"temperature\":0.5,\"topP\":1}}"),
        "chat model=anthropic.claude-v1:0 stream=1 include_usage=1 max_tokens=5 temperature=0.5 "
        "top_p=1 stop=User:\n"
        "user\n"
        "  text text=User: Hi\\nBot:\n");
    refused(&dialect_invoke_anthropic, "{\"anthropic_version\":\"bedrock-2023-05-31\"}",
            "max_tokens");
    refused(&dialect_invoke_titan, "{\"inputText\":1}", "inputText");
    refused(&dialect_invoke_titan, "{}", "inputText");
    refused(&dialect_invoke_titan,
            "{\"inputText\":\"a\",\"textGenerationConfig\":{\"topP\":\"x\"}}",
            "textGenerationConfig.topP");
    refused(&dialect_invoke_titan, "[]", "the body");
}

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct buf *lines = ctx;
    char inner[1024];
    size_t at = 0;
    struct str key;
    struct str plain = {inner, 0};

    if (m->is_exception) {
        buf_str(lines, m->payload);
    } else {
        assert_true(str_eq(m->type, STR("chunk")));
        assert_true(peek_key(m->payload, &at, &key));
        assert_true(base64_read(peek_text(m->payload, at), inner, &plain.len));
        buf_str(lines, plain);
    }
    buf_char(lines, '\n');
}

/* An answer of one text: as a stream, its inner events a line each. */
static const char *streamed(const struct dialect *d, bool breaks)
{
    static const struct chat_usage usage = {.known = true, .input = 10, .output = 3, .cached = 4};
    static const struct chat_error error = {.kind = ERROR_RATE, .message = {"slow", 4}};
    const struct chat_reply reply = {
        .id = STR("1"), .model = STR("m"), .stream = true, .created_s = 1};
    const struct chat_event events[] = {
        {.kind = EVENT_START},
        {.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TEXT},
        {.kind = EVENT_DELTA, .block_kind = BLOCK_TEXT, .text = STR("a\\n\\\"b")},
        {.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_TEXT},
        {.kind = EVENT_STOP, .stop = STOP_LENGTH},
        {.kind = EVENT_USAGE, .usage = &usage},
        {.kind = breaks ? EVENT_ERROR : EVENT_END, .error = &error},
    };
    void *encoder = d->encoder(&codec, &reply);
    struct eventstream s = EVENTSTREAM_INIT;

    buf_clear(&out);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        d->encode_event(encoder, &events[i], &out);
        arena_reset(codec.scratch);
    }
    buf_clear(&dump);
    assert_int_equal(eventstream_feed(&s, buf_view(&out), on_message, &dump), 0);
    eventstream_fini(&s);
    return dump.data;
}

static void streams_are_chunks(void **state)
{
    const char *text = streamed(&dialect_invoke_anthropic, false);

    (void)state;
    assert_non_null(strstr(text, "{\"type\":\"message_start\",\"message\":{"));
    assert_non_null(strstr(text, "\n{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                                 "\"type\":\"text_delta\",\"text\":\"a\\n\\\"b\"}}\n"));
    assert_non_null(strstr(text, "\n{\"type\":\"message_stop\",\"amazon-bedrock-"
                                 "invocationMetrics\":{\"inputTokenCount\":6,\"outputTokenCount\":"
                                 "3,\"cacheReadInputTokenCount\":4,\"cacheWriteInputTokenCount\":"
                                 "0}}\n"));
    assert_string_equal(
        streamed(&dialect_invoke_titan, false),
        "{\"outputText\":\"a\\n\\\"b\",\"index\":0,\"totalOutputTextTokenCount\":null,"
        "\"completionReason\":null,\"inputTextTokenCount\":null}\n"
        "{\"outputText\":\"\",\"index\":0,\"totalOutputTextTokenCount\":3,\"completionReason\":"
        "\"LENGTH\",\"inputTextTokenCount\":10,\"amazon-bedrock-invocationMetrics\":{"
        "\"inputTokenCount\":6,\"outputTokenCount\":3,\"cacheReadInputTokenCount\":4,"
        "\"cacheWriteInputTokenCount\":0}}\n");
    text = streamed(&dialect_invoke_anthropic, true);
    assert_non_null(strstr(text, "\n{\"message\":\"slow\"}\n"));
    assert_null(strstr(text, "message_stop"));
}

static void whole_answers_are_the_vendors(void **state)
{
    struct chat_block call = {.kind = BLOCK_TOOL_CALL, .id = STR("t"), .name = STR("f")};
    struct chat_block text = {.kind = BLOCK_TEXT, .text = STR("Hi"), .next = &call};
    struct chat_choice_answer choice = {.blocks = &text, .stop = STOP_SEQUENCE, .seen = true};
    const struct chat_answer answer = {
        .choices = &choice, .n_choices = 1, .usage = {.known = true, .input = 7, .output = 2}};
    const struct chat_reply reply = {.id = STR("1"), .model = STR("m")};
    struct chat_loss loss = {.n_dropped = 0};

    (void)state;
    buf_clear(&out);
    dialect_invoke_titan.encode_answer(dialect_invoke_titan.encoder(&codec, &reply), &answer, &loss,
                                       &out);
    assert_str(buf_view(&out),
               "{\"inputTextTokenCount\":7,\"results\":[{\"tokenCount\":2,\"outputText\":\"Hi\","
               "\"completionReason\":\"STOP_CRITERIA_MET\"}]}");
    assert_str(loss_header(&loss, codec.arena), "partial; dropped=tool_calls");
    buf_clear(&out);
    dialect_invoke_anthropic.encode_answer(dialect_invoke_anthropic.encoder(&codec, &reply),
                                           &answer, &loss, &out);
    buf_char(&out, '\0');
    assert_non_null(strstr(out.data, "\"type\":\"tool_use\""));
    assert_non_null(strstr(out.data, "\"stop_reason\":\"stop_sequence\""));
}

static void seen(const char *inner, struct chat_seen *s, struct chat_usage *usage)
{
    struct chat_frame frame = {.name = STR("chunk")};
    struct buf b = BUF_INIT;

    write_open(&b, '{');
    write_key(&b, "bytes");
    buf_char(&b, '"');
    base64_put(&b, str_of(inner));
    buf_cstr(&b, "\",\"p\":\"abcd\"}");
    frame.data = buf_view(&b);
    dialect_bedrock.look_frame(&frame, s, usage);
    buf_fini(&b);
}

/* At home InvokeModel's usage is read whatever vendor's the model is. */
static void usage_is_seen_in_passing(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_seen s;

    (void)state;
    seen("{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":6,"
         "\"cache_read_input_tokens\":4,\"output_tokens\":1}}}",
         &s, &usage);
    assert_int_equal(usage.input, 10);
    seen("{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"abc\"}}", &s, &usage);
    assert_int_equal(s.content_bytes, 3);
    seen("{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":99,"
         "\"outputTokenCount\":9}}",
         &s, &usage);
    assert_true(s.is_done);
    assert_int_equal(usage.input, 10);
    usage = (struct chat_usage){.known = false};
    seen("{\"generation\":\"x\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":99,"
         "\"outputTokenCount\":9}}",
         &s, &usage);
    assert_true(s.is_done && usage.known);
    assert_int_equal(usage.input, 99);
    assert_int_equal(usage.output, 9);
    usage = (struct chat_usage){.known = false};
    dialect_bedrock.look_answer(STR("{\"inputTextTokenCount\":5,\"results\":[{\"tokenCount\":8,"
                                    "\"outputText\":\"a\"}]}"),
                                &usage);
    assert_int_equal(usage.input, 5);
    assert_int_equal(usage.output, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_understood),
        cmocka_unit_test(streams_are_chunks),
        cmocka_unit_test(whole_answers_are_the_vendors),
        cmocka_unit_test(usage_is_seen_in_passing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
