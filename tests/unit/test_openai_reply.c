/* Events as OpenAI's clients get them: chunks, whole answers, errors; also text completions. */
#include "tests/unit/openai_tools.h"

static struct chat chat;
static struct chat_reply reply;

static int set_up_reply(void **state)
{
    chat = (struct chat){.from = DIALECT_OPENAI, .include_usage = true};
    reply = (struct chat_reply){&chat, STR("1"), STR("p/\"m\""), 7, true, true};
    return set_up(state);
}

/* --- a script of events, as a provider of any dialect might cause them --- */

static const struct chat_usage usage = {.known = true,
                                        .input = 10,
                                        .output = 5,
                                        .cached = 4,
                                        .written_5m = 1,
                                        .written_1h = 2,
                                        .reasoning = 3};
static const struct chat_citation citation = {
    .url = {"u", 1}, .title = {"t", 1}, .start = 0, .end = 2};

#define EVENT(k, ...)                                                                              \
    {                                                                                              \
        .kind = EVENT_##k, __VA_ARGS__                                                             \
    }
#define IN(n, k) .block = (n), .block_kind = BLOCK_##k
#define T(literal) .text = {literal, sizeof(literal) - 1}

static const struct chat_event script[] = {
    EVENT(START, .id = {"msg", 3}, .model = {"x", 1}),
    EVENT(BLOCK_START, IN(0, THINKING)),
    EVENT(DELTA, IN(0, THINKING), T("h\\u00e9")),
    EVENT(DELTA, IN(0, THINKING), T("m")),
    EVENT(SIGNATURE, IN(0, THINKING), T("SI"), .signer = SIGNER_ANTHROPIC),
    EVENT(SIGNATURE, IN(0, THINKING), T("G=="), .signer = SIGNER_ANTHROPIC),
    EVENT(BLOCK_STOP, IN(0, THINKING)),
    EVENT(BLOCK_START, IN(1, REDACTED)),
    EVENT(SIGNATURE, IN(1, REDACTED), T("RR"), .signer = SIGNER_ANTHROPIC),
    EVENT(BLOCK_STOP, IN(1, REDACTED)),
    EVENT(BLOCK_START, IN(2, TEXT)),
    EVENT(DELTA, IN(2, TEXT), T("Hi\\n")),
    EVENT(CITATION, IN(2, TEXT), .citation = &citation),
    EVENT(BLOCK_STOP, IN(2, TEXT)),
    EVENT(BLOCK_START, IN(3, TOOL_CALL), .id = {"a", 1}, .name = {"f", 1}),
    EVENT(SIGNATURE, IN(3, TOOL_CALL), T("GG"), .signer = SIGNER_GEMINI),
    EVENT(DELTA, IN(3, TOOL_CALL), T("{\\\"input\\\":")),
    EVENT(DELTA, IN(3, TOOL_CALL), T("\\\"x\\\"}")),
    EVENT(BLOCK_STOP, IN(3, TOOL_CALL)),
    EVENT(LOGPROBS, .raw = {"[{\"token\":\n\"a\"}]", 16}),
    EVENT(STOP, .stop = STOP_TOOL),
    EVENT(USAGE, .usage = &usage),
    EVENT(END, .block = 0),
};

static struct str streamed_by(const struct dialect *d)
{
    void *encoder = d->encoder(&codec, &reply);

    buf_clear(&out);
    for (size_t i = 0; i < ARRAY_LEN(script); i++)
        d->encode_event(encoder, &script[i], &out);
    return kept(&out);
}

#define CHUNK(delta)                                                                               \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":"   \
    "\"p/\\\"m\\\"\",\"choices\":[{\"index\":0,\"delta\":" delta                                   \
    ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define CALL(rest) CHUNK("{\"tool_calls\":[{\"index\":0," rest "}]}")

#define USAGE                                                                                      \
    "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,\"prompt_tokens_details\":" \
    "{\"cached_tokens\":4,\"audio_tokens\":0,\"cache_write_tokens\":3},"                           \
    "\"completion_tokens_details\":{\"reasoning_tokens\":3,\"audio_tokens\":0}}"

#define LAST(rest)                                                                                 \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":"   \
    "\"p/\\\"m\\\"\",\"choices\":[" rest "}\n\n"

static void a_delta_in_is_a_chunk_out(void **state)
{
    static const char *const expected[] = {
        CHUNK("{\"role\":\"assistant\",\"content\":\"\"}"),
        CHUNK("{\"reasoning_content\":\"h\\u00e9\"}"),
        CHUNK("{\"reasoning_content\":\"m\"}"),
        CHUNK("{\"bf_thinking\":[{\"index\":0,\"type\":\"thinking\",\"start\":0,\"end\":3,"
              "\"signature\":\"bf1.a.SIG==\"}]}"),
        CHUNK("{\"bf_thinking\":[{\"index\":1,\"type\":\"redacted\",\"data\":\"bf1.a.RR\"}]}"),
        CHUNK("{\"content\":\"Hi\\n\"}"),
        CHUNK("{\"annotations\":[{\"index\":0,\"type\":\"url_citation\",\"url_citation\":{"
              "\"url\":\"u\",\"title\":\"t\",\"start_index\":0,\"end_index\":2}}]}"),
        CALL("\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}"),
        CALL("\"bf_signature\":\"bf1.g.GG\",\"function\":{\"arguments\":\"{\\\"input\\\":\"}"),
        CALL("\"function\":{\"arguments\":\"\\\"x\\\"}\"}"),
        LAST("{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":[{\"token\": \"a\"}],"
             "\"refusal\":null},\"finish_reason\":null}]"),
        LAST("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]"),
        LAST("],\"usage\":" USAGE),
        "data: [DONE]\n\n",
    };
    struct str rest = streamed_by(&dialect_openai);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        size_t len = (size_t)min_u64(rest.len, strlen(expected[i]));

        assert_dump((struct str){rest.p, len}, expected[i]);
        rest = str_skip(rest, len);
    }
    assert_int_equal(rest.len, 0);
}

static void a_client_that_did_not_ask_gets_no_usage(void **state)
{
    (void)state;
    chat.include_usage = false;
    assert_has_not(streamed_by(&dialect_openai), "usage");
}

/* A custom tool's call is its text again, an old client's call the old member. */
static void freeform_and_legacy_calls(void **state)
{
    struct str text;
    struct chat_tool *tool = chat_add_tool(&codec, &chat);

    (void)state;
    tool->name = STR("f");
    tool->is_freeform = true;
    text = streamed_by(&dialect_openai);
    assert_has(text, CALL("\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":"
                          "\"\"}"));
    assert_has(text, CALL("\"bf_signature\":\"bf1.g.GG\",\"custom\":{\"input\":\"x\"}"));
    tool->is_freeform = false;
    chat.is_functions = true;
    text = streamed_by(&dialect_openai);
    assert_has(text, CHUNK("{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}"));
    assert_has(text, CHUNK("{\"function_call\":{\"arguments\":\"{\\\"input\\\":\"}}"));
    assert_has(text, "\"finish_reason\":\"function_call\"");
    assert_has_not(text, "tool_calls");
}

/* --- whole answers --- */

static struct chat_fold *folded(void)
{
    struct chat_fold *fold = fold_create(&codec, 1 << 20);

    for (size_t i = 0; i < ARRAY_LEN(script); i++)
        fold_event(fold, &script[i]);
    return fold;
}

static struct str whole(const struct dialect *d, const struct chat_answer *answer, const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};

    reply.stream = false;
    buf_clear(&out);
    d->encode_answer(d->encoder(&codec, &reply), answer, &loss, &out);
    assert_str(loss_header(&loss, codec.arena), lost);
    assert_json(buf_view(&out));
    return kept(&out);
}

static void a_whole_answer(void **state)
{
    (void)state;
    assert_dump(
        whole(&dialect_openai, fold_answer(folded()), "full"),
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":7,\"model\":"
        "\"p/\\\"m\\\"\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"Hi\\n\",\"refusal\":null,\"reasoning_content\":\"h\\u00e9m\",\"bf_thinking\":[{"
        "\"index\":0,\"type\":\"thinking\",\"start\":0,\"end\":3,\"signature\":\"bf1.a.SIG==\"},{"
        "\"index\":1,\"type\":\"redacted\",\"data\":\"bf1.a.RR\"}],\"annotations\":[{\"index\":0,"
        "\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u\",\"title\":\"t\",\"start_index\":"
        "0,\"end_index\":2}}],\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"arguments\":\"{\\\"input\\\":\\\"x\\\"}\"},\"bf_signature\":"
        "\"bf1.g.GG\"}]},\"logprobs\":{\"content\":[{\"token\":\n\"a\"}],\"refusal\":null},"
        "\"finish_reason\":\"tool_calls\"}],\"usage\":" USAGE "}");
}

static void to_fold(void *ctx, const struct chat_event *e)
{
    fold_event(ctx, e);
}

/* What a client got is read back as what was said. */
static void what_was_said_is_read_back(void **state)
{
    struct str said = whole(&dialect_openai, fold_answer(folded()), "full");
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    struct chat_sink sink = {to_fold, fold};

    (void)state;
    assert_int_equal(dialect_openai.decode_answer(dialect_openai.decoder(&codec), said, &sink), 0);
    assert_dump(whole(&dialect_openai, fold_answer(fold), "full"), arena_cstr(codec.arena, said));
}

/* Line ends between JSON's tokens do not fit into a stream. */
static const char *one_line(struct str text)
{
    char *copy = arena_cstr(codec.arena, text);

    for (char *p = copy; *p != '\0'; p++) {
        if (*p == '\n')
            *p = ' ';
    }
    return copy;
}

static void the_folded_stream_is_the_whole_answer(void **state)
{
    struct str said = whole(&dialect_openai, fold_answer(folded()), "full");
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    struct chat_sink sink = {to_fold, fold};
    void *decoder = dialect_openai.decoder(&codec);
    struct str text, back;

    (void)state;
    reply.stream = true;
    text = streamed_by(&dialect_openai);
    while (text.len > 0) {
        const char *end = memmem(text.p, text.len, "\n\n", 2);
        struct chat_frame frame = {.data = {text.p + 6, (size_t)(end - text.p) - 6}};

        assert_int_equal(dialect_openai.decode_frame(decoder, &frame, &sink), 0);
        arena_reset(codec.scratch);
        text = str_skip(text, (size_t)(end - text.p) + 2);
    }
    back = whole(&dialect_openai, fold_answer(fold), "full");
    assert_dump(back, one_line(said));
    assert_int_equal(fold_answer(fold)->choices[0].stop, STOP_TOOL);
    assert_true(fold_answer(fold)->has_end);
}

static void text_completions(void **state)
{
    struct str text;
    struct chat_answer answer;

    (void)state;
    assert_dump(streamed_by(&dialect_completions),
                "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"model\":"
                "\"p/\\\"m\\\"\",\"choices\":[{\"text\":\"Hi\\n\",\"index\":0,\"logprobs\":null,"
                "\"finish_reason\":null}]}\n\n"
                "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"model\":"
                "\"p/\\\"m\\\"\",\"choices\":[{\"text\":\"\",\"index\":0,\"logprobs\":null,"
                "\"finish_reason\":\"stop\"}]}\n\n"
                "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"model\":"
                "\"p/\\\"m\\\"\",\"choices\":[],\"usage\":" USAGE "}\n\ndata: [DONE]\n\n");
    answer = *fold_answer(folded());
    text = whole(&dialect_completions, &answer, "partial; dropped=thinking,tool_calls");
    assert_dump(text,
                "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"model\":"
                "\"p/\\\"m\\\"\",\"choices\":[{\"text\":\"Hi\\n\",\"index\":0,\"logprobs\":null,"
                "\"finish_reason\":\"stop\"}],\"usage\":" USAGE "}");
}

static void stops_and_errors(void **state)
{
    static const struct {
        enum chat_stop stop;
        const char *name;
    } stops[] = {
        {STOP_END, "stop"},      {STOP_LENGTH, "length"},         {STOP_CONTEXT, "length"},
        {STOP_PAUSE, "stop"},    {STOP_FILTER, "content_filter"}, {STOP_REFUSAL, "content_filter"},
        {STOP_SEQUENCE, "stop"},
    };
    static const struct chat_error err = {.kind = ERROR_RATE,
                                          .status = 429,
                                          .message = {"slow \\\"down\\\"", 13},
                                          .type = {"overloaded_error", 16}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        struct chat_event e = {.kind = EVENT_STOP, .stop = stops[i].stop};

        buf_clear(&out);
        dialect_openai.encode_event(dialect_openai.encoder(&codec, &reply), &e, &out);
        assert_has(buf_view(&out),
                   arena_cstr(codec.arena, arena_printf(codec.arena, "\"finish_reason\":\"%s\"}]}",
                                                        stops[i].name)));
    }
#define ERROR                                                                                      \
    "{\"error\":{\"message\":\"slow \\\"down\\\"\",\"type\":\"requests\",\"param\":null,"          \
    "\"code\":\"rate_limit_exceeded\"}}"
    buf_clear(&out);
    dialect_openai.encode_error(&err, STR("r"), &out);
    assert_dump(buf_view(&out), ERROR);
    buf_clear(&out);
    dialect_openai.encode_event(dialect_openai.encoder(&codec, &reply),
                                &(struct chat_event){.kind = EVENT_ERROR, .error = &err}, &out);
    assert_dump(buf_view(&out), "data: " ERROR "\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_delta_in_is_a_chunk_out, set_up_reply, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_did_not_ask_gets_no_usage, set_up_reply,
                                        tear_down),
        cmocka_unit_test_setup_teardown(freeform_and_legacy_calls, set_up_reply, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_answer, set_up_reply, tear_down),
        cmocka_unit_test_setup_teardown(what_was_said_is_read_back, set_up_reply, tear_down),
        cmocka_unit_test_setup_teardown(the_folded_stream_is_the_whole_answer, set_up_reply,
                                        tear_down),
        cmocka_unit_test_setup_teardown(text_completions, set_up_reply, tear_down),
        cmocka_unit_test_setup_teardown(stops_and_errors, set_up_reply, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
