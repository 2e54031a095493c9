/* generateContent answers: into events, and from them; streamed, whole, cut and broken. */
#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/sse.h"

static struct chat_codec codec;
static struct buf events, wire;

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
    buf_fini(&events);
    buf_fini(&wire);
    return 0;
}

/* Single quotes stand for double ones. */
static struct str quoted(const char *text)
{
    char *copy = arena_cstr(codec.arena, str_of(text));

    for (char *c = copy; *c != '\0'; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return str_of(copy);
}

static void note(void *ctx, const struct chat_event *e)
{
    (void)ctx;
    event_dump(e, &events);
}

/* The events of a stream of these chunks, as text. -1 from a chunk is noted as "nonsense". */
static struct str stream(const char *const *chunks, size_t n)
{
    const struct chat_sink sink = {note, NULL};
    void *d = dialect_gemini.decoder(&codec);

    buf_clear(&events);
    for (size_t i = 0; i < n; i++) {
        const struct chat_frame frame = {.data = quoted(chunks[i])};

        if (dialect_gemini.decode_frame(d, &frame, &sink) != 0)
            buf_cstr(&events, "nonsense\n");
        arena_reset(codec.scratch);
    }
    dialect_gemini.decode_end(d, &sink);
    return buf_view(&events);
}

#define assert_events(chunks, expected)                                                            \
    assert_str(stream((chunks), ARRAY_LEN(chunks)), quoted(expected).p)

static const char *const spoken[] = {
    "{'candidates':[{'content':{'parts':[{'text':'let me','thought':true}],'role':'model'},"
    "'index':0}],'usageMetadata':{'promptTokenCount':10,'totalTokenCount':10},'modelVersion':"
    "'gemini-2.5-flash','responseId':'r1'}",
    "{'candidates':[{'content':{'parts':[{'text':' see','thought':true},{'text':'Hello'}],"
    "'role':'model'}}],'modelVersion':'gemini-2.5-flash','responseId':'r1'}",
    "{'candidates':[{'content':{'parts':[{'text':' you','thoughtSignature':'c2ln'}]}}]}",
    "{'candidates':[{'content':{'parts':[{'text':''}],'role':'model'},'finishReason':'STOP',"
    "'index':0}],'usageMetadata':{'promptTokenCount':10,'candidatesTokenCount':3,"
    "'thoughtsTokenCount':4,'cachedContentTokenCount':8,'toolUsePromptTokenCount':2,"
    "'totalTokenCount':19,'promptTokensDetails':[{'modality':'TEXT','tokenCount':9},"
    "{'modality':'AUDIO','tokenCount':1}]}}",
};

static const char spoken_events[] =
    "start id=r1 model=gemini-2.5-flash\n"
    "block_start 0:thinking\ndelta 0:thinking text=let me\nusage input=10\n"
    "delta 0:thinking text= see\nblock_stop 0:thinking\n"
    "block_start 1:text\ndelta 1:text text=Hello\ndelta 1:text text= you\nblock_stop 1:text\n"
    "block_start 2:redacted\nsignature 2:redacted text=c2ln signer=2\nblock_stop 2:redacted\n"
    "usage input=12 output=7 cached=8 reasoning=4 audio_in=1 tool_input=2\n"
    "stop stop=1\nend\n";

static void a_stream(void **state)
{
    (void)state;
    assert_events(spoken, spoken_events);
}

static void calls(void **state)
{
    static const char *const chunks[] = {
        "{'candidates':[{'content':{'parts':[{'functionCall':{'name':'f','args':{'x':'\\u00e9'}},"
        "'thoughtSignature':'AAAA'},{'functionCall':{'id':'own','name':'g'}}]}}],"
        "'responseId':'r2'}",
        "{'candidates':[{'finishReason':'STOP'}]}",
    };

    (void)state;
    assert_events(chunks,
                  "start id=r2\n"
                  "block_start 0:tool_call id=call_0b59c09c3c0c688a_0 name=f\n"
                  "signature 0:tool_call text=AAAA signer=2\n"
                  "delta 0:tool_call text={\\'x\\':\\'\\\\u00e9\\'}\nblock_stop 0:tool_call\n"
                  "block_start 1:tool_call id=own name=g\ndelta 1:tool_call text={}\n"
                  "block_stop 1:tool_call\nstop stop=4\nend\n");
}

static void beside_the_text(void **state)
{
    static const char *const chunks[] = {
        "{'candidates':[{'content':{'parts':[{'text':'Spain won.'}]},'logprobsResult':{"
        "'chosenCandidates':[{'token':'Spain','logProbability':-0.5}],'topCandidates':[{"
        "'candidates':[{'token':'Spain','logProbability':-0.5},{'token':'It'}]}]}}]}",
        "{'candidates':[{'content':{'parts':[{'executableCode':{'code':'1'}}]},'index':1}]}",
        "{'candidates':[{'finishReason':'SAFETY','index':1},{'groundingMetadata':{"
        "'groundingChunks':[{'web':{'uri':'https://a','title':'A'}}],'groundingSupports':[{"
        "'segment':{'endIndex':10,'text':'Spain won.'},'groundingChunkIndices':[0,7]}]},"
        "'finishReason':'MAX_TOKENS'}]}",
    };

    (void)state;
    assert_events(
        chunks,
        "start\nblock_start 0:text\ndelta 0:text text=Spain won.\n"
        "logprobs raw=[{'token':'Spain','logprob':-0.5,'bytes':null,'top_logprobs':[{'token':"
        "'Spain','logprob':-0.5,'bytes':null},{'token':'It','logprob':0,'bytes':null}]}]\n"
        "block_start choice=1 0:other name=executableCode raw={'executableCode':{'code':'1'}}\n"
        "block_stop choice=1 0:other name=executableCode raw={'executableCode':{'code':'1'}}\n"
        "citation 0:text [citation url=https://a title=A 0-10]\nblock_stop 0:text\nstop stop=2\n"
        "stop choice=1 stop=6\nend\n");
}

static void broken_streams(void **state)
{
    static const char *const cut[] = {"{'candidates':[{'content':{'parts':[{'text':'a'}]}}]}"};
    static const char *const blocked[] = {
        "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':{'promptTokenCount':3}}"};
    static const char *const failed[] = {
        "{'candidates':[{'content':{'parts':[{'text':'a'}]}}]}",
        "{'error':{'code':503,'message':'overloaded','status':'UNAVAILABLE'}}",
        "{'candidates':[{'finishReason':'STOP'}]}"};
    static const char *const garbage[] = {"{'candidates':",
                                          "[]",
                                          "{'candidates':{}}",
                                          "{'candidates':[{'index':128}]}",
                                          "{'candidates':[{'index':-1}]}",
                                          "<html>"};

    (void)state;
    assert_events(cut, "start\nblock_start 0:text\ndelta 0:text text=a\n"
                       "error kind=11 status=502 message=the provider broke its answer off\n");
    assert_events(blocked, "start\nusage input=3\nstop stop=6\nend\n");
    assert_events(failed, "start\nblock_start 0:text\ndelta 0:text text=a\n"
                          "error kind=12 status=503 message=overloaded type=UNAVAILABLE\n");
    assert_events(garbage, "nonsense\nnonsense\nnonsense\nstart\nnonsense\nnonsense\nnonsense\n"
                           "error kind=11 status=502 message=the provider broke its answer off\n");
}

struct feeding {
    void *decoder;
    const struct chat_sink *sink;
};

static void on_frame(void *ctx, const struct sse_event *event)
{
    const struct feeding *f = ctx;
    const struct chat_frame frame = {.data = event->data};

    assert_int_equal(dialect_gemini.decode_frame(f->decoder, &frame, f->sink), 0);
    arena_reset(codec.scratch);
}

/* Wherever the bytes of a stream are cut in two, its events are the same. */
static void a_stream_cut_anywhere(void **state)
{
    const struct chat_sink sink = {note, NULL};
    struct buf all = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++)
        buf_printf(&all, "data: %s\r\n\r\n", quoted(spoken[i]).p);
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct feeding f = {dialect_gemini.decoder(&codec), &sink};
        struct sse sse = SSE_INIT;

        buf_clear(&events);
        assert_int_equal(sse_feed(&sse, (struct str){all.data, cut}, on_frame, &f), 0);
        assert_int_equal(sse_feed(&sse, str_skip(buf_view(&all), cut), on_frame, &f), 0);
        dialect_gemini.decode_end(f.decoder, &sink);
        assert_str(buf_view(&events), spoken_events);
        sse_fini(&sse);
    }
    buf_fini(&all);
}

/* --- encoding --- */

static const struct chat request = {.from = DIALECT_GEMINI};

static void *encoder(bool sse)
{
    static struct chat_reply reply;

    reply = (struct chat_reply){
        .chat = &request, .id = STR("id1"), .model = STR("m"), .stream = true, .sse = sse};
    buf_clear(&wire);
    return dialect_gemini.encoder(&codec, &reply);
}

struct relay {
    void *encoder;
};

static void relay(void *ctx, const struct chat_event *e)
{
    const struct relay *r = ctx;

    dialect_gemini.encode_event(r->encoder, e, &wire);
    arena_reset(codec.scratch);
}

/* Take the framing off a stream that was just written, and decode it again. */
static struct str decoded_again(void)
{
    const struct chat_sink sink = {note, NULL};
    void *d = dialect_gemini.decoder(&codec);
    struct str rest = arena_str(codec.arena, buf_view(&wire));

    buf_clear(&events);
    while (rest.len > 0) {
        const char *end = memmem(rest.p, rest.len, "\r\n\r\n", 4);
        struct chat_frame frame = {.data = {NULL, 0}};

        assert_non_null(end);
        assert_true(str_starts(rest, STR("data: ")));
        frame.data = (struct str){rest.p + 6, (size_t)(end - rest.p) - 6};
        assert_int_equal(dialect_gemini.decode_frame(d, &frame, &sink), 0);
        rest = str_skip(rest, (size_t)(end - rest.p) + 4);
        arena_reset(codec.scratch);
    }
    dialect_gemini.decode_end(d, &sink);
    return buf_view(&events);
}

/* What Google says, said again by us, is understood as the same (usage comes once, last). */
static void streams_come_back(void **state)
{
    struct relay r = {encoder(true)};
    const struct chat_sink sink = {relay, &r};
    void *d = dialect_gemini.decoder(&codec);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++) {
        const struct chat_frame frame = {.data = quoted(spoken[i])};

        assert_int_equal(dialect_gemini.decode_frame(d, &frame, &sink), 0);
    }
    dialect_gemini.decode_end(d, &sink);
    assert_str(decoded_again(),
               "start id=id1 model=m\n"
               "block_start 0:thinking\ndelta 0:thinking text=let me\n"
               "delta 0:thinking text= see\nblock_stop 0:thinking\n"
               "block_start 1:text\ndelta 1:text text=Hello\ndelta 1:text text= you\n"
               "block_stop 1:text\n"
               "block_start 2:redacted\nsignature 2:redacted text=c2ln signer=2\n"
               "block_stop 2:redacted\n"
               "usage input=12 output=7 cached=8 reasoning=4 audio_in=1 tool_input=2\n"
               "stop stop=1\nend\n");
}

static void send(void *e, struct chat_event event)
{
    dialect_gemini.encode_event(e, &event, &wire);
}

/* A Claude's tool call: fragments are collected, its signature wrapped. */
static void speak(void *e)
{
    static const struct chat_usage usage = {.known = true, .input = 5, .output = 2};
    struct chat_event x = {.block_kind = BLOCK_THINKING};

    x.kind = EVENT_START;
    send(e, x);
    x.kind = EVENT_BLOCK_START;
    send(e, x);
    x.kind = EVENT_DELTA;
    x.text = STR("hm");
    send(e, x);
    x.kind = EVENT_SIGNATURE;
    x.text = STR("EqoB");
    x.signer = SIGNER_ANTHROPIC;
    send(e, x);
    x.kind = EVENT_BLOCK_STOP;
    send(e, x);
    x = (struct chat_event){.kind = EVENT_BLOCK_START,
                            .block = 1,
                            .block_kind = BLOCK_TOOL_CALL,
                            .id = STR("toolu_1"),
                            .name = STR("f")};
    send(e, x);
    x.kind = EVENT_DELTA;
    x.text = STR("{\\\"x\\\":");
    send(e, x);
    x.text = STR("1}");
    send(e, x);
    x.kind = EVENT_BLOCK_STOP;
    send(e, x);
    x = (struct chat_event){.kind = EVENT_STOP, .stop = STOP_TOOL};
    send(e, x);
    x = (struct chat_event){.kind = EVENT_USAGE, .usage = &usage};
    send(e, x);
    x = (struct chat_event){.kind = EVENT_END};
    send(e, x);
}

#define TAIL ",'modelVersion':'m','responseId':'id1'}"
#define CHUNK(part) "{'candidates':[{'content':{'parts':[" part "],'role':'model'},'index':0}]" TAIL
#define THOUGHT "{'text':'hm','thought':true}"
#define SIGNED "{'text':'','thought':true,'thoughtSignature':'YmYxLmEuRXFvQg=='}"
#define CALL "{'functionCall':{'id':'toolu_1','name':'f','args':{'x':1}}}"
#define LAST                                                                                       \
    "{'candidates':[{'content':{'parts':[{'text':''}],'role':'model'},'finishReason':'STOP',"      \
    "'index':0}],'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':2,"                  \
    "'totalTokenCount':7}" TAIL

static void both_framings(void **state)
{
    static const struct chat_error e = {
        .kind = ERROR_RATE, .status = 429, .message = {"slow down", 9}};
    void *x = encoder(true);

    (void)state;
    speak(x);
    assert_str(buf_view(&wire),
               quoted("data: " CHUNK(THOUGHT) "\r\n\r\ndata: " CHUNK(SIGNED) "\r\n\r\ndata: " CHUNK(
                          CALL) "\r\n\r\ndata: " LAST "\r\n\r\n")
                   .p);
    x = encoder(false);
    speak(x);
    assert_str(
        buf_view(&wire),
        quoted("[" CHUNK(THOUGHT) ",\r\n" CHUNK(SIGNED) ",\r\n" CHUNK(CALL) ",\r\n" LAST "]").p);
    x = encoder(false);
    send(x, (struct chat_event){.kind = EVENT_ERROR, .error = &e});
    assert_str(buf_view(&wire),
               quoted("[{'error':{'code':429,'message':'slow down','status':'RESOURCE_EXHAUSTED',"
                      "'details':[{'@type':'type.googleapis.com/google.rpc.RequestInfo',"
                      "'requestId':'id1'}]}}]")
                   .p);
}

static const char whole[] =
    "{'candidates':[{'content':{'parts':[{'text':'t','thought':true},{'text':'a\\n'},"
    "{'functionCall':{'id':'i','name':'f','args':{'x':[1]}},'thoughtSignature':'AAAA'}],"
    "'role':'model'},'finishReason':'STOP','index':0},{'content':{'parts':[{'text':'b'}],"
    "'role':'model'},'finishReason':'MAX_TOKENS','index':1,'groundingMetadata':{"
    "'groundingChunks':[{'web':{'uri':'https://a','title':'A'}}],'groundingSupports':[{'segment':{"
    "'startIndex':0,'endIndex':1},'groundingChunkIndices':[0]}]},'logprobsResult':{"
    "'topCandidates':[{'candidates':[{'token':'b','logProbability':-1}]}],'chosenCandidates':[{"
    "'token':'b','logProbability':-1}]}}],'usageMetadata':{'promptTokenCount':5,"
    "'candidatesTokenCount':2,'totalTokenCount':11,'cachedContentTokenCount':1,"
    "'thoughtsTokenCount':4}" TAIL;

static void whole_answers_come_back(void **state)
{
    struct chat_fold *fold = fold_create(&codec, 1000000);
    const struct chat_sink sink = {fold_event, fold};
    const struct chat_sink dump = {note, NULL};
    struct chat_loss loss = {.n_dropped = 0};
    struct str first;

    (void)state;
    assert_int_equal(
        dialect_gemini.decode_answer(dialect_gemini.decoder(&codec), quoted(whole), &sink), 0);
    dialect_gemini.encode_answer(encoder(false), fold_answer(fold), &loss, &wire);
    assert_str(buf_view(&wire), quoted(whole).p);
    assert_int_equal(loss.n_dropped, 0);
    /* the folded answer, told again as events, is what the wire said */
    buf_clear(&events);
    fold_replay(fold_answer(fold), &dump);
    first = arena_str(codec.arena, buf_view(&events));
    assert_true(str_starts(first, STR("start id=id1 model=m\nblock_start 0:thinking\n")));
    assert_non_null(strstr(first.p, "stop stop=4\n"));
}

static void answers_that_are_none(void **state)
{
    static const char *const bodies[] = {"",
                                         "{}",
                                         "[]",
                                         "<html>",
                                         "{'candidates':[]}",
                                         "{'candidates':[{'content':{'parts':[{'text':'a'}]}}]}"};
    const struct chat_sink sink = {note, NULL};

    (void)state;
    buf_clear(&events);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(
            dialect_gemini.decode_answer(dialect_gemini.decoder(&codec), quoted(bodies[i]), &sink),
            -1);
    }
    assert_int_equal(events.len, 0);
    assert_int_equal(dialect_gemini.decode_answer(dialect_gemini.decoder(&codec),
                                                  quoted("{'error':{'code':500,'message':'m'}}"),
                                                  &sink),
                     0);
    assert_str(buf_view(&events), "error kind=10 status=500 message=m\n");
}

/* --- in passing --- */

static void looks(void **state)
{
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct chat_frame frame = {.data = quoted(spoken[3])};

    (void)state;
    dialect_gemini.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_finish);
    assert_false(seen.is_error);
    assert_int_equal(usage.input, 12);
    assert_int_equal(usage.output, 7);
    assert_int_equal(usage.cached, 8);
    frame.data = quoted(spoken[1]);
    dialect_gemini.look_frame(&frame, &seen, &usage);
    assert_false(seen.is_finish);
    assert_int_equal(seen.content_bytes, strlen(" see") + strlen("Hello"));
    frame.data = quoted("{\n  'error': {'code': 500}}");
    dialect_gemini.look_frame(&frame, &seen, &usage);
    assert_true(seen.is_error);
    frame.data = quoted("{'candidates':[{'content':{'parts':[{'functionCall':{'args':{'error':1}}}]"
                        "}}]}");
    dialect_gemini.look_frame(&frame, &seen, &usage);
    assert_false(seen.is_error);
    usage = (struct chat_usage){.known = false};
    dialect_gemini.look_answer(quoted(whole), &usage);
    assert_int_equal(usage.output, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream),
        cmocka_unit_test(calls),
        cmocka_unit_test(beside_the_text),
        cmocka_unit_test(broken_streams),
        cmocka_unit_test(streams_come_back),
        cmocka_unit_test(both_framings),
        cmocka_unit_test(whole_answers_come_back),
        cmocka_unit_test(answers_that_are_none),

        cmocka_unit_test(looks),
        cmocka_unit_test(a_stream_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
