/* Answers of Anthropic's: streams and whole ones as events, errors, and what is seen in passing. */
#include "tests/unit/dialect_fixture.h"

#include "providers/dialects/anthropic.h"

#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"" data "}\n\n"
#define START                                                                                      \
    EVENT(                                                                                         \
        "message_start",                                                                           \
        ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":"  \
        "[],\"model\":\"claude-x\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"        \
        "\"input_tokens\":10,\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":100,"   \
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4},"    \
        "\"output_tokens\":1}}")
#define STOP(reason, usage)                                                                        \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason                                 \
                           "\",\"stop_sequence\":null},\"usage\":{" usage "}")
#define END EVENT("message_stop", "")

/* As the reference's page on streaming shows them: thinking, then text with a citation, then tools. */
static const char *const frames[] = {
    START,
    EVENT("ping", ""),
    EVENT("content_block_start",
          ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
          "\"\"}"),
    EVENT("content_block_delta",
          ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Let "
          "me\\n\"}"),
    EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
                                 "\"signature\":\"c2ln\"}"),
    EVENT("content_block_stop", ",\"index\":0"),
    EVENT("content_block_start",
          ",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"}"),
    EVENT("content_block_stop", ",\"index\":1"),
    EVENT("content_block_start",
          ",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}"),
    EVENT("content_block_delta",
          ",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}"),
    EVENT("content_block_delta", ",\"index\":2,\"delta\":{\"type\":\"text_delta\","
                                 "\"text\":\"lo \\u00e9\"}"),
    EVENT("content_block_delta",
          ",\"index\":2,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":"
          "\"web_search_result_location\",\"cited_text\":\"q\",\"encrypted_index\":\"e\","
          "\"title\":\"W\",\"url\":\"https://w\"}}"),
    EVENT("content_block_stop", ",\"index\":2"),
    EVENT("content_block_start", ",\"index\":3,\"content_block\":{\"type\":"
                                 "\"server_tool_use\",\"id\":\"srv\",\"name\":"
                                 "\"web_search\",\"input\":{}}"),
    EVENT("content_block_delta", ",\"index\":3,\"delta\":{\"type\":\"input_"
                                 "json_delta\",\"partial_json\":\"{}\"}"),
    EVENT("content_block_stop", ",\"index\":3"),
    EVENT("content_block_start", ",\"index\":4,\"content_block\":{\"type\":\"tool_"
                                 "use\",\"id\":\"toolu_1\",\"name\":"
                                 "\"weather\",\"input\":{}}"),
    EVENT("content_block_delta", ",\"index\":4,\"delta\":{\"type\":\"input_"
                                 "json_delta\",\"partial_json\":\"\"}"),
    EVENT("content_block_delta", ",\"index\":4,\"delta\":{\"type\":\"input_json_delta\","
                                 "\"partial_json\":\"{\\\"city\\\":"
                                 "\"}"),
    EVENT("content_block_delta", ",\"index\":4,\"delta\":{\"type\":\"input_json_"
                                 "delta\",\"partial_json\":\" "
                                 "\\\"Rome\\\"}\"}"),
    EVENT("content_block_stop", ",\"index\":4"),
    EVENT("content_block_start", ",\"index\":5,\"content_block\":{\"type\":\"tool_"
                                 "use\",\"id\":\"toolu_2\",\"name\":"
                                 "\"now\",\"input\":{}}"),
    EVENT("content_block_stop", ",\"index\":5"),
    STOP("tool_use", "\"output_tokens\":89,\"output_tokens_details\":{"
                     "\"thinking_tokens\":30},"
                     "\"server_tool_use\":{\"web_search_requests\":1}"),
    EVENT("an_event_of_the_future", ",\"x\":[]"),
    END,
    NULL};

static const char whole[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\","
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"Let me\\n\",\"signature\":\"c2ln\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"},{\"type\":\"text\",\"text\":\"Hello "
    "\\u00e9\",\"citations\":[{\"type\":\"web_search_result_location\",\"cited_text\":\"q\","
    "\"encrypted_index\":\"e\",\"title\":\"W\",\"url\":\"https://w\"}]},{\"type\":"
    "\"server_tool_use\",\"id\":\"srv\",\"name\":\"web_search\",\"input\":{}},{\"type\":"
    "\"tool_use\",\"id\":\"toolu_1\",\"name\":\"weather\",\"input\":{\"city\": \"Rome\"}},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"now\",\"input\":{}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,"
    "\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":100,\"cache_creation\":{"
    "\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4},\"output_tokens\":89,"
    "\"output_tokens_details\":{\"thinking_tokens\":30},\"server_tool_use\":{"
    "\"web_search_requests\":1}}}";

static void a_stream_is_events(void **state)
{
    (void)state;
    assert_string_equal(
        fx_events(fx_join(frames)),
        "start id=msg_1 model=claude-x\n"
        "usage input=117 output=1 cached=100 written_5m=3 written_1h=4\n"
        "block_start 0:thinking\n"
        "delta 0:thinking text=Let me\\n\n"
        "signature 0:thinking text=c2ln signer=1\n"
        "block_stop 0:thinking\n"
        "block_start 1:redacted\n"
        "signature 1:redacted text=cmVk signer=1\n"
        "block_stop 1:redacted\n"
        "block_start 2:text\n"
        "delta 2:text text=Hel\n"
        "delta 2:text text=lo \\u00e9\n"
        "citation 2:text [citation url=https://w title=W text=q]\n"
        "block_stop 2:text\n"
        "block_start 3:other name=server_tool_use raw={\"type\":\"server_tool_use\",\"id\":\"srv\","
        "\"name\":\"web_search\",\"input\":{}}\n"
        "block_stop 3:other\n"
        "block_start 4:tool_call id=toolu_1 name=weather\n"
        "delta 4:tool_call text={\\\"city\\\":\n"
        "delta 4:tool_call text= \\\"Rome\\\"}\n"
        "block_stop 4:tool_call\n"
        "block_start 5:tool_call id=toolu_2 name=now\n"
        "delta 5:tool_call text={}\n"
        "block_stop 5:tool_call\n"
        "stop stop=4\n"
        "usage input=117 output=89 cached=100 written_5m=3 written_1h=4 reasoning=30 searches=1\n"
        "end\n");
}

static const char *replayed(const struct chat_answer *answer)
{
    struct chat_sink sink = {fx_on_event, &fx.dump};

    buf_clear(&fx.dump);
    fold_replay(answer, &sink);
    return fx_keep(&fx.dump);
}

static void a_whole_answer_is_the_folded_stream(void **state)
{
    (void)state;
    assert_string_equal(replayed(fx_fold(whole, false)), replayed(fx_fold(fx_join(frames), true)));
}

static void streams_may_be_cut_anywhere(void **state)
{
    struct buf stream = BUF_INIT;

    (void)state;
    buf_cstr(&stream, fx_join(frames));
    for (size_t n = 0; n < stream.len; n++) {
        const char *events = fx_events(arena_cstr(fx.codec.arena, (struct str){stream.data, n}));
        size_t told = strlen(events);

        if (strstr(events, "stop stop=4\n") != NULL)
            assert_string_equal(events + told - 4, "end\n"); /* all that matters was told */
        else
            assert_non_null(strstr(events, "error kind=11 status=502 message=the provider broke "
                                           "its answer off\n"));
        assert_null(strstr(events, "nonsense"));
        arena_reset(fx.codec.arena);
    }
    buf_fini(&stream);
}

static void errors_within_streams(void **state)
{
    (void)state;
    assert_string_equal(
        fx_events(START EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                                       "\"Overloaded\"}") END),
        "start id=msg_1 model=claude-x\n"
        "usage input=117 output=1 cached=100 written_5m=3 written_1h=4\n"
        "error kind=12 status=503 message=Overloaded type=overloaded_error\n");
    assert_string_equal(
        fx_answer_events(
            "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}"),
        "error kind=10 status=500 message=m type=api_error\n");
}

static void nonsense_is_not_believed(void **state)
{
    static const char *const streams[] = {
        "data: {\"type\":\n\n",
        "data: []\n\n",
        EVENT("content_block_stop", ",\"index\":0"),
        START START,
        START EVENT("message_start", ",\"message\":7"),
        START EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\"}"),
        START EVENT("content_block_start", ",\"index\":0"),
        START EVENT("content_block_start",
                    ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
            EVENT("content_block_delta",
                  ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"a\"}"),
        START STOP("end_turn", "\"output_tokens\":1")
            EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\"}"),
    };
    static const char *const answers[] = {"",   "<html>",           "[]",
                                          "{}", "{\"content\":{}}", "{\"content\":[7]}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        assert_non_null(strstr(fx_events(streams[i]), "nonsense\n"));
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        assert_string_equal(fx_answer_events(answers[i]), "nonsense\n");
}

static void stop_reasons(void **state)
{
    static const struct {
        const char *name;
        enum chat_stop stop;
    } reasons[] = {
        {"end_turn", STOP_END},
        {"max_tokens", STOP_LENGTH},
        {"tool_use", STOP_TOOL},
        {"stop_sequence", STOP_SEQUENCE},
        {"pause_turn", STOP_PAUSE},
        {"refusal", STOP_REFUSAL},
        {"model_context_window_exceeded", STOP_CONTEXT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        assert_int_equal(anthropic_stop_of(str_of(reasons[i].name)), reasons[i].stop);
        assert_string_equal(anthropic_stop_name(reasons[i].stop), reasons[i].name);
    }
    assert_int_equal(anthropic_stop_of(STR("tomorrow's")), STOP_END);
    assert_string_equal(anthropic_stop_name(STOP_FILTER), "refusal");
    assert_string_equal(anthropic_stop_name(STOP_ERROR), "end_turn");
}

static void error_bodies(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum chat_error_kind kind;
        int told;
        const char *message;
    } cases[] = {
        {429,
         "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow "
         "\\\"down\\\"\"},\"request_id\":\"req_1\"}",
         ERROR_RATE, 429, "slow \\\"down\\\""},
        {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"o\"}}",
         ERROR_OVERLOADED, 529, "o"},
        {413, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"b\"}}",
         ERROR_TOO_LARGE, 413, "b"},
        {400, "[{\"error\":{\"code\":400,\"message\":\"v\",\"status\":\"INVALID_ARGUMENT\"}}]",
         ERROR_INVALID, 400, "v"},
        {403, "{\"message\":\"aws\"}", ERROR_PERMISSION, 403, "aws"},
        {404, "{\"error\":\"gone\"}", ERROR_NOT_FOUND, 404, "gone"},
        {502, " <html>\"</html> ", ERROR_UPSTREAM, 502, "<html>\\\"</html>"},
        {500, "", ERROR_SERVER, 500, "the provider answered 500"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_error err;

        dialect_anthropic.decode_error(&fx.codec, cases[i].status, str_of(cases[i].body), &err);
        assert_int_equal(err.kind, cases[i].kind);
        assert_int_equal(err.status, cases[i].told);
        assert_str(err.message, cases[i].message);
    }
}

/* What passing by sees is what decoding finds. */
struct looking {
    struct chat_usage usage;
    uint64_t content_bytes;
    int finishes, dones, errors;
    bool is_named;
};

static void look(void *ctx, const struct sse_event *event)
{
    struct looking *l = ctx;
    struct chat_frame frame = {.name = l->is_named ? event->name : STR_NONE, .data = event->data};
    struct chat_seen seen;

    dialect_anthropic.look_frame(&frame, &seen, &l->usage);
    l->content_bytes += seen.content_bytes;
    l->finishes += seen.is_finish;
    l->dones += seen.is_done;
    l->errors += seen.is_error;
    assert_false(seen.is_usage_only);
}

static void assert_usage(const struct chat_usage *a, const struct chat_usage *b)
{
    struct buf other = BUF_INIT;

    buf_clear(&fx.dump);
    dump_usage(a, &fx.dump);
    dump_usage(b, &other);
    assert_string_equal(fx_keep(&fx.dump), fx_keep(&other));
    buf_fini(&other);
}

static void seen_in_passing(void **state)
{
    struct chat_usage decoded = fx_fold(fx_join(frames), true)->usage;

    (void)state;
    for (int is_named = 0; is_named < 2; is_named++) {
        struct looking l = {.is_named = is_named != 0};
        struct sse sse = SSE_INIT;

        assert_int_equal(sse_feed(&sse, STR(""), look, &l), 0);
        assert_int_equal(sse_feed(&sse, str_of(fx_join(frames)), look, &l), 0);
        sse_fini(&sse);
        assert_usage(&l.usage, &decoded);
        /* `Let me\n`, `Hel`, `lo \u00e9`, `{}`, `{\"city\":`, ` \"Rome\"}` */
        assert_int_equal(l.content_bytes, 8 + 3 + 9 + 2 + 10 + 10);
        assert_int_equal(l.finishes, 1);
        assert_int_equal(l.dones, 1);
        assert_int_equal(l.errors, 0);
    }
}

static void usage_of_whole_answers_in_passing(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_usage decoded = fx_fold(whole, false)->usage;

    (void)state;
    dialect_anthropic.look_answer(str_of(whole), &usage);
    assert_usage(&usage, &decoded);
    dialect_anthropic.look_answer(str_of(whole + strlen(whole) / 2), &usage); /* its last part */
    assert_usage(&usage, &decoded);
    usage = (struct chat_usage){.known = false};
    dialect_anthropic.look_answer(
        STR("{\"content\":[{\"input\":{\"usage\":{\"a\":1}}}],\"usage\":{\"output_tokens\":5,"
            "\"iterations\":[{\"input_tokens\":99,\"output_tokens\":99}],\"input_tokens\":4}}"),
        &usage);
    assert_int_equal(usage.input, 4);
    assert_int_equal(usage.output, 5);
    usage = (struct chat_usage){.known = false};
    dialect_anthropic.look_answer(STR("{\"usage\":{\"input_to"), &usage);
    assert_false(usage.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(a_stream_is_events),
        fx_test(a_whole_answer_is_the_folded_stream),
        fx_test(streams_may_be_cut_anywhere),
        fx_test(errors_within_streams),
        fx_test(nonsense_is_not_believed),
        fx_test(stop_reasons),
        fx_test(error_bodies),
        fx_test(seen_in_passing),
        fx_test(usage_of_whole_answers_in_passing),
    };

    fx.dialect = &dialect_anthropic;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
