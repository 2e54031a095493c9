/* The neutral form's own functions: links, texts, wrappings, losses, efforts, folding. */
#include "tests/unit/unit.h"

#include "providers/chat.h"
#include "providers/chat_text.h"
#include "providers/event.h"
#include "providers/loss.h"
#include "providers/reasoning.h"
#include "providers/write.h"

struct fixture {
    struct chat_codec codec;
};

static struct fixture fx;

static int set_up(void **state)
{
    (void)state;
    fx.codec = (struct chat_codec){arena_create(4096), arena_create(4096), json_parser_create()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(fx.codec.arena);
    arena_free(fx.codec.scratch);
    json_parser_free(fx.codec.json);
    return 0;
}

static struct chat_block *block(struct chat *chat, enum chat_role role, enum chat_block_kind kind,
                                const char *id)
{
    struct chat_message *m = chat_add_message(&fx.codec, chat, role);
    struct chat_block *b = chat_add_block(&fx.codec, m, kind);

    b->id = str_of(id);
    return b;
}

static void results_get_the_names_of_their_calls(void **state)
{
    struct chat chat = {.from = DIALECT_OPENAI};
    struct chat_error err;
    struct chat_block *result;

    (void)state;
    block(&chat, ROLE_ASSISTANT, BLOCK_TOOL_CALL, "a")->name = STR("first");
    block(&chat, ROLE_TOOL, BLOCK_TOOL_RESULT, "a");
    block(&chat, ROLE_ASSISTANT, BLOCK_TOOL_CALL, "a")->name = STR("second");
    result = block(&chat, ROLE_TOOL, BLOCK_TOOL_RESULT, "a");
    assert_int_equal(chat_link_results(&fx.codec, &chat, &err), 0);
    assert_str(result->name, "second");
    block(&chat, ROLE_TOOL, BLOCK_TOOL_RESULT, "b");
    assert_int_equal(chat_link_results(&fx.codec, &chat, &err), -1);
    assert_int_equal(err.status, 400);
    assert_str(err.param, "messages[4]");
}

/* Would take minutes if each result looked at each call. */
static void as_many_results_as_calls(void **state)
{
    enum { N = 50000 };
    struct chat chat = {.from = DIALECT_OPENAI};
    struct chat_message *turn = chat_add_message(&fx.codec, &chat, ROLE_ASSISTANT);
    struct chat_message *results = chat_add_message(&fx.codec, &chat, ROLE_TOOL);
    struct chat_block *b;
    struct chat_error err;

    (void)state;
    for (int i = 0; i < N; i++) {
        b = chat_add_block(&fx.codec, turn, BLOCK_TOOL_CALL);
        b->id = b->name = arena_printf(fx.codec.arena, "call_%d", i);
        b = chat_add_block(&fx.codec, results, BLOCK_TOOL_RESULT);
        b->id = arena_printf(fx.codec.arena, "call_%d", N - 1 - i);
    }
    assert_int_equal(chat_link_results(&fx.codec, &chat, &err), 0);
    for (b = results->blocks; b != NULL; b = b->next)
        assert_true(str_eq(b->name, b->id));
}

static void texts(void **state)
{
    struct arena *a = fx.codec.arena;
    struct str type, data;
    enum chat_signer signer;

    (void)state;
    assert_str(text_plain(a, STR("a\\n\\u00e9")), "a\n\xc3\xa9");
    assert_str(text_escape(a, STR("a\"b\n")), "a\\\"b\\n");
    assert_str(text_of_raw(a, STR("{\"a\":\n\t\"\\n\xc3\xa9\x7f\"}")),
               "{\\\"a\\\":\\n\\t\\\"\\\\n\xc3\xa9\\u007f\\\"}");
    assert_str(text_of_raw(a, STR("[1]")), "[1]");
    assert_true(text_data_url(STR("data:image/png;base64,AAAA"), &type, &data));
    assert_str(type, "image/png");
    assert_str(data, "AAAA");
    assert_true(text_data_url(STR("DATA:text/plain;charset=utf-8;base64,QQ=="), &type, &data));
    assert_str(type, "text/plain");
    assert_str(data, "QQ==");
    assert_true(text_data_url(STR("data:;base64,QQ=="), &type, &data));
    assert_str(type, "");
    assert_str(data, "QQ==");
    assert_false(text_data_url(STR("data:image/png,AAAA"), &type, &data));
    assert_false(text_data_url(STR("https://example.com/a.png"), &type, &data));
    assert_str(text_media_type(STR("https://h/x.JPG?size=1")), "image/jpeg");
    assert_str(text_wrap(a, STR("sig"), SIGNER_GEMINI), "bf1.g.sig");
    assert_str(text_unwrap(STR("bf1.g.sig"), SIGNER_ANTHROPIC, &signer), "sig");
    assert_int_equal(signer, SIGNER_GEMINI);
    assert_str(text_unwrap(STR("bf1.?.sig"), SIGNER_ANTHROPIC, &signer), "bf1.?.sig");
    assert_int_equal(signer, SIGNER_ANTHROPIC);
}

static void arguments(void **state)
{
    struct chat_block call = {.arguments_text = STR("{\\\"a\\\": 1}")};
    struct str out;

    (void)state;
    assert_true(text_arguments_object(&fx.codec, &call, &out));
    assert_str(out, "{\"a\": 1}");
    call.arguments_text = STR("[1");
    assert_false(text_arguments_object(&fx.codec, &call, &out));
    assert_str(out, "{\"_arguments\":\"[1\"}");
    call = (struct chat_block){.arguments = STR("{\"b\":\"x\"}")};
    assert_str(text_arguments_string(&fx.codec, &call), "{\\\"b\\\":\\\"x\\\"}");
    call = (struct chat_block){.kind = BLOCK_TOOL_CALL};
    assert_str(text_arguments_string(&fx.codec, &call), "{}");
}

static void losses(void **state)
{
    struct chat_loss l = {.n_dropped = 0};
    char name[8];

    (void)state;
    assert_str(loss_header(&l, fx.codec.arena), "full");
    loss_drop(&l, STR("seed"));
    loss_drop(&l, STR("seed"));
    loss_drop(&l, STR("a,b"));
    loss_change(&l, STR("temperature"));
    assert_str(loss_header(&l, fx.codec.arena), "partial; dropped=seed,a?b; changed=temperature");
    for (int i = 0; i < 100; i++) {
        name[0] = (char)('A' + i / 10);
        name[1] = (char)('0' + i % 10);
        loss_drop(&l, arena_str(fx.codec.arena, (struct str){name, 2}));
    }
    assert_int_equal(l.n_dropped, LOSS_MAX);
    assert_str(l.dropped[LOSS_MAX - 1], "...");
}

static void efforts(void **state)
{
    struct chat_reasoning r = {.budget = BUDGET_UNSET};

    (void)state;
    assert_false(reasoning_is_set(&r));
    assert_int_equal(reasoning_budget(&r, 0), BUDGET_UNSET);
    r.effort = EFFORT_MEDIUM;
    assert_int_equal(reasoning_budget(&r, 0), 8192);
    assert_int_equal(reasoning_budget(&r, 4096), 2048);
    r = (struct chat_reasoning){.budget = 2000};
    assert_int_equal(reasoning_effort(&r), EFFORT_LOW);
    assert_int_equal(reasoning_parse(STR("xhigh")), EFFORT_XHIGH);
    for (int e = EFFORT_NONE; e <= EFFORT_MAX; e++) {
        r = (struct chat_reasoning){.effort = (enum chat_effort)e, .budget = BUDGET_UNSET};
        r.budget = reasoning_budget(&r, 0);
        r.effort = EFFORT_UNSET;
        assert_int_equal(reasoning_effort(&r), e); /* there and back */
    }
}

static void collect(void *ctx, const struct chat_event *e)
{
    struct buf *out = ctx;

    buf_printf(out, "%d:%u:%u:%.*s:%.*s|", (int)e->kind, e->choice, e->block, STR_ARGS(e->name),
               STR_ARGS(e->text));
}

static void tell(const struct chat_sink *sink)
{
    struct chat_blocks b = {.choice = 0};
    struct chat_usage usage = {.known = true, .input = 3};

    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_START, .id = STR("i")});
    blocks_open(&b, sink, BLOCK_THINKING, 0, STR_NONE, STR_NONE);
    blocks_delta(&b, sink, STR("hm"));
    blocks_signature(&b, sink, STR("s1"), SIGNER_ANTHROPIC);
    blocks_open(&b, sink, BLOCK_TEXT, 0, STR_NONE, STR_NONE);
    blocks_delta(&b, sink, STR("ab"));
    blocks_open(&b, sink, BLOCK_TOOL_CALL, 1, STR("c1"), STR("f"));
    blocks_delta(&b, sink, STR("{}"));
    blocks_stop(&b, sink, STOP_TOOL, STR_NONE);
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &usage});
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
}

static void a_folded_answer_tells_the_same_events_again(void **state)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct chat_sink to_first = {collect, &first}, to_second = {collect, &second};
    struct chat_fold *f = fold_create(&fx.codec, 10000);
    struct chat_sink to_fold = {fold_event, f};
    const struct chat_answer *answer;

    (void)state;
    tell(&to_first);
    tell(&to_fold);
    answer = fold_answer(f);
    assert_int_equal(answer->n_choices, 1);
    assert_str(answer->choices[0].blocks->text, "hm");
    assert_str(answer->choices[0].blocks->signature, "s1");
    assert_str(answer->choices[0].last->arguments_text, "{}");
    assert_true(answer->has_end);
    fold_replay(answer, &to_second);
    assert_str(buf_view(&second), first.data);
    buf_fini(&first);
    buf_fini(&second);
}

static void an_answer_past_its_bound_is_an_error(void **state)
{
    struct chat_fold *f = fold_create(&fx.codec, 3);
    struct chat_sink to_fold = {fold_event, f};

    (void)state;
    tell(&to_fold);
    assert_true(fold_answer(f)->has_error);
}

static void places_are_cut_where_room_ends(void **state)
{
    char text[32], little[8];

    (void)state;
    text_place(text, sizeof(text), "messages", 0, ".content");
    assert_string_equal(text, "messages[0].content");
    text_place(text, sizeof(text), "m", UINT32_MAX, "");
    assert_string_equal(text, "m[4294967295]");
    text_place(little, sizeof(little), "input", 12, ".content");
    assert_string_equal(little, "input[1");
}

/* A provider may send a million events with next to nothing in them. */
static void many_small_events_are_folded_in_bounds(void **state)
{
    struct chat_fold *f = fold_create(&fx.codec, 16 << 20);
    struct chat_citation c = {.url = STR("u")};
    struct chat_event e = {.kind = EVENT_BLOCK_START, .block_kind = BLOCK_TEXT};
    const struct chat_answer *answer = fold_answer(f);
    size_t n = 0;

    (void)state;
    fold_event(f, &e);
    for (int i = 0; i < 60000; i++) {
        fold_event(f, &(struct chat_event){.kind = EVENT_LOGPROBS, .raw = STR("[{}]")});
        c.start = i;
        fold_event(f, &(struct chat_event){
                          .kind = EVENT_CITATION, .block_kind = BLOCK_TEXT, .citation = &c});
    }
    assert_false(answer->has_error);
    for (const struct chat_citation *x = answer->choices[0].blocks->citations; x; x = x->next)
        assert_int_equal(x->start, n++);
    assert_int_equal(n, 60000);
    assert_int_equal(answer->choices[0].logprobs.len, 3 * 60000 + 1);
    assert_memory_equal(answer->choices[0].logprobs.p, "[{},{},{}", 9);
    assert_memory_equal(answer->choices[0].logprobs.p + 3 * 60000 - 3, ",{}]", 4);
    assert_true(arena_bytes(fx.codec.arena) < 32 << 20);

    for (int i = 0; i < 1000000; i++)
        fold_event(f, &e);
    assert_true(answer->has_error);
    assert_true(arena_bytes(fx.codec.arena) < 48 << 20);
}

static void a_text_grows_in_pieces(void **state)
{
    struct str text = STR_NONE;
    size_t cap = 7;

    (void)state;
    for (int i = 0; i < 100000; i++)
        text_grow(fx.codec.arena, &text, &cap, STR("ab"), 150001);
    assert_int_equal(text.len, 150000);
    assert_memory_equal(text.p + text.len - 4, "abab", 4);
    assert_true(arena_bytes(fx.codec.arena) < 1 << 20);
    text = STR_NONE;
    text_grow(fx.codec.arena, &text, &cap, STR("c"), 10);
    assert_str(text, "c");
}

static void commas_put_themselves(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    write_event_begin(&b, "x");
    write_open(&b, '{');
    write_member_u64(&b, "a", 1);
    write_member_cstr(&b, "b", "t");
    write_key(&b, "c");
    write_open(&b, '[');
    write_raw(&b, STR("true"));
    write_null(&b);
    write_open(&b, '{');
    write_close(&b, '}');
    write_plain(&b, STR("\""));
    write_close(&b, ']');
    write_text_if(&b, "d", STR_NONE);
    write_member_bool(&b, "e", false);
    write_close(&b, '}');
    write_event_end(&b);
    assert_str(buf_view(&b), "event: x\ndata: {\"a\":1,\"b\":\"t\",\"c\":[true,null,{},\"\\\"\"],"
                             "\"e\":false}\n\n");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_get_the_names_of_their_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_results_as_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(losses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(efforts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folded_answer_tells_the_same_events_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_past_its_bound_is_an_error, set_up, tear_down),
        cmocka_unit_test(places_are_cut_where_room_ends),
        cmocka_unit_test_setup_teardown(many_small_events_are_folded_in_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_grows_in_pieces, set_up, tear_down),
        cmocka_unit_test(commas_put_themselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
