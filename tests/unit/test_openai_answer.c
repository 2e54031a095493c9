/* Answers of OpenAI's kin, streamed and whole, as events: the order of blocks, whatever they send. */
#include "tests/unit/openai_tools.h"

#define HEAD                                                                                       \
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\"," \
    "\"choices\":[{\"index\":0,\"delta\":"
#define DELTA(delta) HEAD delta ",\"finish_reason\":null}]}"
#define FINISH(reason) HEAD "{},\"finish_reason\":\"" reason "\"}]}"
#define CALL(rest) DELTA("{\"tool_calls\":[{" rest "}]}")
#define ARGUMENTS(index, text) CALL("\"index\":" index ",\"function\":{\"arguments\":\"" text "\"}")
#define BEGIN(index, id, name)                                                                     \
    CALL("\"index\":" index ",\"id\":\"" id                                                        \
         "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"\"}")
#define USAGE                                                                                      \
    "{\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"                       \
    "\"completion_tokens\":5,\"total_tokens\":15,\"prompt_tokens_details\":{\"cached_tokens\":4,"  \
    "\"cache_write_tokens\":3,\"audio_tokens\":1},\"completion_tokens_details\":{"                 \
    "\"reasoning_tokens\":2}}}"
#define START "start id=chatcmpl-1 model=gpt\n"

static void text_with_usage(void **state)
{
    (void)state;
    assert_dump(EVENTS(DELTA("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"),
                       DELTA("{\"content\":\"Hel\"}"), DELTA("{\"content\":\"lo\\n\"}"),
                       FINISH("stop"), USAGE, "[DONE]", "END"),
                START
                "block_start 0:text\ndelta 0:text text=Hel\ndelta 0:text text=lo\\n\n"
                "block_stop 0:text\nstop stop=1\n"
                "usage input=10 output=5 cached=4 written_5m=3 reasoning=2 audio_in=1\nend\n");
}

static void thinking_refusals_citations_logprobs(void **state)
{
    (void)state;
    assert_dump(
        EVENTS(DELTA("{\"reasoning_content\":\"hm\",\"reasoning\":\"hm\",\"content\":null}"),
               DELTA("{\"reasoning\":\"m\"}"),
               HEAD "{\"content\":\"A\",\"annotations\":[{\"type\":\"url_citation\","
                    "\"url_citation\":{\"url\":\"u\",\"title\":\"t\",\"start_index\":0,"
                    "\"end_index\":1}}]},\"logprobs\":{\"content\":[{\"token\":\"A\"}]},"
                    "\"finish_reason\":null}]}",
               DELTA("{\"refusal\":\"no\"}"), FINISH("stop"), "[DONE]"),
        START "block_start 0:thinking\ndelta 0:thinking text=hm\ndelta 0:thinking text=m\n"
              "block_stop 0:thinking\nblock_start 1:text\ndelta 1:text text=A\n"
              "citation 1:text [citation url=u title=t 0-1]\nlogprobs raw=[{\"token\":\"A\"}]\n"
              "block_stop 1:text\nblock_start 2:refusal\ndelta 2:refusal text=no\n"
              "block_stop 2:refusal\nstop stop=7\nend\n");
}

static void parallel_calls_one_after_another(void **state)
{
    (void)state;
    assert_dump(EVENTS(BEGIN("0", "a", "f"), ARGUMENTS("0", "{\\\"x\\\":"), ARGUMENTS("0", "1}"),
                       BEGIN("1", "b", "g"), ARGUMENTS("1", "{}"), FINISH("tool_calls"), "[DONE]"),
                START "block_start 0:tool_call id=a name=f\ndelta 0:tool_call text={\\\"x\\\":\n"
                      "delta 0:tool_call text=1}\nblock_stop 0:tool_call\n"
                      "block_start 1:tool_call id=b name=g\ndelta 1:tool_call text={}\n"
                      "block_stop 1:tool_call\nstop stop=4\nend\n");
}

/* The second waits until the first's JSON is whole: braces in its strings do not count. */
static void interleaved_calls_wait(void **state)
{
    (void)state;
    assert_dump(EVENTS(BEGIN("0", "a", "f"), BEGIN("1", "b", "g"), ARGUMENTS("1", "{\\\"y\\\""),
                       ARGUMENTS("0", "{\\\"x\\\":\\\"}\\\\\\\"\\\\"), ARGUMENTS("1", ":2"),
                       ARGUMENTS("0", "\\u0022}"), ARGUMENTS("0", "\\\"}"), ARGUMENTS("1", "}"),
                       FINISH("stop"), "[DONE]"),
                START "block_start 0:tool_call id=a name=f\n"
                      "delta 0:tool_call text={\\\"x\\\":\\\"}\\\\\\\"\\\\\n"
                      "delta 0:tool_call text=\\u0022}\ndelta 0:tool_call text=\\\"}\n"
                      "block_stop 0:tool_call\nblock_start 1:tool_call id=b name=g\n"
                      "delta 1:tool_call text={\\\"y\\\"\ndelta 1:tool_call text=:2\n"
                      "delta 1:tool_call text=}\nblock_stop 1:tool_call\nstop stop=4\nend\n");
}

/* No index; an index of 0 for all with ids that differ; all in one chunk; no id at all. */
static void calls_of_careless_vendors(void **state)
{
    (void)state;
    assert_dump(EVENTS(CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"),
                       CALL("\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"),
                       FINISH("tool_calls"), "END"),
                START "block_start 0:tool_call id=a name=f\ndelta 0:tool_call text={}\n"
                      "block_stop 0:tool_call\nblock_start 1:tool_call id=b name=f\n"
                      "delta 1:tool_call text={}\nblock_stop 1:tool_call\nstop stop=4\nend\n");
    assert_dump(EVENTS(CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":"
                            "\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"S\"}}},"
                            "{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":"
                            "{\"z\":1}}"),
                       FINISH("tool_calls"), "END"),
                START "block_start 0:tool_call id=a name=f\nsignature 0:tool_call text=S signer=2\n"
                      "delta 0:tool_call text={}\n"
                      "block_stop 0:tool_call\nblock_start 1:tool_call id=b name=f\n"
                      "delta 1:tool_call text={\\\"z\\\":1}\nblock_stop 1:tool_call\nstop stop=4\n"
                      "end\n");
    assert_dump(EVENTS(DELTA("{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}"),
                       DELTA("{\"function_call\":{\"arguments\":\"{}\"}}"), FINISH("function_call"),
                       "[DONE]"),
                START "block_start 0:tool_call id=call_chatcmpl-1_0 name=f\n"
                      "delta 0:tool_call text={}\nblock_stop 0:tool_call\nstop stop=4\nend\n");
}

static void several_choices(void **state)
{
    (void)state;
    assert_dump(EVENTS(DELTA("{\"content\":\"a\"}"),
                       "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},"
                       "\"finish_reason\":\"length\"}]}",
                       FINISH("content_filter"), "[DONE]"),
                START "block_start 0:text\ndelta 0:text text=a\nblock_start choice=1 0:text\n"
                      "delta choice=1 0:text text=b\nblock_stop choice=1 0:text\n"
                      "stop choice=1 stop=2\nblock_stop 0:text\nstop stop=6\nend\n");
}

static void ends_good_and_bad(void **state)
{
#define CUT "error kind=11 status=502 message=the provider broke its answer off\n"
    (void)state;
    assert_dump(EVENTS("END"), CUT);
    assert_dump(EVENTS("[DONE]"), CUT);
    assert_dump(EVENTS(DELTA("{\"content\":\"a\"}"), "END"),
                START "block_start 0:text\ndelta 0:text text=a\n" CUT);
    assert_dump(EVENTS(FINISH("stop"), "END", "END"), START "stop stop=1\nend\n");
    assert_dump(EVENTS(DELTA("{\"content\":\"a\"}"), "[DONE]", FINISH("stop"), "END"),
                START "block_start 0:text\ndelta 0:text text=a\nblock_stop 0:text\nstop stop=1\n"
                      "end\n");
    assert_dump(EVENTS("{\"error\":{\"message\":\"no\",\"type\":\"x\",\"code\":429}}", "END"),
                "error kind=9 status=429 message=no type=x code=429\n");
    assert_dump(EVENTS("{\"object\":\"error\",\"message\":\"bad\"}", "END"),
                "error kind=10 status=500 message=bad\n");
    assert_dump(EVENTS("{\"type\":\"ping\"}", "{\"choices\":1}", "<html>", "{\"choices\":[1]}",
                       "{\"choices\":[{\"index\":128,\"delta\":{}}]}"),
                "NONSENSE\nNONSENSE\nstart\nNONSENSE\nNONSENSE\n");
    assert_dump(EVENTS(ARGUMENTS("0", "{}"), FINISH("tool_calls")), START "NONSENSE\n");
}

static void whole_answers(void **state)
{
    static const char body[] =
        "{\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"reasoning_content\":\"abc\",\"bf_thinking\":[{\"type\":\"thinking\","
        "\"start\":0,\"end\":2,\"signature\":\"bf1.a.S\"}],\"content\":\"Hi\",\"tool_calls\":["
        "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
        "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
        "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
        "\"total_tokens\":6,\"completion_tokens_details\":{\"reasoning_tokens\":3}}}";

    (void)state;
    assert_dump(events_of_answer(body),
                START "block_start 0:thinking\ndelta 0:thinking text=ab\n"
                      "signature 0:thinking text=S signer=1\nblock_stop 0:thinking\n"
                      "block_start 1:thinking\ndelta 1:thinking text=c\nblock_stop 1:thinking\n"
                      "block_start 2:text\ndelta 2:text text=Hi\nblock_stop 2:text\n"
                      "block_start 3:tool_call id=a name=f\ndelta 3:tool_call text={}\n"
                      "block_stop 3:tool_call\nblock_start 4:tool_call id=b name=g\n"
                      "block_stop 4:tool_call\nstop stop=4\nusage input=1 output=5 reasoning=3\n"
                      "end\n");
    assert_dump(events_of_answer("{\"error\":\"busy\"}"),
                "error kind=10 status=500 message=busy\n");
    assert_dump(events_of_answer("<html>"), "NONSENSE\n");
    assert_dump(events_of_answer("{}"), "NONSENSE\n");
    assert_dump(events_of_answer("{\"choices\":[]}"), "NONSENSE\n");
    assert_dump(events_of_answer("{\"choices\":[{\"message\":{\"content\":\"cut"), "NONSENSE\n");
    assert_dump(
        events_of_answer("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\","
                         "\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"type\":"
                         "\"text\",\"text\":\"x\"}]},\"finish_reason\":\"model_length\"}],"
                         "\"citations\":[\"https://a.b\"]}"),
        "start\nblock_start 0:thinking\ndelta 0:thinking text=t\nblock_stop 0:thinking\n"
        "block_start 1:text\ndelta 1:text text=x\n"
        "citation 1:text [citation url=https://a.b]\nblock_stop 1:text\nstop stop=3\nend\n");
}

static void errors_of_vendors(void **state)
{
    static const struct {
        int status;
        const char *body, *message;
        enum chat_error_kind kind;
    } rows[] = {
        {401, "{\"error\":{\"message\":\"bad \\\"key\\\"\"}}", "bad \\\"key\\\"", ERROR_AUTH},
        {422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "field required",
         ERROR_INVALID},
        {400, "{\"object\":\"error\",\"message\":\"x\",\"code\":400}", "x", ERROR_INVALID},
        {404, "{\"message\":\"y\"}", "y", ERROR_NOT_FOUND},
        {500, "{\"error\":\"z\"}", "z", ERROR_SERVER},
        {429, "[{\"error\":{\"code\":429,\"message\":\"g\"}}]", "g", ERROR_RATE},
        {502, "<html>x</html>", "the provider answered with status 502", ERROR_UPSTREAM},
        {503, "", "the provider answered with status 503", ERROR_OVERLOADED},
        {503, " down\n\"now\" ", "down\\n\\\"now\\\"", ERROR_OVERLOADED},
        {418, "{}", "the provider told an error without a text", ERROR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat_error err;

        dialect_openai.decode_error(&codec, rows[i].status, str_of(rows[i].body), &err);
        assert_str(err.message, rows[i].message);
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.status, rows[i].status);
    }
}

static void usage_is_seen_at_home(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct chat_frame frame = {.data = STR(USAGE)};

    (void)state;
    dialect_openai.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_usage_only && usage.known);
    assert_int_equal(usage.input, 10);
    assert_int_equal(usage.cached, 4);
    assert_int_equal(usage.written_5m, 3);
    frame.data = STR(FINISH("stop"));
    dialect_openai.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_finish && !seen.is_done);
    usage = (struct chat_usage){.known = false};
    dialect_openai.look_answer(STR(USAGE), &usage);
    assert_int_equal(usage.output, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_with_usage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thinking_refusals_citations_logprobs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parallel_calls_one_after_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(interleaved_calls_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_of_careless_vendors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_choices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_good_and_bad, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_of_vendors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_seen_at_home, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
