/* Answers of the Bedrock Converse dialect: streams and whole ones, both ways; errors. */
#include <stdio.h>

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialect.h"
#include "providers/dialects/bedrock.h"
#include "providers/eventstream.h"

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

static void to_dump(void *ctx, const struct chat_event *e)
{
    (void)ctx;
    event_dump(e, &dump);
}

static const struct chat_sink dumping = {to_dump, NULL};

/* "name {json}" a line; '!' before exceptions. Returns the decoder's last verdict. */
static int decode(const char *frames, const struct chat_sink *sink)
{
    void *decoder = dialect_bedrock.decoder(&codec);
    struct str rest = str_of(frames);
    struct str line;
    int rc = 0;

    buf_clear(&dump);
    while (rc == 0 && str_next(&rest, '\n', &line) && line.len > 0) {
        struct chat_frame f = {.is_exception = line.p[0] == '!'};
        ptrdiff_t blank;

        line = str_skip(line, f.is_exception);
        blank = str_index(line, ' ');
        f.name = (struct str){line.p, (size_t)blank};
        f.data = str_skip(line, (size_t)blank + 1);
        rc = dialect_bedrock.decode_frame(decoder, &f, sink);
        arena_reset(codec.scratch);
    }
    if (rc == 0)
        dialect_bedrock.decode_end(decoder, sink);
    return rc;
}

struct relay {
    void *encoder;
    struct chat_fold *fold;
};

static void to_client(void *ctx, const struct chat_event *e)
{
    struct relay *r = ctx;

    dialect_bedrock.encode_event(r->encoder, e, &out);
    fold_event(r->fold, e);
}

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct buf *lines = ctx;

    buf_cstr(lines, m->is_exception ? "!" : "");
    buf_str(lines, m->type);
    buf_char(lines, ' ');
    buf_str(lines, m->payload);
    buf_char(lines, '\n');
}

/* The frames as a client of the same dialect gets them by way of events. */
static const char *passed(const char *frames, struct chat_fold **fold)
{
    static struct chat chat;
    static struct chat_reply reply;
    struct eventstream s = EVENTSTREAM_INIT;
    struct buf lines = BUF_INIT;
    struct relay r;
    char *copy;

    chat = (struct chat){.from = DIALECT_BEDROCK};
    chat_add_extra(&codec, &chat, STR("additionalModelResponseFieldPaths"),
                   STR("[\"/stop_sequence\"]"));
    reply = (struct chat_reply){.chat = &chat, .model = STR("m"), .stream = true};
    r = (struct relay){dialect_bedrock.encoder(&codec, &reply), fold_create(&codec, 1 << 20)};
    buf_clear(&out);
    assert_int_equal(decode(frames, &(struct chat_sink){to_client, &r}), 0);
    assert_int_equal(eventstream_feed(&s, buf_view(&out), on_message, &lines), 0);
    assert_int_equal(eventstream_rest(&s).len, 0);
    *fold = r.fold;
    copy = arena_cstr(codec.arena, buf_view(&lines));
    buf_fini(&lines);
    eventstream_fini(&s);
    return copy;
}

/* As AWS documents it, without its padding. */
static const char stream[] =
    "messageStart {\"role\":\"assistant\"}\n"
    "contentBlockDelta "
    "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}\n"
    "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":"
    "\"c2ln\"}}}\n"
    "contentBlockStop {\"contentBlockIndex\":0}\n"
    "contentBlockDelta "
    "{\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}}}\n"
    "contentBlockStop {\"contentBlockIndex\":1}\n"
    "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"text\":\"I \\\"look\\\"\"}}\n"
    "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"text\":\" up.\\n\"}}\n"
    "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"citation\":{\"title\":\"T\","
    "\"sourceContent\":[{\"text\":\"src\"}],\"location\":{\"web\":{\"url\":\"https://x\"}}}}}\n"
    "contentBlockStop {\"contentBlockIndex\":2}\n"
    "contentBlockStart {\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"toolUseId\":\"t_1\","
    "\"name\":\"weather\"}}}\n"
    "contentBlockDelta "
    "{\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{\"input\":\"{\\\"city\"}}}\n"
    "contentBlockDelta {\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{\"input\":\"\\\":1}\"}}}\n"
    "contentBlockStop {\"contentBlockIndex\":3}\n"
    "contentBlockStart {\"contentBlockIndex\":4,\"start\":{\"toolUse\":{\"toolUseId\":\"t_2\","
    "\"name\":\"now\"}}}\n"
    "contentBlockStop {\"contentBlockIndex\":4}\n"
    "messageStop {\"stopReason\":\"tool_use\"}\n"
    "metadata {\"usage\":{\"inputTokens\":10,\"outputTokens\":20,\"totalTokens\":135,"
    "\"cacheReadInputTokens\":5,\"cacheWriteInputTokens\":100,\"cacheDetails\":[{\"ttl\":\"1h\","
    "\"inputTokens\":40},{\"ttl\":\"5m\",\"inputTokens\":60}]},\"metrics\":{\"latencyMs\":0}}\n";

static void streams_become_events(void **state)
{
    (void)state;
    assert_int_equal(decode(stream, &dumping), 0);
    assert_str(buf_view(&dump), "start\n"
                                "block_start 0:thinking\n"
                                "delta 0:thinking text=hm\n"
                                "signature 0:thinking text=c2ln signer=1\n"
                                "block_stop 0:thinking\n"
                                "block_start 1:redacted\n"
                                "signature 1:redacted text=cmVk signer=1\n"
                                "block_stop 1:redacted\n"
                                "block_start 2:text\n"
                                "delta 2:text text=I \\\"look\\\"\n"
                                "delta 2:text text= up.\\n\n"
                                "citation 2:text [citation url=https://x title=T text=src]\n"
                                "block_stop 2:text\n"
                                "block_start 3:tool_call id=t_1 name=weather\n"
                                "delta 3:tool_call text={\\\"city\n"
                                "delta 3:tool_call text=\\\":1}\n"
                                "block_stop 3:tool_call\n"
                                "block_start 4:tool_call id=t_2 name=now\n"
                                "block_stop 4:tool_call\n"
                                "stop stop=4\n"
                                "usage input=115 output=20 cached=5 written_5m=60 written_1h=40\n"
                                "end\n");
}

static void streams_pass_unchanged(void **state)
{
    struct chat_fold *fold;

    (void)state;
    assert_string_equal(passed(stream, &fold), stream);
    assert_true(fold_answer(fold)->has_end);
}

static struct str whole_of(const struct chat_answer *answer, const char *lost)
{
    const struct chat_reply reply = {.model = STR("m")};
    struct chat_loss loss = {.n_dropped = 0};

    buf_clear(&out);
    dialect_bedrock.encode_answer(dialect_bedrock.encoder(&codec, &reply), answer, &loss, &out);
    assert_str(loss_header(&loss, codec.arena), lost);
    return arena_str(codec.arena, buf_view(&out));
}

static const char whole[] =
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
    "\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},{\"reasoningContent\":{"
    "\"redactedContent\":\"cmVk\"}},{\"citationsContent\":{\"content\":[{\"text\":\"I "
    "\\\"look\\\" up.\\n\"}],\"citations\":[{\"title\":\"T\",\"sourceContent\":[{\"text\":"
    "\"src\"}],\"location\":{\"web\":{\"url\":\"https://x\"}}}]}},{\"toolUse\":{\"toolUseId\":"
    "\"t_1\",\"name\":\"weather\",\"input\":{\"city\":1}}},{\"toolUse\":{\"toolUseId\":\"t_2\","
    "\"name\":\"now\",\"input\":{}}}]}},\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":10,"
    "\"outputTokens\":20,\"totalTokens\":135,\"cacheReadInputTokens\":5,"
    "\"cacheWriteInputTokens\":100,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":40},{"
    "\"ttl\":\"5m\",\"inputTokens\":60}]},\"metrics\":{\"latencyMs\":0}}";

static void the_whole_is_the_folded_stream(void **state)
{
    struct chat_fold *fold;

    (void)state;
    (void)passed(stream, &fold);
    assert_str(whole_of(fold_answer(fold), "full"), whole);
    /* and back: the same events, but for how the deltas are cut */
    fold = fold_create(&codec, 1 << 20);
    assert_int_equal(dialect_bedrock.decode_answer(dialect_bedrock.decoder(&codec), str_of(whole),
                                                   &(struct chat_sink){fold_event, fold}),
                     0);
    assert_str(whole_of(fold_answer(fold), "full"), whole);
}

static void stop_reasons_go_both_ways(void **state)
{
    static const char *const same[] = {"end_turn",
                                       "tool_use",
                                       "max_tokens",
                                       "stop_sequence",
                                       "content_filtered",
                                       "malformed_model_output",
                                       "model_context_window_exceeded"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_string_equal(bedrock_stop_name(bedrock_stop_of(str_of(same[i]))), same[i]);
    assert_int_equal(bedrock_stop_of(STR("guardrail_intervened")), STOP_FILTER);
    assert_int_equal(bedrock_stop_of(STR("malformed_tool_use")), STOP_ERROR);
    assert_string_equal(bedrock_stop_name(STOP_REFUSAL), "content_filtered");
    assert_string_equal(bedrock_stop_name(STOP_PAUSE), "end_turn");
}

/* Signatures of others are wrapped; a call's goes ahead of the call. */
static void foreign_signatures_are_wrapped(void **state)
{
    const struct chat_reply reply = {.model = STR("m"), .stream = true};
    void *encoder = dialect_bedrock.encoder(&codec, &reply);
    struct chat_event e = {
        .kind = EVENT_BLOCK_START, .block_kind = BLOCK_TOOL_CALL, .id = STR("t"), .name = STR("f")};
    struct eventstream s = EVENTSTREAM_INIT;
    struct buf lines = BUF_INIT;

    (void)state;
    buf_clear(&out);
    dialect_bedrock.encode_event(encoder, &e, &out);
    assert_int_equal(out.len, 0);
    e.kind = EVENT_SIGNATURE;
    e.text = STR("Zm9v");
    e.signer = SIGNER_GEMINI;
    dialect_bedrock.encode_event(encoder, &e, &out);
    e.kind = EVENT_DELTA;
    e.text = STR("{}");
    dialect_bedrock.encode_event(encoder, &e, &out);
    e.kind = EVENT_BLOCK_STOP;
    dialect_bedrock.encode_event(encoder, &e, &out);
    e.block_kind = BLOCK_REDACTED;
    e.kind = EVENT_BLOCK_START;
    dialect_bedrock.encode_event(encoder, &e, &out);
    e.kind = EVENT_SIGNATURE;
    e.text = STR("red");
    e.signer = SIGNER_OPENAI;
    dialect_bedrock.encode_event(encoder, &e, &out);
    assert_int_equal(eventstream_feed(&s, buf_view(&out), on_message, &lines), 0);
    assert_str(
        buf_view(&lines),
        "contentBlockDelta "
        "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"\"}}}\n"
        "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{"
        "\"signature\":\"bf1.g.call:Zm9v\"}}}\n"
        "contentBlockStop {\"contentBlockIndex\":0}\n"
        "contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"t\","
        "\"name\":\"f\"}}}\n"
        "contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}\n"
        "contentBlockStop {\"contentBlockIndex\":1}\n"
        "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"reasoningContent\":{"
        "\"redactedContent\":\"YmYxLm8ucmVk\"}}}\n");
    buf_fini(&lines);
    eventstream_fini(&s);
}

static void broken_streams_end_in_errors(void **state)
{
    (void)state;
    assert_int_equal(decode("messageStart {\"role\":\"assistant\"}\ncontentBlockDelta "
                            "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n",
                            &dumping),
                     0);
    assert_str(buf_view(&dump), "start\nblock_start 0:text\ndelta 0:text text=a\n"
                                "error kind=11 status=502 "
                                "message=the provider broke its answer off\n");
    assert_int_equal(decode("messageStart {}\n!throttlingException {\"message\":\"Too many\"}\n"
                            "contentBlockDelta {}\n",
                            &dumping),
                     0);
    assert_str(buf_view(&dump), "start\nerror kind=9 status=429 message=Too many "
                                "type=throttlingException\n");
    assert_int_equal(decode("!modelStreamErrorException not JSON \"at\" all\n", &dumping), 0);
    assert_str(buf_view(&dump), "start\nerror kind=11 status=502 message=not JSON "
                                "\\\"at\\\" all type=modelStreamErrorException\n");
    assert_int_equal(decode("messageStart <html>\n", &dumping), -1);
    assert_int_equal(decode("messageStart []\n", &dumping), -1);
    assert_int_equal(decode("contentBlockDelta {\"delta\":{\"text\":\"a\"}}\n", &dumping), -1);
    assert_int_equal(decode("contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{"
                            "\"input\":\"\"}}}\n",
                            &dumping),
                     -1);
    /* what AWS may add is stepped over; what runs at the provider is shown as what it is */
    assert_int_equal(decode("messageStart {}\nnews {}\ncontentBlockStart {\"contentBlockIndex\":0,"
                            "\"start\":{\"toolResult\":{\"toolUseId\":\"x\"}}}\n"
                            "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolResult\":"
                            "[]}}\ncontentBlockStop {\"contentBlockIndex\":0}\n"
                            "messageStop {\"stopReason\":\"end_turn\"}\n",
                            &dumping),
                     0);
    assert_str(buf_view(&dump), "start\nblock_start 0:other name=toolResult\nblock_stop 0:other\n"
                                "stop stop=1\nend\n");
}

static void broken_answers_are_refused(void **state)
{
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "[]",
                                         "{}",
                                         "{\"message\":\"no\"}",
                                         "{\"output\":{\"message\":{\"content\":{}}}}",
                                         "{\"output\":{\"message\":{\"content\":[]}}}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        buf_clear(&dump);
        assert_int_equal(dialect_bedrock.decode_answer(dialect_bedrock.decoder(&codec),
                                                       str_of(bodies[i]), &dumping),
                         -1);
        assert_int_equal(dump.len, 0);
    }
}

static void check_error(int status, const char *body, enum chat_error_kind kind, int told,
                        const char *message)
{
    struct chat_error err;

    dialect_bedrock.decode_error(&codec, status, str_of(body), &err);
    assert_int_equal(err.kind, kind);
    assert_int_equal(err.status, told);
    assert_str(err.message, message);
}

static void errors_are_read(void **state)
{
    (void)state;
    check_error(400, "{\"message\":\"a \\\"b\\\"\"}", ERROR_INVALID, 400, "a \\\"b\\\"");
    check_error(403, "{\"Message\":\"no\"}", ERROR_PERMISSION, 403, "no");
    check_error(403,
                "{\"__type\":\"com.amazon.coral.service#UnrecognizedClientException\","
                "\"message\":\"bad key\"}",
                ERROR_AUTH, 403, "bad key");
    check_error(404, "{\"message\":\"which?\"}", ERROR_NOT_FOUND, 404, "which?");
    check_error(429, "{\"message\":\"slow\"}", ERROR_RATE, 429, "slow");
    check_error(424, "{\"message\":\"it broke\"}", ERROR_UPSTREAM, 502, "it broke");
    check_error(408, "{\"message\":\"late\"}", ERROR_TIMEOUT, 408, "late");
    check_error(503, "<b>\"no\"</b>", ERROR_OVERLOADED, 503, "<b>\\\"no\\\"</b>");
    check_error(500, "", ERROR_SERVER, 500, "the provider gave no reason");
    check_error(200,
                "{\"Output\":{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"},"
                "\"Version\":\"1.0\"}",
                ERROR_NOT_FOUND, 404, "the provider gave no reason");
}

static void errors_are_told(void **state)
{
    static const struct {
        enum chat_error_kind kind;
        const char *type, *event;
    } told[] = {
        {ERROR_INVALID, "ValidationException", "!validationException"},
        {ERROR_AUTH, "AccessDeniedException", "!internalServerException"},
        {ERROR_PERMISSION, "AccessDeniedException", "!internalServerException"},
        {ERROR_NOT_FOUND, "ResourceNotFoundException", "!internalServerException"},
        {ERROR_TOO_LARGE, "ValidationException", "!validationException"},
        {ERROR_RATE, "ThrottlingException", "!throttlingException"},
        {ERROR_SERVER, "InternalServerException", "!internalServerException"},
        {ERROR_UPSTREAM, "ModelErrorException", "!modelStreamErrorException"},
        {ERROR_OVERLOADED, "ServiceUnavailableException", "!serviceUnavailableException"},
        {ERROR_TIMEOUT, "ModelTimeoutException", "!modelStreamErrorException"},
        {ERROR_BILLING, "ServiceQuotaExceededException", "!internalServerException"},
        {ERROR_CONFLICT, "ValidationException", "!internalServerException"},
    };

    (void)state;
    assert_string_equal(dialect_bedrock.error_header, "x-amzn-errortype");
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        const struct chat_error err = {.kind = told[i].kind, .message = STR("a \\\"b\\\"")};
        struct eventstream s = EVENTSTREAM_INIT;
        struct buf lines = BUF_INIT;
        char expected[80];

        assert_string_equal(dialect_bedrock.error_type(&err), told[i].type);
        buf_clear(&out);
        dialect_bedrock.encode_error(&err, STR("id"), &out);
        assert_str(buf_view(&out), "{\"message\":\"a \\\"b\\\"\"}");
        buf_clear(&out);
        dialect_bedrock.encode_error_event(&err, STR("id"), &out);
        assert_int_equal(eventstream_feed(&s, buf_view(&out), on_message, &lines), 0);
        (void)snprintf(expected, sizeof(expected), "%s {\"message\":\"a \\\"b\\\"\"}\n",
                       told[i].event);
        assert_str(buf_view(&lines), expected);
        buf_fini(&lines);
        eventstream_fini(&s);
    }
}

static void usage_is_seen_in_passing(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct chat_frame f = {.name = STR("metadata")};
    const char *last = strstr(stream, "metadata {");

    (void)state;
    f.data = str_of(last + 9);
    dialect_bedrock.look_frame(&f, &seen, &usage);
    assert_true(seen.is_done && usage.known);
    assert_int_equal(usage.input, 115);
    assert_int_equal(usage.output, 20);
    assert_int_equal(usage.cached, 5);
    assert_int_equal(usage.written_1h, 40);
    assert_int_equal(usage.written_5m, 60);
    usage = (struct chat_usage){.known = false};
    dialect_bedrock.look_answer(str_of(whole), &usage);
    assert_int_equal(usage.input, 115);
    assert_int_equal(usage.written_1h, 40);
    f = (struct chat_frame){
        .name = STR("contentBlockDelta"),
        .data = STR("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\\\"b\"},\"p\":\"abcdef\"}")};
    dialect_bedrock.look_frame(&f, &seen, &usage);
    assert_int_equal(seen.content_bytes, 4);
    f = (struct chat_frame){.name = STR("messageStop"), .data = STR("{}")};
    dialect_bedrock.look_frame(&f, &seen, &usage);
    assert_true(seen.is_finish);
    f.is_exception = true;
    dialect_bedrock.look_frame(&f, &seen, &usage);
    assert_true(seen.is_error && !seen.is_finish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_become_events),
        cmocka_unit_test(streams_pass_unchanged),
        cmocka_unit_test(the_whole_is_the_folded_stream),
        cmocka_unit_test(stop_reasons_go_both_ways),
        cmocka_unit_test(foreign_signatures_are_wrapped),
        cmocka_unit_test(broken_streams_end_in_errors),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(errors_are_read),
        cmocka_unit_test(errors_are_told),
        cmocka_unit_test(usage_is_seen_in_passing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
