/* Answers to clients of the Anthropic dialect: streams and whole ones, and errors. */
#include "tests/unit/dialect_fixture.h"

#include "providers/dialects/anthropic.h"

#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"" data "}\n\n"
#define HEAD                                                                                       \
    "\"id\":\"msg_0192\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"the-model\""
#define NOTHING_USED                                                                               \
    "{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"         \
    "\"output_tokens\":0}"
#define START                                                                                      \
    EVENT("message_start", ",\"message\":{" HEAD ",\"content\":[],\"stop_reason\":null,"           \
                           "\"stop_sequence\":null,\"usage\":" NOTHING_USED "}")
#define DELTA(index, delta)                                                                        \
    EVENT("content_block_delta", ",\"index\":" index ",\"delta\":{" delta "}")
#define BEGIN(index, block)                                                                        \
    EVENT("content_block_start", ",\"index\":" index ",\"content_block\":{" block "}")
#define STOPPED(index) EVENT("content_block_stop", ",\"index\":" index)

static struct chat_usage usage = {
    .known = true, .input = 100, .output = 20, .cached = 60, .written_5m = 10, .reasoning = 5};

/* Answers are built from events, as a provider's decoder tells them. */
static struct chat_blocks blocks;
static struct chat_fold *fold;
static struct chat_sink sink;

static void begin_answer(void)
{
    fold = fold_create(&fx.codec, 1 << 20);
    sink = (struct chat_sink){fold_event, fold};
    blocks = (struct chat_blocks){.choice = 0};
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_START, .id = STR("x"), .model = STR("y")});
}

static void say(enum chat_block_kind kind, const char *text)
{
    blocks_close(&blocks, &sink);
    blocks_open(&blocks, &sink, kind, 0, STR_NONE, STR_NONE);
    blocks_delta(&blocks, &sink, str_of(text));
}

static void sign(const char *signature, enum chat_signer signer)
{
    blocks_signature(&blocks, &sink, str_of(signature), signer);
}

static void begin_call(const char *id, const char *name)
{
    blocks_close(&blocks, &sink);
    blocks_open(&blocks, &sink, BLOCK_TOOL_CALL, 0, str_of(id), str_of(name));
}

static const struct chat_answer *end_answer(enum chat_stop stop, const char *sequence)
{
    blocks_stop(&blocks, &sink, stop, str_of(sequence));
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &usage});
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_END});
    return fold_answer(fold);
}

/* Everything there is, by a provider that is not Anthropic. */
static const struct chat_answer *full_answer(void)
{
    begin_answer();
    say(BLOCK_THINKING, "hm\\n");
    sign("s1", SIGNER_GEMINI);
    say(BLOCK_THINKING, "unsigned");
    say(BLOCK_REDACTED, "");
    sign("enc", SIGNER_OPENAI);
    say(BLOCK_TEXT, "Hello");
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_CITATION,
                                           .block_kind = BLOCK_TEXT,
                                           .citation = &(struct chat_citation){
                                               .url = STR("https://w"), .text = STR("q")}});
    begin_call("call_1", "f");
    sign("s2", SIGNER_GEMINI);
    blocks_delta(&blocks, &sink, STR("{\\\"a\\\":1}"));
    begin_call("call_2", "g");
    return end_answer(STOP_END, "");
}

#define CITED                                                                                      \
    "{\"type\":\"web_search_result_location\",\"cited_text\":\"q\",\"encrypted_index\":\"\","      \
    "\"title\":null,\"url\":\"https://w\"}"
#define USED                                                                                       \
    "{\"input_tokens\":30,\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":60,"      \
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":0},"       \
    "\"output_tokens\":20,\"output_tokens_details\":{\"thinking_tokens\":5}}"
#define UNSIGNED "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""

static void a_stream_for_a_client(void **state)
{
    (void)state;
    assert_string_equal(
        fx_encode_stream(full_answer()),
        fx_joined(START, BEGIN("0", UNSIGNED),
                  DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"hm\\n\""),
                  DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"bf1.g.s1\""),
                  STOPPED("0"), BEGIN("1", UNSIGNED),
                  DELTA("1", "\"type\":\"thinking_delta\",\"thinking\":\"unsigned\""),
                  DELTA("1", "\"type\":\"signature_delta\",\"signature\":\"bf1.n.\""), STOPPED("1"),
                  BEGIN("2", "\"type\":\"redacted_thinking\",\"data\":\"bf1.o.enc\""), STOPPED("2"),
                  BEGIN("3", "\"type\":\"text\",\"text\":\"\""),
                  DELTA("3", "\"type\":\"text_delta\",\"text\":\"Hello\""),
                  DELTA("3", "\"type\":\"citations_delta\",\"citation\":" CITED), STOPPED("3"),
                  BEGIN("4", UNSIGNED),
                  DELTA("4", "\"type\":\"signature_delta\",\"signature\":\"bf1.g.s2\""),
                  STOPPED("4"),
                  BEGIN("5", "\"type\":\"tool_use\",\"id\":\"call_"
                             "1\",\"name\":\"f\",\"input\":{}"),
                  DELTA("5", "\"type\":\"input_json_delta\",\"partial_json\":"
                             "\"{\\\"a\\\":1}\""),
                  STOPPED("5"),
                  BEGIN("6", "\"type\":\"tool_use\",\"id\":\"call_2\","
                             "\"name\":\"g\",\"input\":{}"),
                  STOPPED("6"),
                  EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\","
                                         "\"stop_sequence\":null},\"usage\":" USED),
                  EVENT("message_stop", "")));
}

static void a_whole_answer_for_a_client(void **state)
{
    (void)state;
    assert_string_equal(
        fx_encode_answer(full_answer(), NULL),
        "{" HEAD ",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\\n\",\"signature\":"
        "\"bf1.g.s1\"},{\"type\":\"thinking\",\"thinking\":\"unsigned\",\"signature\":\"bf1.n.\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"bf1.o.enc\"},{\"type\":\"text\",\"text\":"
        "\"Hello\",\"citations\":[" CITED "]},{\"type\":\"thinking\",\"thinking\":\"\","
        "\"signature\":\"bf1.g.s2\"},{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\","
        "\"input\":{\"a\":1}},{\"type\":\"tool_use\",\"id\":\"call_2\",\"name\":\"g\",\"input\":{}}"
        "],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":" USED "}");
}

/* Claude behind another dialect of its own (Bedrock): its signatures are what they are. */
static void claudes_signatures_stay(void **state)
{
    const char *wire;

    (void)state;
    begin_answer();
    say(BLOCK_THINKING, "t");
    sign("c2", SIGNER_ANTHROPIC);
    sign("ln", SIGNER_ANTHROPIC);
    wire = fx_encode_stream(end_answer(STOP_SEQUENCE, "END"));
    assert_non_null(strstr(wire, "\"signature_delta\",\"signature\":\"c2ln\"}"));
    assert_non_null(strstr(wire, "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\""));
}

/* What was written is read back as what it was. */
static void there_and_back(void **state)
{
    const struct chat_answer *first = full_answer();
    const char *stream = fx_encode_stream(first);
    const char *again = fx_encode_stream(fx_fold(stream, true));

    (void)state;
    /* the one difference: to a client of Anthropic's, an answer is Anthropic's, so that wrapped
     * signatures are its own and a tool call has arguments */
    assert_non_null(strstr(again, "\"signature\":\"bf1.g.s2\""));
    assert_string_equal(again, fx_encode_stream(fx_fold(again, true)));
    assert_string_equal(fx_encode_answer(fx_fold(stream, true), NULL),
                        fx_encode_answer(first, NULL));
    assert_string_equal(fx_encode_answer(fx_fold(fx_encode_answer(first, NULL), false), NULL),
                        fx_encode_answer(first, NULL));
}

static void each_delta_comes_out_at_once(void **state)
{
    void *encoder = fx_encoder(true);
    struct chat_event e = {.kind = EVENT_START};

    (void)state;
    buf_clear(&fx.out);
    dialect_anthropic.encode_event(encoder, &e, &fx.out);
    e = (struct chat_event){.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TOOL_CALL};
    dialect_anthropic.encode_event(encoder, &e, &fx.out);
    for (int i = 0; i < 3; i++) {
        buf_clear(&fx.out);
        e.kind = EVENT_DELTA;
        e.text = STR("now");
        dialect_anthropic.encode_event(encoder, &e, &fx.out);
        assert_non_null(strstr(fx_keep(&fx.out), "\"partial_json\":\"now\""));
    }
}

static void what_cannot_be_shown(void **state)
{
    const struct chat_answer *answer;

    (void)state;
    begin_answer();
    say(BLOCK_REFUSAL, "I won't");
    blocks_close(&blocks, &sink);
    blocks_open(&blocks, &sink, BLOCK_AUDIO, 0, STR_NONE, STR("audio"));
    blocks_delta(&blocks, &sink, STR("AAAA"));
    blocks_close(&blocks, &sink);
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_LOGPROBS, .raw = STR("[{\"a\":1}]")});
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_STOP, .choice = 1, .stop = STOP_END});
    answer = end_answer(STOP_END, "");
    assert_string_equal(fx_encode_answer(answer, "partial; dropped=n,audio,logprobs"),
                        "{" HEAD
                        ",\"content\":[{\"type\":\"text\",\"text\":\"I won't\"}],\"stop_reason\":"
                        "\"refusal\",\"stop_sequence\":null,\"usage\":" USED "}");
    assert_string_equal(fx_encode_stream(answer),
                        fx_joined(START, BEGIN("0", "\"type\":\"text\",\"text\":\"\""),
                                  DELTA("0", "\"type\":\"text_delta\",\"text\":\"I won't\""),
                                  STOPPED("0"),
                                  EVENT("message_delta",
                                        ",\"delta\":{\"stop_reason\":\"refusal\",\"stop_sequence\":"
                                        "null},\"usage\":" USED),
                                  EVENT("message_stop", "")));
}

static void errors_for_clients(void **state)
{
    static const struct {
        enum chat_error_kind kind;
        const char *type;
    } kinds[] = {
        {ERROR_INVALID, "invalid_request_error"},
        {ERROR_AUTH, "authentication_error"},
        {ERROR_BILLING, "billing_error"},
        {ERROR_PERMISSION, "permission_error"},
        {ERROR_NOT_FOUND, "not_found_error"},
        {ERROR_METHOD, "invalid_request_error"},
        {ERROR_CONFLICT, "conflict_error"},
        {ERROR_TOO_LARGE, "request_too_large"},
        {ERROR_RATE, "rate_limit_error"},
        {ERROR_SERVER, "api_error"},
        {ERROR_UPSTREAM, "api_error"},
        {ERROR_OVERLOADED, "overloaded_error"},
        {ERROR_TIMEOUT, "timeout_error"},
    };
    struct chat_error err = {.message = STR("a \\\"b\\\"")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        err.kind = kinds[i].kind;
        buf_clear(&fx.out);
        dialect_anthropic.encode_error(&err, STR("r1"), &fx.out);
        assert_string_equal(fx_keep(&fx.out),
                            arena_printf(fx.codec.arena,
                                         "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                                         "\"message\":\"a \\\"b\\\"\"},\"request_id\":\"r1\"}",
                                         kinds[i].type)
                                .p);
    }
    err =
        (struct chat_error){.kind = ERROR_RATE, .message = STR("slow"), .param = STR("messages.0")};
    buf_clear(&fx.out);
    dialect_anthropic.encode_error_event(&err, STR_NONE, &fx.out);
    assert_string_equal(fx_keep(&fx.out),
                        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                        "\"rate_limit_error\",\"message\":\"messages.0: slow\"}}\n\n");
}

static void a_stream_that_fails(void **state)
{
    static const struct chat_error err = {
        .kind = ERROR_UPSTREAM, .status = 502, .message = {"gone", 4}};
    const char *wire;

    (void)state;
    begin_answer();
    say(BLOCK_TEXT, "Hel");
    blocks_close(&blocks, &sink);
    sink.fn(sink.ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = &err});
    wire = fx_encode_stream(fold_answer(fold));
    assert_null(strstr(wire, "message_stop"));
    assert_string_equal(strstr(wire, "event: error"),
                        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                        "\"message\":\"gone\"},\"request_id\":\"0192\"}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(a_stream_for_a_client),        fx_test(a_whole_answer_for_a_client),
        fx_test(claudes_signatures_stay),      fx_test(there_and_back),
        fx_test(each_delta_comes_out_at_once), fx_test(what_cannot_be_shown),
        fx_test(errors_for_clients),           fx_test(a_stream_that_fails),
    };

    fx.dialect = &dialect_anthropic;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
