/* What is said to a conversation; the same in events and as a whole. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "providers/dialect.h"
#include "tools/mock/play.h"
#include "tools/mock/prompt.h"
#include "tools/mock/speech.h"

struct fixture {
    struct chat_codec codec;
    struct chat chat;
    struct speech speech;
};

static int setup(void **state)
{
    static struct fixture f;

    f.codec = (struct chat_codec){arena_create(4096), arena_create(4096), json_parser_create()};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_parser_free(f->codec.json);
    arena_free(f->codec.scratch);
    arena_free(f->codec.arena);
    return 0;
}

/* An Anthropic body, its quotes written as single ones. */
static void say(struct fixture *f, const char *model, const char *quoted)
{
    struct speech_input in = {.chat = &f->chat, .dialect = DIALECT_ANTHROPIC, .number = 7};
    struct chat_url url = {STR_NONE, false};
    struct chat_error err;
    char *body = arena_cstr(f->codec.arena, str_of(quoted));

    for (char *p = body; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    f->chat = (struct chat){0};
    assert_int_equal(
        dialect_anthropic.decode_request(&f->codec, &url, str_of(body), &f->chat, &err), 0);
    assert_true(model_parse(str_of(model), &in.model));
    speech_make(&f->codec, &in, &f->speech);
}

#define BODY(more, text)                                                                           \
    "{'model':'m','max_tokens':100," more "'messages':[{'role':'user','content':'" text "'}]}"
#define TOOLS                                                                                      \
    "'tools':[{'name':'f','input_schema':{'type':'object','properties':{'a':{'type':'string'}}}}," \
    "{'name':'g','input_schema':{'type':'object'}}],"

static void test_words(void **state)
{
    struct fixture *f = *state;

    say(f, "echo", BODY("", "a\\nb \\u00e9"));
    assert_int_equal(f->speech.n_blocks, 1);
    assert_str(f->speech.blocks[0].text, "a\nb \xc3\xa9");
    assert_int_equal(f->speech.stop, STOP_END);
    say(f, "echo", BODY("'stop_sequences':['STOP'],", "one STOP two"));
    assert_str(f->speech.blocks[0].text, "one ");
    assert_int_equal(f->speech.stop, STOP_SEQUENCE);
    assert_str(f->speech.sequence, "STOP");
    say(f, "lorem-200", BODY("", "x"));
    assert_int_equal(f->speech.stop, STOP_LENGTH);
    assert_int_equal(f->speech.usage.output, 100);
    say(f, "refuse", BODY("", "x"));
    assert_int_equal(f->speech.stop, STOP_REFUSAL);
}

static void test_calls(void **state)
{
    struct fixture *f = *state;

    say(f, "tool-3", BODY(TOOLS, "x"));
    assert_int_equal(f->speech.n_blocks, 3);
    assert_int_equal(f->speech.stop, STOP_TOOL);
    assert_str(f->speech.blocks[0].name, "f");
    assert_str(f->speech.blocks[0].text, "{\"a\":\"x\"}");
    assert_str(f->speech.blocks[0].id, "toolu_mock7n0");
    assert_str(f->speech.blocks[1].name, "g");
    assert_str(f->speech.blocks[2].name, "f");
    assert_str(f->speech.blocks[2].id, "toolu_mock7n2");
    say(f, "tool-3",
        BODY(TOOLS "'tool_choice':{'type':'auto','disable_parallel_tool_use':true},", "x"));
    assert_int_equal(f->speech.n_blocks, 1);
    say(f, "tool", BODY(TOOLS "'tool_choice':{'type':'tool','name':'g'},", "x"));
    assert_str(f->speech.blocks[0].name, "g");
    say(f, "tool", BODY(TOOLS "'tool_choice':{'type':'none'},", "x"));
    assert_int_equal(f->speech.blocks[0].kind, BLOCK_TEXT);
    say(f, "think", BODY(TOOLS, "x"));
    assert_int_equal(f->speech.blocks[0].kind, BLOCK_THINKING);
    assert_true(f->speech.blocks[0].signature.len > 0);
    assert_int_equal(f->speech.blocks[1].kind, BLOCK_TOOL_CALL);
}

#define CALLED                                                                                     \
    "{'model':'m','max_tokens':9," TOOLS "'messages':[{'role':'user','content':'x'},"              \
    "{'role':'assistant','content':[{'type':'tool_use','id':'a','name':'f','input':{}},"           \
    "{'type':'tool_use','id':'b','name':'f','input':{}}]},{'role':'user','content':["              \
    "{'type':'tool_result','tool_use_id':'a','content':'rain'},"                                   \
    "{'type':'tool_result','tool_use_id':'b','content':[{'type':'text','text':'sun'}]}"

static void test_results_are_answered(void **state)
{
    struct fixture *f = *state;

    say(f, "tool", CALLED "]}]}");
    assert_str(f->speech.blocks[0].text, "rain\nsun");
    assert_int_equal(f->speech.usage.input, 3);
    /* The user goes on after the answer: another call. */
    say(f, "tool",
        CALLED "]},{'role':'assistant','content':'ok'},{'role':'user','content':'more'}]}");
    assert_int_equal(f->speech.blocks[0].kind, BLOCK_TOOL_CALL);
    assert_str(f->speech.blocks[0].text, "{\"a\":\"more\"}");
}

static void test_media(void **state)
{
    struct fixture *f = *state;

    say(f, "image",
        "{'model':'m','max_tokens':99,'messages':[{'role':'user','content':[{'type':'image','"
        "source':{"
        "'type':'base64','media_type':'image/png','data':'aGVsbG8='}},{'type':'image','source':{"
        "'type':'url','url':'http://x/y'}},{'type':'document','source':{'type':'text','media_type':"
        "'text/plain','data':'abc'}}]}]}");
    assert_str(f->speech.blocks[0].text, "image/png 5 bytes, url http://x/y, text/plain 3 bytes");
}

static void test_cached_tokens(void **state)
{
    struct fixture *f = *state;
    struct buf body = BUF_INIT;

    buf_cstr(&body,
             "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text',"
             "'cache_control':{'type':'ephemeral','ttl':'1h'},'text':'");
    for (int i = 0; i < 1100; i++)
        buf_cstr(&body, "w ");
    buf_cstr(&body, "w'}]}]}");
    say(f, "echo", body.data);
    buf_fini(&body);
    assert_int_equal(f->speech.usage.input, 1101);
    assert_int_equal(f->speech.usage.cached, 1024);
    assert_int_equal(f->speech.usage.written_1h, 77);
    assert_int_equal(f->speech.usage.written_5m, 0);
    assert_int_equal(f->speech.stop, STOP_LENGTH);
}

/* --- events --- */

static void test_events_fold_into_the_whole(void **state)
{
    static const char *const models[] = {"echo",   "tool-2",   "think",
                                         "refuse", "lorem-40", "lorem-0"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct chat_fold *fold = fold_create(&f->codec, 1u << 20);
        const struct chat_answer *folded;
        struct chat_answer whole;
        struct chat_event e;
        struct play p;

        say(f, models[i], BODY(TOOLS, "one two \\\" three"));
        play_begin(&p, &f->speech, 2);
        p.step = PLAY_START;
        play_whole(&f->codec, &p, &whole);
        while (play_next(&p, f->codec.scratch, &e))
            fold_event(fold, &e);
        folded = fold_answer(fold);
        assert_true(folded->has_end && !folded->has_error);
        assert_int_equal(folded->n_choices, 2);
        assert_memory_equal(&folded->usage, &whole.usage, sizeof(whole.usage));
        for (uint32_t n = 0; n < 2; n++) {
            const struct chat_block *a = folded->choices[n].blocks;
            const struct chat_block *b = whole.choices[n].blocks;

            assert_int_equal(folded->choices[n].stop, whole.choices[n].stop);
            for (; a != NULL && b != NULL; a = a->next, b = b->next) {
                assert_int_equal(a->kind, b->kind);
                assert_true(str_eq(a->text, b->text));
                assert_true(str_eq(a->arguments_text, b->arguments_text));
                assert_true(str_eq(a->id, b->id) && str_eq(a->name, b->name));
                assert_true(str_eq(a->signature, b->signature));
            }
            assert_true(a == NULL && b == NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_results_are_answered),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_cached_tokens),
        cmocka_unit_test(test_events_fold_into_the_whole),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
