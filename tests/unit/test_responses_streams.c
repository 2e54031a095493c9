/* The Responses dialect: provider's streams and answers into events. Written from the reference. */
#include "tests/unit/responses_fixture.h"

static struct buf events = BUF_INIT;

static void on_event(void *ctx, const struct chat_event *e)
{
    (void)ctx;
    event_dump(e, &events);
}

static const struct chat_sink sink = {on_event, NULL};

/* Feed frames, then the end; what came of it as text. */
static struct str feed(const char *const *frames, size_t n, int *rc)
{
    void *d = dialect_responses.decoder(&codec);

    buf_clear(&events);
    *rc = 0;
    for (size_t i = 0; i < n && *rc == 0; i++) {
        struct chat_frame frame = {.data = str_of(frames[i])};

        *rc = dialect_responses.decode_frame(d, &frame, &sink);
        arena_reset(codec.scratch);
    }
    dialect_responses.decode_end(d, &sink);
    return arena_str(codec.arena, buf_view(&events));
}

static struct str whole(const char *body, int *rc)
{
    void *d = dialect_responses.decoder(&codec);

    buf_clear(&events);
    *rc = dialect_responses.decode_answer(d, str_of(body), &sink);
    arena_reset(codec.scratch);
    return arena_str(codec.arena, buf_view(&events));
}

static struct str folded_frames(const char *const *frames, size_t n)
{
    void *d = dialect_responses.decoder(&codec);
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    struct chat_sink into = {fold_event, fold};

    for (size_t i = 0; i < n; i++) {
        struct chat_frame frame = {.data = str_of(frames[i])};

        assert_int_equal(dialect_responses.decode_frame(d, &frame, &into), 0);
        arena_reset(codec.scratch);
    }
    dialect_responses.decode_end(d, &into);
    buf_clear(&events);
    fold_replay(fold_answer(fold), &sink);
    return arena_str(codec.arena, buf_view(&events));
}

#define CREATED                                                                                    \
    "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\","        \
    "\"object\":\"response\",\"status\":\"in_progress\",\"model\":\"gpt-5.1\",\"output\":[]}}"
#define REASONING                                                                                  \
    "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":"    \
    "\"hm so\"},{\"type\":\"summary_text\",\"text\":\"more\"}],\"encrypted_content\":\"gAAA\"}"
#define MESSAGE                                                                                    \
    "{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\","      \
    "\"content\":[{\"type\":\"output_text\",\"text\":\"Hello \\\"x\\\"\",\"annotations\":["        \
    "{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":5,\"url\":\"https://e.com\","      \
    "\"title\":\"T\"}],\"logprobs\":[]}]}"
#define SEARCH "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"}"
#define CALL                                                                                       \
    "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\","               \
    "\"arguments\":\"{\\\"a\\\":1}\",\"status\":\"completed\"}"
#define PATCH                                                                                      \
    "{\"type\":\"custom_tool_call\",\"id\":\"ctc_1\",\"call_id\":\"p1\",\"name\":\"apply_patch\"," \
    "\"input\":\"*** \\\"x\\\"\\n\"}"
#define USAGE                                                                                      \
    "{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":40,"                        \
    "\"cache_write_tokens\":10},\"output_tokens\":20,\"output_tokens_details\":"                   \
    "{\"reasoning_tokens\":8},\"total_tokens\":120}"
#define RESPONSE                                                                                   \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"error\":null,"          \
    "\"incomplete_details\":null,\"model\":\"gpt-5.1\",\"output\":[" REASONING "," SEARCH          \
    "," MESSAGE "," CALL "," PATCH "],\"usage\":" USAGE "}"

static const char *const stream[] = {
    CREATED,
    "{\"type\":\"response.in_progress\",\"response\":{\"id\":\"resp_1\"}}",
    "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":"
    "\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}}",
    "{\"type\":\"response.reasoning_summary_part.added\",\"item_id\":\"rs_1\",\"output_index\":0,"
    "\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}",
    "{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs_1\",\"output_index\":0,"
    "\"summary_index\":0,\"delta\":\"hm \"}",
    "{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs_1\",\"output_index\":0,"
    "\"summary_index\":0,\"delta\":\"so\",\"obfuscation\":\"abc\"}",
    "{\"type\":\"response.reasoning_summary_text.done\",\"item_id\":\"rs_1\",\"output_index\":0,"
    "\"summary_index\":0,\"text\":\"hm so\"}",
    "{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs_1\",\"output_index\":0,"
    "\"summary_index\":1,\"delta\":\"more\"}",
    "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":" REASONING "}",
    "{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":"
    "\"web_search_call\",\"id\":\"ws_1\",\"status\":\"in_progress\"}}",
    "{\"type\":\"response.web_search_call.searching\",\"output_index\":1,\"item_id\":\"ws_1\"}",
    "{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":" SEARCH "}",
    "{\"type\":\"response.output_item.added\",\"output_index\":2,\"item\":{\"type\":\"message\","
    "\"id\":\"msg_1\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}",
    "{\"type\":\"response.content_part.added\",\"item_id\":\"msg_1\",\"output_index\":2,"
    "\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}",
    "{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":2,"
    "\"content_index\":0,\"delta\":\"Hello\",\"logprobs\":[]}",
    "{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":2,"
    "\"content_index\":0,\"delta\":\" \\\"x\\\"\",\"logprobs\":[]}",
    "{\"type\":\"response.output_text.annotation.added\",\"item_id\":\"msg_1\",\"output_index\":2,"
    "\"content_index\":0,\"annotation_index\":0,\"annotation\":{\"type\":\"url_citation\","
    "\"start_index\":0,\"end_index\":5,\"url\":\"https://e.com\",\"title\":\"T\"}}",
    "{\"type\":\"response.output_text.done\",\"item_id\":\"msg_1\",\"output_index\":2,"
    "\"content_index\":0,\"text\":\"Hello \\\"x\\\"\"}",
    "{\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":" MESSAGE "}",
    "{\"type\":\"response.output_item.added\",\"output_index\":3,\"item\":{\"type\":"
    "\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"\"}}",
    "{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc_1\",\"output_index\":3,"
    "\"delta\":\"{\\\"a\\\":\"}",
    "{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc_1\",\"output_index\":3,"
    "\"delta\":\"1}\"}",
    "{\"type\":\"response.function_call_arguments.done\",\"item_id\":\"fc_1\",\"output_index\":3,"
    "\"arguments\":\"{\\\"a\\\":1}\"}",
    "{\"type\":\"response.output_item.done\",\"output_index\":3,\"item\":" CALL "}",
    "{\"type\":\"response.output_item.added\",\"output_index\":4,\"item\":{\"type\":"
    "\"custom_tool_call\",\"id\":\"ctc_1\",\"call_id\":\"p1\",\"name\":\"apply_patch\","
    "\"input\":\"\"}}",
    "{\"type\":\"response.custom_tool_call_input.delta\",\"item_id\":\"ctc_1\",\"output_index\":4,"
    "\"delta\":\"*** \"}",
    "{\"type\":\"response.custom_tool_call_input.delta\",\"item_id\":\"ctc_1\",\"output_index\":4,"
    "\"delta\":\"\\\"x\\\"\\n\"}",
    "{\"type\":\"response.output_item.done\",\"output_index\":4,\"item\":" PATCH "}",
    "{\"type\":\"response.completed\",\"response\":" RESPONSE "}",
};

static void a_stream_becomes_events(void **state)
{
    struct str got;
    int rc;

    (void)state;
    got = feed(stream, ARRAY_LEN(stream), &rc);
    assert_int_equal(rc, 0);
    assert_str(got, "start id=resp_1 model=gpt-5.1\n"
                    "block_start 0:thinking\n"
                    "delta 0:thinking text=hm \n"
                    "delta 0:thinking text=so\n"
                    "delta 0:thinking text=\\n\\n\n"
                    "delta 0:thinking text=more\n"
                    "signature 0:thinking text=gAAA signer=3\n"
                    "block_stop 0:thinking\n"
                    "block_start 1:other name=web_search_call raw=" SEARCH "\n"
                    "block_stop 1:other\n"
                    "block_start 2:text\n"
                    "delta 2:text text=Hello\n"
                    "delta 2:text text= \\\"x\\\"\n"
                    "citation 2:text [citation url=https://e.com title=T 0-5]\n"
                    "block_stop 2:text\n"
                    "block_start 3:tool_call id=c1 name=f\n"
                    "delta 3:tool_call text={\\\"a\\\":\n"
                    "delta 3:tool_call text=1}\n"
                    "block_stop 3:tool_call\n"
                    "block_start 4:tool_call id=p1 name=apply_patch\n"
                    "delta 4:tool_call text={\\\"input\\\":\\\"\n"
                    "delta 4:tool_call text=*** \n"
                    "delta 4:tool_call text=\\\\\\\"x\\\\\\\"\\\\n\n"
                    "delta 4:tool_call text=\\\"}\n"
                    "block_stop 4:tool_call\n"
                    "stop stop=4\n"
                    "usage input=100 output=20 cached=40 written_5m=10 reasoning=8 searches=1\n"
                    "end\n");
}

static void a_whole_answer_is_the_folded_stream(void **state)
{
    void *d = dialect_responses.decoder(&codec);
    struct chat_fold *fold = fold_create(&codec, 1 << 20);
    struct chat_sink into = {fold_event, fold};
    struct str from_stream = folded_frames(stream, ARRAY_LEN(stream));

    (void)state;
    assert_int_equal(dialect_responses.decode_answer(d, STR(RESPONSE), &into), 0);
    buf_clear(&events);
    fold_replay(fold_answer(fold), &sink);
    assert_int_equal(events.len, from_stream.len);
    assert_memory_equal(events.data, from_stream.p, events.len);
}

/* Some servers send the finished items only, or nothing but the last event. */
static void finished_items_are_enough(void **state)
{
    const char *items[] = {
        CREATED,
        "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":" REASONING "}",
        "{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":" SEARCH "}",
        "{\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":" MESSAGE "}",
        "{\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":" MESSAGE "}",
        "{\"type\":\"response.output_item.done\",\"output_index\":3,\"item\":" CALL "}",
        "{\"type\":\"response.output_item.done\",\"output_index\":4,\"item\":" PATCH "}",
        "{\"type\":\"response.completed\",\"response\":" RESPONSE "}",
    };
    const char *last[] = {"{\"type\":\"response.completed\",\"response\":" RESPONSE "}"};
    struct str expected = folded_frames(stream, ARRAY_LEN(stream));
    struct str got = folded_frames(items, ARRAY_LEN(items));

    (void)state;
    assert_true(str_eq(expected, got));
    got = folded_frames(last, 1);
    assert_true(str_eq(expected, got));
}

/* Two calls at once whose ends are told late are not told twice. */
static void late_ends_are_no_second_calls(void **state)
{
    const char *frames[] = {
        CREATED,
        "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":"
        "\"function_call\",\"call_id\":\"a\",\"name\":\"f\"}}",
        "{\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"1\"}",
        "{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":"
        "\"function_call\",\"call_id\":\"b\",\"name\":\"f\"}}",
        "{\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"2\"}",
        "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":"
        "\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"1\"}}",
        "{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":"
        "\"function_call\",\"call_id\":\"b\",\"name\":\"f\",\"arguments\":\"2\"}}",
        "{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}",
    };
    int rc;

    (void)state;
    assert_str(feed(frames, ARRAY_LEN(frames), &rc), "start id=resp_1 model=gpt-5.1\n"
                                                     "block_start 0:tool_call id=a name=f\n"
                                                     "delta 0:tool_call text=1\n"
                                                     "block_stop 0:tool_call\n"
                                                     "block_start 1:tool_call id=b name=f\n"
                                                     "delta 1:tool_call text=2\n"
                                                     "block_stop 1:tool_call\n"
                                                     "stop stop=4\nend\n");
}

static void how_it_ended(void **state)
{
    static const struct {
        const char *frame, *expected;
    } cases[] = {
        {"{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\","
         "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}",
         "stop stop=2\nend\n"},
        {"{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\","
         "\"incomplete_details\":{\"reason\":\"content_filter\"}}}",
         "stop stop=6\nend\n"},
        {"{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":["
         "{\"type\":\"message\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}]}}",
         "block_start 0:refusal\ndelta 0:refusal text=no\nblock_stop 0:refusal\n"
         "stop stop=7\nend\n"},
        {"{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
         "\"rate_limit_exceeded\",\"message\":\"slow\"}}}",
         "error kind=9 status=429 message=slow code=rate_limit_exceeded\n"},
        {"{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"oops\",\"param\":null,"
         "\"sequence_number\":1}",
         "error kind=10 status=500 message=oops code=server_error\n"},
        {"{\"type\":\"error\",\"sequence_number\":2,\"error\":{\"type\":\"insufficient_quota\","
         "\"code\":\"insufficient_quota\",\"message\":\"pay\",\"param\":null}}",
         "error kind=3 status=402 message=pay type=insufficient_quota code=insufficient_quota\n"},
        {"{\"error\":{\"message\":\"bare\"}}", "error kind=10 status=500 message=bare\n"},
        {"{\"type\":\"response.unheard_of\"}",
         "error kind=11 status=502 message=the provider broke its answer off\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *frames[] = {CREATED, cases[i].frame};
        int rc;
        struct str got = feed(frames, 2, &rc);

        assert_int_equal(rc, 0);
        assert_str(str_skip(got, strlen("start id=resp_1 model=gpt-5.1\n")), cases[i].expected);
    }
}

/* Cut anywhere before its end, a stream ends in an error, and never in END. */
static void cut_streams_end_in_an_error(void **state)
{
    (void)state;
    for (size_t n = 0; n + 1 < ARRAY_LEN(stream); n++) {
        int rc;
        struct str got = feed(stream, n, &rc);

        assert_int_equal(rc, 0);
        assert_has(got, "error kind=11 status=502");
        assert_false(has(got, "end\n"));
    }
}

static void nonsense_is_refused(void **state)
{
    static const char *const frames[] = {
        "{\"type\":\"response.output_text.delta\"",
        "[]",
        "{\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"x\"}",
        "{\"type\":\"response.custom_tool_call_input.delta\",\"output_index\":9,\"delta\":\"x\"}",
        "{\"type\":\"response.output_text.delta\",\"output_index\":99999999,\"delta\":\"x\"}",
        "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":7}",
        "{\"type\":\"response.completed\"}",
    };
    static const char *const answers[] = {
        "", "<html>", "[]", "{}", "{\"output\":{}}", "{\"status\":\"queued\",\"output\":[]}",
    };
    int rc;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        (void)feed(&frames[i], 1, &rc);
        assert_int_equal(rc, -1);
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_str(whole(answers[i], &rc), "");
        assert_int_equal(rc, -1);
    }
    assert_has(whole("{\"id\":\"r\",\"status\":\"failed\",\"error\":{\"code\":\"invalid_prompt\","
                     "\"message\":\"m\"}}",
                     &rc),
               "error kind=1 status=400 message=m code=invalid_prompt");
}

static void errors_of_providers_are_read(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum chat_error_kind kind;
        const char *message;
    } cases[] = {
        {429, "{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"code\":null}}", ERROR_RATE,
         "slow"},
        {429, "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}", ERROR_BILLING,
         "pay"},
        {401, "{\"error\":{\"message\":\"k\",\"type\":\"invalid_request_error\"}}", ERROR_AUTH,
         "k"},
        {404, "{\"error\":\"no\"}", ERROR_NOT_FOUND, "no"},
        {500, "{\"detail\":\"d\"}", ERROR_SERVER, "d"},
        {422, "{\"message\":\"flat\"}", ERROR_INVALID, "flat"},
        {503, " <html> ", ERROR_OVERLOADED, "<html>"},
        {502, "", ERROR_UPSTREAM, "the provider answered without a body"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_error err;

        dialect_responses.decode_error(&codec, cases[i].status, str_of(cases[i].body), &err);
        assert_int_equal(err.kind, cases[i].kind);
        assert_int_equal(err.status, cases[i].status);
        assert_str(err.message, cases[i].message);
    }
}

static void usage_is_seen_in_passing(void **state)
{
    struct chat_frame frame = {.data = str_of(stream[ARRAY_LEN(stream) - 1])};
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;

    (void)state;
    dialect_responses.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_done && seen.is_finish && !seen.is_error);
    assert_true(usage.known && usage.input == 100 && usage.output == 20 && usage.cached == 40 &&
                usage.reasoning == 8);
    frame.data = str_of(stream[14]);
    dialect_responses.look_frame(&frame, &seen, &usage);
    assert_false(seen.is_done);
    assert_int_equal(seen.content_bytes, 5);
    usage = (struct chat_usage){.known = false};
    dialect_responses.look_answer(STR(RESPONSE), &usage);
    assert_int_equal(usage.input, 100);
}

static int end_events(void **state)
{
    buf_fini(&events);
    return tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_becomes_events, set_up, end_events),
        cmocka_unit_test_setup_teardown(a_whole_answer_is_the_folded_stream, set_up, end_events),
        cmocka_unit_test_setup_teardown(finished_items_are_enough, set_up, end_events),
        cmocka_unit_test_setup_teardown(late_ends_are_no_second_calls, set_up, end_events),
        cmocka_unit_test_setup_teardown(how_it_ended, set_up, end_events),
        cmocka_unit_test_setup_teardown(cut_streams_end_in_an_error, set_up, end_events),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up, end_events),
        cmocka_unit_test_setup_teardown(errors_of_providers_are_read, set_up, end_events),
        cmocka_unit_test_setup_teardown(usage_is_seen_in_passing, set_up, end_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
