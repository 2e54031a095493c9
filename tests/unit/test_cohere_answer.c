/* Answers of Cohere's: streams and whole ones as events, for clients, errors, and in passing. */
#include "tests/unit/dialect_fixture.h"

#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"" data "}\n\n"
#define DELTA(message) ",\"delta\":{\"message\":{" message "}}"
#define USAGE                                                                                      \
    "\"usage\":{\"billed_units\":{\"input_tokens\":10.0,\"output_tokens\":5},\"tokens\":{"         \
    "\"input_tokens\":90,\"output_tokens\":7},\"cached_tokens\":4}"

/* As the SDK's types have them: a thought, a plan, two calls. */
static const char calls[] =
    "event: message-start\ndata: {\"id\":\"29f1\",\"type\":"
    "\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\","
    "\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}"
    "}\n\n" EVENT("content-start", ",\"index\":0" DELTA("\"content\":{"
                                                        "\"type\":\"thinking\",\"thinking\":\"\"}"))
        EVENT("content-delta", ",\"index\":0" DELTA("\"content\":{\"thinking\":\"h\\u00e9\"}"))
            EVENT("content-end", ",\"index\":0") EVENT("tool-plan-delta",
                                                       DELTA("\"tool_plan\":\"I \""))
                EVENT("tool-plan-delta", DELTA("\"tool_plan\":\"will\"")) EVENT(
                    "tool-call-start",
                    ",\"index\":0" DELTA(
                        "\"tool_calls\":{\"id\":\"f_1\",\"type\":"
                        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"))
                    EVENT("tool-call-delta",
                          ",\"index\":0" DELTA("\"tool_calls\":{\"function\":{\"arguments\":"
                                               "\"{\\\"a\\\":\"}}"))
                        EVENT("tool-call-delta",
                              ",\"index\":0" DELTA("\"tool_calls\":{\"function\":{\"arguments\":"
                                                   "\"1}\"}}")) EVENT("tool-call-end",
                                                                      ",\"index\":0")
                            EVENT("tool-call-start",
                                  ",\"index\":1" DELTA("\"tool_calls\":{\"id\":\"f_2\",\"type\":"
                                                       "\"function\",\"function\":{\"name\":\"g\","
                                                       "\"arguments\":\"{}\"}}"))
                                EVENT("tool-call-end", ",\"index\":1")
                                    EVENT("message-end",
                                          ",\"delta\":{\"finish_reason\":\"TOOL_CALL\"," USAGE
                                          "}") "data: [DONE]\n\n";

static const char whole_calls[] =
    "{\"id\":\"29f1\",\"finish_reason\":\"TOOL_CALL\",\"message\":{\"role\":\"assistant\","
    "\"tool_plan\":\"I will\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\\u00e9\"}],"
    "\"tool_calls\":[{\"id\":\"f_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"f_2\",\"type\":\"function\",\"function\":{"
    "\"name\":\"g\",\"arguments\":\"{}\"}}]}," USAGE "}";

/* A text whose citation comes behind its end. */
static const char cited[] = EVENT("message-start", ",\"id\":\"1\"" DELTA("\"role\":\"assistant\""))
    EVENT("content-start", ",\"index\":0" DELTA("\"content\":{\"type\":\"text\",\"text\":\"\"}"))
        EVENT("content-delta",
              ",\"index\":0" DELTA(
                  "\"content\":{\"text\":\"Pen\"}") ",\"logprobs\":{\"text\":\"Pen\",\"token_ids\":"
                                                    "[5,6],\"logprobs\":[-0.25,-0.5]}")
            EVENT("content-delta", ",\"index\":0" DELTA("\"content\":{\"text\":\"guins\"}"))
                EVENT("content-end", ",\"index\":0") EVENT(
                    "citation-start",
                    ",\"index\":0" DELTA("\"citations\":{\"start\":0,\"end\":8,\"text\":"
                                         "\"Penguins\",\"sources\":[{\"type\":\"document\",\"id\":"
                                         "\"doc:0\",\"document\":{\"id\":"
                                         "\"doc:0\",\"title\":\"Tall\",\"url\":\"https://"
                                         "p\"}}],\"content_index\":0,\"type\":"
                                         "\"TEXT_CONTENT\"}")) EVENT("citation-end", ",\"index\":0")
                    EVENT("message-end", ",\"delta\":{\"finish_reason\":\"COMPLETE\"," USAGE "}");

static const char whole_cited[] =
    "{\"id\":\"1\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":\"assistant\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"Penguins\"}],\"citations\":[{\"start\":0,\"end\":8,\"text\":"
    "\"Penguins\",\"sources\":[{\"type\":\"document\",\"id\":\"doc:0\",\"document\":{\"id\":"
    "\"doc:0\",\"title\":\"Tall\",\"url\":\"https://p\"}}]}]},\"logprobs\":[{\"text\":\"Pen\","
    "\"token_ids\":[5,6],\"logprobs\":[-0.25,-0.5]}]," USAGE "}";

static const char *folded(const struct chat_answer *a)
{
    struct chat_sink sink = {fx_on_event, &fx.dump};

    buf_clear(&fx.dump);
    fold_replay(a, &sink);
    return fx_keep(&fx.dump);
}

static void test_calls(void **state)
{
    (void)state;
    assert_string_equal(fx_events(calls), "start id=29f1\n"
                                          "block_start 0:thinking\n"
                                          "delta 0:thinking text=h\\u00e9\n"
                                          "block_stop 0:thinking\n"
                                          "block_start 1:text\n"
                                          "delta 1:text text=I \n"
                                          "delta 1:text text=will\n"
                                          "block_stop 1:text\n"
                                          "block_start 2:tool_call id=f_1 name=f\n"
                                          "delta 2:tool_call text={\\\"a\\\":\n"
                                          "delta 2:tool_call text=1}\n"
                                          "block_stop 2:tool_call\n"
                                          "block_start 3:tool_call id=f_2 name=g\n"
                                          "delta 3:tool_call text={}\n"
                                          "block_stop 3:tool_call\n"
                                          "usage input=10 output=5 cached=4\n"
                                          "stop stop=4\n"
                                          "end\n");
}

static void test_cited(void **state)
{
    (void)state;
    assert_string_equal(
        fx_events(cited),
        "start id=1\n"
        "block_start 0:text\n"
        "delta 0:text text=Pen\n"
        "logprobs raw=[{\"token\":\"Pen\",\"logprob\":-0.75,\"bytes\":null,\"top_logprobs\":[]}]\n"
        "delta 0:text text=guins\n"
        "citation 0:text [citation url=https://p title=Tall text=Penguins 0-8]\n"
        "usage input=10 output=5 cached=4\n"
        "block_stop 0:text\n"
        "stop stop=1\n"
        "end\n");
}

/* A whole answer is its stream, folded. */
static void test_whole(void **state)
{
    (void)state;
    assert_string_equal(folded(fx_fold(whole_calls, false)), folded(fx_fold(calls, true)));
    assert_string_equal(folded(fx_fold(whole_cited, false)), folded(fx_fold(cited, true)));
}

/* What a client is told is what was understood; and it stays. */
static void test_for_clients(void **state)
{
    const char *const streams[] = {calls, cited};
    const char *const wholes[] = {whole_calls, whole_cited};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        const char *stream = fx_encode_stream(fx_fold(streams[i], true));
        const char *whole = fx_encode_answer(fx_fold(wholes[i], false), NULL);

        assert_string_equal(fx_encode_stream(fx_fold(stream, true)), stream);
        assert_string_equal(fx_encode_answer(fx_fold(whole, false), NULL), whole);
        assert_string_equal(folded(fx_fold(stream, true)), folded(fx_fold(whole, false)));
    }
}

static void test_stream_bytes(void **state)
{
    (void)state;
    assert_string_equal(
        fx_encode_stream(fx_fold(calls, true)),
        "event: message-start\n"
        "data: "
        "{\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],"
        "\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}},\"id\":\"0192\"}\n"
        "\n"
        "event: content-start\n"
        "data: "
        "{\"type\":\"content-start\",\"delta\":{\"message\":{\"content\":{\"type\":\"thinking\","
        "\"thinking\":\"\"}}},\"index\":0}\n"
        "\n"
        "event: content-delta\n"
        "data: "
        "{\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"thinking\":"
        "\"h\\u00e9\"}}},\"index\":0}\n"
        "\n"
        "event: content-end\n"
        "data: {\"type\":\"content-end\",\"index\":0}\n"
        "\n"
        "event: content-start\n"
        "data: "
        "{\"type\":\"content-start\",\"delta\":{\"message\":{\"content\":{\"type\":\"text\","
        "\"text\":\"\"}}},\"index\":1}\n"
        "\n"
        "event: content-delta\n"
        "data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"I "
        "will\"}}},\"index\":1}\n"
        "\n"
        "event: content-end\n"
        "data: {\"type\":\"content-end\",\"index\":1}\n"
        "\n"
        "event: tool-call-start\n"
        "data: "
        "{\"type\":\"tool-call-start\",\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"f_1\","
        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}},\"index\":0}\n"
        "\n"
        "event: tool-call-delta\n"
        "data: "
        "{\"type\":\"tool-call-delta\",\"delta\":{\"message\":{\"tool_calls\":{\"function\":{"
        "\"arguments\":\"{\\\"a\\\":1}\"}}}},\"index\":0}\n"
        "\n"
        "event: tool-call-end\n"
        "data: {\"type\":\"tool-call-end\",\"index\":0}\n"
        "\n"
        "event: tool-call-start\n"
        "data: "
        "{\"type\":\"tool-call-start\",\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"f_2\","
        "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}}},\"index\":1}\n"
        "\n"
        "event: tool-call-delta\n"
        "data: "
        "{\"type\":\"tool-call-delta\",\"delta\":{\"message\":{\"tool_calls\":{\"function\":{"
        "\"arguments\":\"{}\"}}}},\"index\":1}\n"
        "\n"
        "event: tool-call-end\n"
        "data: {\"type\":\"tool-call-end\",\"index\":1}\n"
        "\n"
        "event: message-end\n"
        "data: "
        "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"TOOL_CALL\",\"usage\":{\"billed_"
        "units\":{\"input_tokens\":10,\"output_tokens\":5},\"tokens\":{\"input_tokens\":10,"
        "\"output_tokens\":5},\"cached_tokens\":4}}}\n"
        "\n"
        "data: [DONE]\n"
        "\n");
}

static void test_whole_bytes(void **state)
{
    (void)state;
    assert_string_equal(
        fx_encode_answer(fx_fold(whole_cited, false), NULL),
        "{\"id\":\"0192\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":\"assistant\","
        "\"content\":[{\"type\":\"text\",\"text\":\"Penguins\"}],\"citations\":[{\"start\":0,"
        "\"end\":8,\"text\":\"Penguins\",\"sources\":[{\"type\":\"document\",\"id\":\"https://"
        "p\",\"document\":{\"title\":\"Tall\",\"url\":\"https://"
        "p\"}}],\"content_index\":0,\"type\":\"TEXT_CONTENT\"}]},\"usage\":{\"billed_units\":{"
        "\"input_tokens\":10,\"output_tokens\":5},\"tokens\":{\"input_tokens\":10,\"output_"
        "tokens\":5},\"cached_tokens\":4},\"logprobs\":[{\"text\":\"Pen\",\"token_ids\":[],"
        "\"logprobs\":[-0.75]}]}");
}

/* Of Claude's: signatures in a client's hands. */
static void test_signatures(void **state)
{
    struct fx_writing w = {fx_encoder(true), &fx.out};
    struct chat_sink sink = {fx_on_written, &w};
    struct chat_blocks blocks = {.choice = 0};
    const char *text;

    (void)state;
    buf_clear(&fx.out);
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_START});
    blocks_open(&blocks, &sink, BLOCK_THINKING, 0, STR_NONE, STR_NONE);
    blocks_delta(&blocks, &sink, STR("t"));
    blocks_signature(&blocks, &sink, STR("SIG"), SIGNER_ANTHROPIC);
    blocks_open(&blocks, &sink, BLOCK_REDACTED, 1, STR_NONE, STR_NONE);
    blocks_signature(&blocks, &sink, STR("RED"), SIGNER_ANTHROPIC);
    blocks_open(&blocks, &sink, BLOCK_TOOL_CALL, 2, STR("id"), STR("f"));
    blocks_signature(&blocks, &sink, STR("GEM"), SIGNER_GEMINI);
    blocks_stop(&blocks, &sink, STOP_TOOL, STR_NONE);
    text = fx_keep(&fx.out);
    assert_non_null(strstr(text, "{\"thinking\":\"\",\"bf_signature\":\"bf1.a.SIG\"}"));
    assert_non_null(
        strstr(text, "{\"type\":\"thinking\",\"thinking\":\"\",\"bf_redacted\":\"bf1.a.RED\"}"));
    assert_non_null(strstr(text, "\"arguments\":\"\"},\"bf_signature\":\"bf1.g.GEM\"}"));
}

static void test_broken(void **state)
{
    static const struct {
        const char *stream, *says;
    } bad[] = {
        {EVENT("message-start", ",\"id\":\"1\""), "the provider broke its answer off"},
        {"data: {\"type\":\n\n", "nonsense"},
        {"data: <html>\n\n", "nonsense"},
        {"data: {\"message\":\"overloaded\"}\n\n", "overloaded"},
        {EVENT("message-end", ",\"delta\":{\"error\":\"bad luck\",\"finish_reason\":\"ERROR\"}"),
         "bad luck"},
        {EVENT("message-end", ",\"delta\":{\"finish_reason\":\"TIMEOUT\"}"), "504"},
        {EVENT("tool-call-delta", ",\"index\":0" DELTA("\"tool_calls\":{}")), "nonsense"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *events = fx_events(bad[i].stream);

        if (strstr(events, bad[i].says) == NULL || strstr(events, "end\n") != NULL)
            fail_msg("%s: %s", bad[i].stream, events);
    }
    assert_string_equal(fx_answer_events("{}"), "nonsense\n");
    assert_string_equal(fx_answer_events("{\"message\":\"no\"}"), "nonsense\n");
}

static void test_errors(void **state)
{
    static const struct {
        int status;
        const char *body, *message;
        enum chat_error_kind kind;
        int told;
    } errors[] = {
        {401, "{\"id\":\"x\",\"message\":\"invalid api token\"}", "invalid api token", ERROR_AUTH,
         401},
        {429, "{\"message\":\"too many\"}", "too many", ERROR_RATE, 429},
        {422, "{\"message\":\"no \\\"such\\\"\"}", "no \\\"such\\\"", ERROR_INVALID, 422},
        {498, "{\"message\":\"deny\"}", "deny", ERROR_INVALID, 400},
        {499, "{}", "the provider gave no reason", ERROR_UPSTREAM, 502},
        {503, "<html>\"", "<html>\\\"", ERROR_OVERLOADED, 503},
    };
    struct chat_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        dialect_cohere.decode_error(&fx.codec, errors[i].status, str_of(errors[i].body), &err);
        assert_int_equal(err.kind, errors[i].kind);
        assert_int_equal(err.status, errors[i].told);
        assert_true(str_eq(err.message, str_of(errors[i].message)));
    }
    buf_clear(&fx.out);
    dialect_cohere.encode_error(&err, STR("r1"), &fx.out);
    assert_string_equal(fx_keep(&fx.out), "{\"id\":\"r1\",\"message\":\"<html>\\\"\"}");
    buf_clear(&fx.out);
    dialect_cohere.encode_error_event(&err, STR("r1"), &fx.out);
    assert_string_equal(fx_keep(&fx.out),
                        EVENT("message-end", ",\"delta\":{\"error\":\"<html>\\\"\","
                                             "\"finish_reason\":\"ERROR\"}") "data: [DONE]\n\n");
}

static void test_in_passing(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct chat_frame frame = {
        .name = STR("content-delta"),
        .data = STR("{\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":"
                    "\"four\"}}}}"),
    };

    (void)state;
    dialect_cohere.look_frame(&frame, &seen, &usage);
    assert_int_equal(seen.content_bytes, 4);
    assert_false(seen.is_done || seen.is_error || usage.known);
    frame = (struct chat_frame){.data = STR("{\"type\":\"message-end\",\"delta\":{"
                                            "\"finish_reason\":\"COMPLETE\"," USAGE "}}")};
    dialect_cohere.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_done && seen.is_finish && !seen.is_error);
    assert_true(usage.known && usage.input == 10 && usage.output == 5 && usage.cached == 4);
    usage = (struct chat_usage){.known = false};
    dialect_cohere.look_answer(STR("{\"usage\":{\"tokens\":{\"input_tokens\":3,\"output_tokens\":"
                                   "2},\"billed_units\":{\"input_tokens\":1,\"output_tokens\":1,"
                                   "\"search_units\":2}}}"),
                               &usage);
    assert_true(usage.input == 1 && usage.output == 1 && usage.searches == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(test_calls),       fx_test(test_cited),        fx_test(test_whole),
        fx_test(test_for_clients), fx_test(test_stream_bytes), fx_test(test_whole_bytes),
        fx_test(test_signatures),  fx_test(test_broken),       fx_test(test_errors),
        fx_test(test_in_passing),
    };

    fx.dialect = &dialect_cohere;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
