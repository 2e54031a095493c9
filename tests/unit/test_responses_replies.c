/* The Responses dialect: events as a client's stream and whole answer. Written from the reference. */
#include "tests/unit/responses_fixture.h"

#include "providers/sse.h"

#define REQUEST                                                                                    \
    "{\"model\":\"claude\",\"instructions\":\"i\",\"input\":\"x\",\n \"tools\":[{\"type\":"        \
    "\"function\",\n\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"apply_patch\"}],"              \
    "\"metadata\":{\"a\":\"b\"},\"temperature\":0.5}"

static struct chat chat;
static struct chat_reply reply;
static void *encoder;
static struct buf answer = BUF_INIT;

static void begin_reply(void)
{
    decode(REQUEST, &chat);
    reply = (struct chat_reply){
        .chat = &chat, .id = STR("1"), .model = STR("claude"), .created_s = 7, .stream = true};
    encoder = dialect_responses.encoder(&codec, &reply);
    buf_clear(&answer);
}

static void send(struct chat_event e)
{
    dialect_responses.encode_event(encoder, &e, &answer);
    arena_reset(codec.scratch);
}

static void send_block(enum chat_block_kind kind, const char *id, const char *name,
                       const char *const *deltas, size_t n)
{
    send((struct chat_event){
        .kind = EVENT_BLOCK_START, .block_kind = kind, .id = str_of(id), .name = str_of(name)});
    for (size_t i = 0; i < n; i++)
        send((struct chat_event){
            .kind = EVENT_DELTA, .block_kind = kind, .text = str_of(deltas[i])});
    send((struct chat_event){.kind = EVENT_BLOCK_STOP, .block_kind = kind});
}

static void end_reply(enum chat_stop stop)
{
    send((struct chat_event){.kind = EVENT_STOP, .stop = stop});
    send((struct chat_event){.kind = EVENT_END});
}

/* --- reading it back --- */

struct reading {
    void *decoder;
    struct chat_sink sink;
    uint64_t events, last;
};

static void on_sse(void *ctx, const struct sse_event *e)
{
    struct reading *r = ctx;
    struct chat_frame frame = {.name = e->name, .data = e->data};
    struct json_error wrong;
    const struct json *root = json_parse(codec.json, codec.scratch, e->data, &wrong);
    uint64_t number;

    assert_non_null(root);
    assert_true(str_eq(json_str(json_get(root, "type")), e->name));
    assert_true(json_u64(json_get(root, "sequence_number"), &number));
    assert_int_equal(number, r->events++);
    r->last = number;
    assert_int_equal(dialect_responses.decode_frame(r->decoder, &frame, &r->sink), 0);
    arena_reset(codec.scratch);
}

/* What a reader of the answer's bytes understands, folded. */
static const struct chat_answer *read_back(void)
{
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    struct reading r = {dialect_responses.decoder(&codec), {fold_event, fold}, 0, 0};
    struct sse sse = SSE_INIT;

    assert_int_equal(sse_feed(&sse, buf_view(&answer), on_sse, &r), 0);
    assert_int_equal(sse_rest(&sse).len, 0);
    sse_fini(&sse);
    dialect_responses.decode_end(r.decoder, &r.sink);
    return fold_answer(fold);
}

static struct str last_event(void)
{
    struct str all = buf_view(&answer);
    size_t at = all.len - 3;

    while (at > 0 && all.p[at] != '\n')
        at--;
    return str_skip(all, at + 1 + strlen("data: "));
}

/* --- tests --- */

static void a_stream_has_the_documented_sequence(void **state)
{
    static const char *const text[] = {"Hel", "lo"};
    struct chat_usage usage = {.known = true, .input = 9, .output = 4, .cached = 2, .reasoning = 1};
    struct str got;

    (void)state;
    begin_reply();
    send((struct chat_event){.kind = EVENT_START, .id = STR("x"), .model = STR("y")});
    assert_has(buf_view(&answer), "event: response.in_progress\ndata: {\"type\":"
                                  "\"response.in_progress\",\"sequence_number\":1,\"response\":{"
                                  "\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":7,"
                                  "\"status\":\"in_progress\"");
    buf_clear(&answer);
    send_block(BLOCK_TEXT, NULL, NULL, text, 2);
    assert_str(buf_view(&answer),
               "event: response.output_item.added\n"
               "data: {\"type\":\"response.output_item.added\",\"sequence_number\":2,"
               "\"output_index\":0,\"item\":{\"type\":\"message\",\"role\":\"assistant\","
               "\"content\":[],\"id\":\"msg_1_0\",\"status\":\"in_progress\"}}\n\n"
               "event: response.content_part.added\n"
               "data: {\"type\":\"response.content_part.added\",\"sequence_number\":3,"
               "\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":"
               "\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}}\n\n"
               "event: response.output_text.delta\n"
               "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,"
               "\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hel\","
               "\"logprobs\":[]}\n\n"
               "event: response.output_text.delta\n"
               "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":5,"
               "\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"lo\","
               "\"logprobs\":[]}\n\n"
               "event: response.output_text.done\n"
               "data: {\"type\":\"response.output_text.done\",\"sequence_number\":6,"
               "\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"text\":\"Hello\","
               "\"logprobs\":[]}\n\n"
               "event: response.content_part.done\n"
               "data: {\"type\":\"response.content_part.done\",\"sequence_number\":7,"
               "\"item_id\":\"msg_1_0\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":"
               "\"output_text\",\"text\":\"Hello\",\"annotations\":[],\"logprobs\":[]}}\n\n");
    buf_clear(&answer);
    send((struct chat_event){.kind = EVENT_STOP, .stop = STOP_END});
    send((struct chat_event){.kind = EVENT_USAGE, .usage = &usage});
    send((struct chat_event){.kind = EVENT_END});
    got = last_event();
    assert_has(got, "\"status\":\"completed\",\"error\":null,\"incomplete_details\":null");
    assert_has(got, "\"instructions\":\"i\"");
    assert_has(got, "\"metadata\":{\"a\":\"b\"}");
    assert_has(got, "\"temperature\":0.5");
    assert_has(got, "\"tools\":[{\"type\":\"function\", \"name\":\"f\"}"); /* no line end */
    assert_has(got, "\"output\":[{\"type\":\"message\",\"id\":\"msg_1_0\",\"status\":"
                    "\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                    "\"text\":\"Hello\",\"annotations\":[],\"logprobs\":[]}]}]");
    assert_has(got, "\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":2,"
                    "\"cache_write_tokens\":0},\"output_tokens\":4,\"output_tokens_details\":{"
                    "\"reasoning_tokens\":1},\"total_tokens\":13}");
}

/* All sorts of blocks, read back by our own decoder and as the next request's input. */
static void what_is_sent_can_be_read(void **state)
{
    static const char *const thoughts[] = {"hm ", "so"};
    static const char *const text[] = {"a", "b"};
    static const char *const args[] = {"{\\\"a\\\":", "1}"};
    const struct chat_citation mark = {
        .url = STR("https://e.com"), .title = STR("t"), .start = 1, .end = 2};
    const struct chat_block *b;
    const struct chat_answer *got;

    (void)state;
    begin_reply();
    send((struct chat_event){.kind = EVENT_START});
    send((struct chat_event){.kind = EVENT_BLOCK_START, .block_kind = BLOCK_THINKING});
    for (size_t i = 0; i < 2; i++)
        send((struct chat_event){
            .kind = EVENT_DELTA, .block_kind = BLOCK_THINKING, .text = str_of(thoughts[i])});
    send((struct chat_event){.kind = EVENT_SIGNATURE,
                             .block_kind = BLOCK_THINKING,
                             .text = STR("SIG"),
                             .signer = SIGNER_ANTHROPIC});
    send((struct chat_event){.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_THINKING});
    send((struct chat_event){.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TEXT});
    send((struct chat_event){.kind = EVENT_DELTA, .block_kind = BLOCK_TEXT, .text = STR("c")});
    send((struct chat_event){.kind = EVENT_CITATION, .block_kind = BLOCK_TEXT, .citation = &mark});
    send((struct chat_event){.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_TEXT});
    send_block(BLOCK_REFUSAL, NULL, NULL, text, 2);
    send_block(BLOCK_OTHER, NULL, "web_search_call", NULL, 0);
    send_block(BLOCK_TOOL_CALL, "c1", "f", args, 2);
    send_block(BLOCK_TOOL_CALL, "c2", "f", NULL, 0);
    end_reply(STOP_TOOL);
    got = read_back();
    assert_true(got->has_end && !got->has_error);
    assert_str(got->id, "resp_1");
    assert_int_equal(got->choices[0].stop, STOP_TOOL);
    b = got->choices[0].blocks;
    assert_str(b->text, "hm so");
    assert_str(b->signature, "bf1.a.SIG");
    b = b->next;
    assert_str(b->text, "c");
    assert_str(b->citations->url, "https://e.com");
    b = b->next;
    assert_int_equal(b->kind, BLOCK_REFUSAL);
    assert_str(b->text, "ab");
    b = b->next;
    assert_str(b->id, "c1");
    assert_str(b->arguments_text, "{\\\"a\\\":1}");
    assert_str(b->next->arguments_text, "{}");
    assert_null(b->next->next);
}

/* Not within an escape: each delta is a string of its own. */
static bool is_cut(const char *text, size_t at)
{
    size_t i = 0;

    while (i < at && text[i] != '\0')
        i += text[i] != '\\' ? 1 : text[i + 1] == 'u' ? 6 : 2;
    return i == at;
}

/* {"input":"..."} cut everywhere: the client sees a free-form call, and its text as it comes. */
static void free_form_calls_are_unwrapped(void **state)
{
    static const char whole[] = " {\\n \\\"input\\\" : \\\"*\\\\n\\\\\\\"q\\\\\\\" \\\\u00e9"
                                "\\\\ud83d\\\\ude00 \\u00e9\\\"} ";
    static const char text[] = "*\\n\\\"q\\\" \\u00e9\\ud83d\\ude00 \xc3\xa9";

    (void)state;
    for (size_t i = 0; i < sizeof(whole); i++) {
        char first[sizeof(whole)], second[sizeof(whole)];
        const char *deltas[] = {first, second};

        if (!is_cut(whole, i))
            continue;
        memcpy(first, whole, i);
        first[i] = '\0';
        memcpy(second, whole + i, sizeof(whole) - i);
        begin_reply();
        send_block(BLOCK_TOOL_CALL, "p", "apply_patch", deltas, 2);
        end_reply(STOP_TOOL);
        assert_has(last_event(), "{\"type\":\"custom_tool_call\",\"id\":\"ctc_1_0\"");
        if (!has(last_event(), text))
            print_error("%zu: %.*s\n", i, STR_ARGS(last_event()));
        assert_has(last_event(), text);
        (void)read_back();
    }
}

static void odd_free_form_calls_are_given_whole(void **state)
{
    static const struct {
        const char *arguments, *input;
    } cases[] = {
        {"*** Begin", "\"input\":\"*** Begin\""},
        {"{\\\"patch\\\":1}", "\"input\":\"{\\\"patch\\\":1}\""},
        {"{\\\"x\\\":0,\\\"input\\\":\\\"late\\\"}", "\"input\":\"late\""},
        {"{\\\"input\\\":\\\"a\\\\x\\tb\\\\ud800\\\"}", "\"input\":\"a\\\\x\\u0009b\\\\ud800\""},
        {"{\\\"input\\\":\\\"cut", "\"input\":\"cut\""},
        {"", "\"input\":\"\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_reply();
        send_block(BLOCK_TOOL_CALL, "p", "apply_patch", &cases[i].arguments, 1);
        end_reply(STOP_TOOL);
        assert_has(last_event(), cases[i].input);
        (void)read_back();
    }
}

static void signed_calls_come_back(void **state)
{
    struct chat next;
    struct str item;
    struct buf body = BUF_INIT;
    const char *at;

    (void)state;
    begin_reply();
    send((struct chat_event){.kind = EVENT_BLOCK_START,
                             .block_kind = BLOCK_TOOL_CALL,
                             .id = STR("c1"),
                             .name = STR("f")});
    send((struct chat_event){.kind = EVENT_SIGNATURE,
                             .block_kind = BLOCK_TOOL_CALL,
                             .text = STR("GS"),
                             .signer = SIGNER_GEMINI});
    send((struct chat_event){.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_TOOL_CALL});
    end_reply(STOP_TOOL);
    item = last_event();
    at = memmem(item.p, item.len, "\"output\":[", 10);
    assert_non_null(at);
    item = str_skip(item, (size_t)(at + 9 - item.p));
    at = memmem(item.p, item.len, ",\"usage\"", 8);
    assert_non_null(at);
    buf_printf(&body, "{\"model\":\"m\",\"input\":%.*s}", (int)(at - item.p), item.p);
    decode(body.data, &next);
    assert_has(dump(&next), "tool_call id=c1 name=f arguments_text={} signature=GS signer=2");
    buf_fini(&body);
}

static void ends_are_told(void **state)
{
    static const struct {
        enum chat_stop stop;
        const char *event, *status;
    } cases[] = {
        {STOP_LENGTH, "response.incomplete",
         "\"status\":\"incomplete\",\"error\":null,"
         "\"incomplete_details\":{\"reason\":"
         "\"max_output_tokens\"}"},
        {STOP_FILTER, "response.incomplete", "\"reason\":\"content_filter\""},
        {STOP_REFUSAL, "response.completed", "\"status\":\"completed\""},
        {STOP_ERROR, "response.failed", "\"status\":\"failed\",\"error\":{\"code\":"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_reply();
        end_reply(cases[i].stop);
        assert_has(last_event(), cases[i].event);
        assert_has(last_event(), cases[i].status);
    }
}

static void errors_are_told(void **state)
{
    const struct chat_error err = {.kind = ERROR_RATE, .status = 429, .message = STR("slow")};
    const struct chat_answer *got;
    size_t len;

    (void)state;
    begin_reply();
    send((struct chat_event){.kind = EVENT_ERROR, .error = &err});
    assert_has(buf_view(&answer), "event: error\n");
    assert_has(last_event(), "\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\","
                             "\"message\":\"slow\"}");
    len = answer.len;
    send((struct chat_event){.kind = EVENT_END});
    assert_int_equal(answer.len, len); /* nothing comes behind it */
    got = read_back();
    assert_true(got->has_error);
    assert_int_equal(got->error.kind, ERROR_RATE);
    buf_clear(&answer);
    dialect_responses.encode_error(&err, STR("r"), &answer);
    assert_str(buf_view(&answer),
               "{\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\",\"param\":null,"
               "\"code\":\"rate_limit_exceeded\"}}");
    buf_clear(&answer);
    dialect_responses.encode_error_event(&err, STR("r"), &answer);
    assert_has(buf_view(&answer), "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,"
                                  "\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"");
}

static void a_whole_answer_says_what_it_lacks(void **state)
{
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    const struct chat_event events[] = {
        {.kind = EVENT_START},
        {.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TEXT},
        {.kind = EVENT_DELTA, .block_kind = BLOCK_TEXT, .text = STR("hi")},
        {.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_TEXT},
        {.kind = EVENT_BLOCK_START, .block_kind = BLOCK_OTHER, .name = STR("server_tool_use")},
        {.kind = EVENT_BLOCK_STOP, .block_kind = BLOCK_OTHER},
        {.kind = EVENT_LOGPROBS, .raw = STR("[{\"token\":\"hi\"}]")},
        {.kind = EVENT_STOP, .stop = STOP_END},
        {.kind = EVENT_STOP, .choice = 1, .stop = STOP_END},
        {.kind = EVENT_END},
    };
    struct chat_loss loss = {.n_dropped = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        fold_event(fold, &events[i]);
    begin_reply();
    dialect_responses.encode_answer(encoder, fold_answer(fold), &loss, &answer);
    assert_has(buf_view(&answer), "\"text\":\"hi\",\"annotations\":[],\"logprobs\":[{\"token\":"
                                  "\"hi\"}]");
    assert_str(loss_header(&loss, codec.arena), "partial; dropped=n,server_tool_use");
}

/* What is kept for the last event is bounded, and the stream still ends well. */
static void too_long_an_answer_fails(void **state)
{
    char *text = malloc((1 << 20) + 1);

    (void)state;
    memset(text, 'x', 1 << 20);
    text[1 << 20] = '\0';
    begin_reply();
    send((struct chat_event){.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TEXT});
    for (int i = 0; i < 40; i++) {
        buf_clear(&answer);
        send((struct chat_event){
            .kind = EVENT_DELTA, .block_kind = BLOCK_TEXT, .text = {text, 1 << 20}});
        if (has(buf_view(&answer), "response.failed"))
            break;
    }
    assert_has(last_event(), "\"status\":\"failed\"");
    assert_has(last_event(), "\"output\":[]");
    free(text);
}

static int end_answer(void **state)
{
    buf_fini(&answer);
    return tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_has_the_documented_sequence, set_up, end_answer),
        cmocka_unit_test_setup_teardown(what_is_sent_can_be_read, set_up, end_answer),
        cmocka_unit_test_setup_teardown(free_form_calls_are_unwrapped, set_up, end_answer),
        cmocka_unit_test_setup_teardown(odd_free_form_calls_are_given_whole, set_up, end_answer),
        cmocka_unit_test_setup_teardown(signed_calls_come_back, set_up, end_answer),
        cmocka_unit_test_setup_teardown(ends_are_told, set_up, end_answer),
        cmocka_unit_test_setup_teardown(errors_are_told, set_up, end_answer),
        cmocka_unit_test_setup_teardown(a_whole_answer_says_what_it_lacks, set_up, end_answer),
        cmocka_unit_test_setup_teardown(too_long_an_answer_fails, set_up, end_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
