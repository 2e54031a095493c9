/*
 * Answers of every dialect's provider for every dialect's client, whole and streamed.
 */
#include "tests/unit/pairs_answers.h"

/* What a client's dialect has no place for in its answers; documented in its README. */
static const struct {
    enum dialect_id client;
    const char *fact;
    bool only_streams;
} nowhere[] = {
    {DIALECT_OPENAI, "usage.searches", false},
    {DIALECT_OPENAI, "usage.tool_input", false},
    {DIALECT_OPENAI, "usage.written", false}, /* one number for both times to live */
    {DIALECT_RESPONSES, "usage.searches", false},
    {DIALECT_RESPONSES, "usage.tool_input", false},
    {DIALECT_RESPONSES, "usage.written", false},
    {DIALECT_RESPONSES, "usage.audio", false},
    {DIALECT_ANTHROPIC, "usage.tool_input", false},
    {DIALECT_ANTHROPIC, "usage.audio", false},
    {DIALECT_ANTHROPIC, "logprobs", false},
    {DIALECT_GEMINI, "usage.searches", false},
    {DIALECT_GEMINI, "usage.written", false},
    {DIALECT_BEDROCK, "usage.searches", false},
    {DIALECT_BEDROCK, "usage.tool_input", false},
    {DIALECT_BEDROCK, "usage.audio", false},
    {DIALECT_BEDROCK, "usage.reasoning", false},
    {DIALECT_BEDROCK, "logprobs", false},
    {DIALECT_COHERE, "usage.tool_input", false},
    {DIALECT_COHERE, "usage.audio", false},
    {DIALECT_COHERE, "usage.reasoning", false},
    {DIALECT_COHERE, "usage.written", false},
    /* they stand in the last chunk, behind the calls: no event of the text any more */
    {DIALECT_GEMINI, "citation", true},
    {DIALECT_COHERE, "logprobs", true}, /* they come with a token's own delta only */
};

static bool is_nowhere(const struct fact *a, enum dialect_id client, bool is_stream)
{
    if (client != DIALECT_NONE && fact_within(STR("signature="), a->text))
        return true; /* wrapped: see signatures_come_back */
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        if (nowhere[i].client == client && (is_stream || !nowhere[i].only_streams) &&
            str_starts(a->text, str_of(nowhere[i].fact)))
            return true;
    }
    return false;
}

static const char *way(enum dialect_id from, enum dialect_id client)
{
    return arena_printf(pairs_codec.arena, "%s for %s", dialect_names[from], dialect_names[client])
        .p;
}

static int compare(const struct chat_answer *given, const struct chat_answer *got,
                   enum dialect_id client, const char *what)
{
    bool is_stream = str_ends(str_of(what), STR("streamed"));
    struct facts *a = arena_alloc(pairs_codec.arena, sizeof(*a));
    struct facts *b = arena_alloc(pairs_codec.arena, sizeof(*b));
    int wrong = 0;

    facts_of_answer(a, given);
    facts_of_answer(b, got);
    for (size_t i = 0; i < a->n; i++) {
        if (!fact_is_told(&a->list[i], b) && !is_nowhere(&a->list[i], client, is_stream)) {
            print_error("%s: lost: %.*s\n", what, STR_ARGS(a->list[i].text));
            wrong++;
        }
    }
    for (size_t i = 0; i < b->n; i++) {
        if (!b->list[i].is_found && !is_nowhere(&b->list[i], client, is_stream)) {
            print_error("%s: invented: %.*s\n", what, STR_ARGS(b->list[i].text));
            wrong++;
        }
    }
    return wrong;
}

static const struct chat_answer *read_stream(enum dialect_id id, struct str stream)
{
    struct chat_fold *fold = fold_create(&pairs_codec, PAIRS_FOLD_MAX);
    struct chat_sink sink = {fold_event, fold};

    pairs_read(id, stream, stream.len, &sink);
    return fold_answer(fold);
}

static void reaches_every_client(void **state)
{
    int wrong = 0;

    (void)state;
    pairs_each(from, client)
    {
        const struct chat_answer *given = pairs_whole(from, pairs_answer(from, "answer")->raw);
        struct chat_fold *fold = fold_create(&pairs_codec, PAIRS_FOLD_MAX);
        struct chat_sink sink = {fold_event, fold};
        const char *name = way(from, client);
        struct chat_loss loss;

        pairs_stream_events(from, &sink);
        if (client == DIALECT_OPENAI) /* a provider's stream says what its whole answer says */
            wrong += compare(given, fold_answer(fold), DIALECT_NONE,
                             arena_printf(pairs_codec.arena, "%s, its stream", name).p);
        wrong += compare(given, pairs_whole(client, pairs_written(given, client, &loss)), client,
                         arena_printf(pairs_codec.arena, "%s, whole", name).p);
        wrong += compare(given, read_stream(client, pairs_relayed(from, client)), client,
                         arena_printf(pairs_codec.arena, "%s, streamed", name).p);
    }
    assert_int_equal(wrong, 0);
}

/* --- cut anywhere --- */

static void on_event(void *ctx, const struct chat_event *e)
{
    event_dump(e, ctx);
}

static void reads_streams_cut_anywhere(void **state)
{
    struct arena *arena = arena_create(1u << 20);
    struct chat_codec whole;
    struct buf dump = BUF_INIT, cut = BUF_INIT;
    struct chat_sink to_dump = {on_event, &dump}, to_cut = {on_event, &cut};

    (void)state;
    pairs_each(from, client)
    {
        struct str stream = pairs_relayed(from, client);

        buf_clear(&dump);
        whole = pairs_codec;
        pairs_codec.arena = arena; /* thousands of decoders */
        pairs_read(client, stream, stream.len, &to_dump);
        for (size_t at = 1; at < stream.len; at++) {
            buf_clear(&cut);
            arena_reset(arena);
            pairs_read(client, stream, at, &to_cut);
            if (!str_eq(buf_view(&dump), buf_view(&cut)))
                fail_msg("%s: cut at %zu:\n%s\nnot\n%s", way(from, client), at, cut.data,
                         dump.data);
        }
        pairs_codec = whole;
    }
    arena_free(arena);
    buf_fini(&dump);
    buf_fini(&cut);
}

/* --- signatures --- */

static void put_result(struct buf *b, enum dialect_id client, const struct chat_block *call)
{
    struct str id = call->id;

    if (client == DIALECT_ANTHROPIC)
        buf_printf(b, ",{\"type\":\"tool_result\",\"tool_use_id\":\"%.*s\",\"content\":\"1\"}",
                   STR_ARGS(id));
    else if (client == DIALECT_GEMINI)
        buf_printf(b,
                   ",{\"functionResponse\":{\"id\":\"%.*s\",\"name\":\"%.*s\",\"response\":"
                   "{\"result\":\"1\"}}}",
                   STR_ARGS(id), STR_ARGS(call->name));
    else if (client == DIALECT_BEDROCK)
        buf_printf(b, ",{\"toolResult\":{\"toolUseId\":\"%.*s\",\"content\":[{\"text\":\"1\"}]}}",
                   STR_ARGS(id));
    else if (client == DIALECT_RESPONSES)
        buf_printf(b, ",{\"type\":\"function_call_output\",\"call_id\":\"%.*s\",\"output\":\"1\"}",
                   STR_ARGS(id));
    else
        buf_printf(b, ",{\"role\":\"tool\",\"tool_call_id\":\"%.*s\",\"content\":\"1\"}",
                   STR_ARGS(id));
}

/* The part of a client's answer that it sends back as its assistant turn. */
static struct str turn_of(enum dialect_id client, struct str answer)
{
    struct json_error err;
    const struct json *root = json_parse_raw(pairs_codec.json, pairs_codec.arena, answer, &err);

    assert_non_null(root);
    switch (client) {
    case DIALECT_OPENAI:
        return json_get(json_get(root, "choices")->child, "message")->raw;
    case DIALECT_RESPONSES:
        return json_get(root, "output")->raw;
    case DIALECT_ANTHROPIC:
        return json_get(root, "content")->raw;
    case DIALECT_GEMINI:
        return json_get(json_get(root, "candidates")->child, "content")->raw;
    case DIALECT_BEDROCK:
        return json_get(json_get(root, "output"), "message")->raw;
    default:
        return json_get(root, "message")->raw;
    }
}

/* The client's next request: its plain one, the answer as it came, and a result for each call. */
static struct str next_request(enum dialect_id client, struct str answer)
{
    struct str turn = turn_of(client, answer);
    const struct chat_answer *a = pairs_whole(client, answer);
    struct buf results = BUF_IN(pairs_codec.arena), b = BUF_IN(pairs_codec.arena);

    for (const struct chat_block *x = a->choices[0].blocks; x != NULL; x = x->next) {
        if (x->kind == BLOCK_TOOL_CALL)
            put_result(&results, client, x);
    }
    buf_char(&b, '[');
    if (client == DIALECT_RESPONSES)
        turn = (struct str){turn.p + 1, turn.len - 2};
    if (client == DIALECT_ANTHROPIC)
        buf_printf(&b, "{\"role\":\"assistant\",\"content\":%.*s}", STR_ARGS(turn));
    else
        buf_str(&b, turn);
    if (client == DIALECT_ANTHROPIC || client == DIALECT_BEDROCK)
        buf_printf(&b, ",{\"role\":\"user\",\"content\":[%s]}", results.data + 1);
    else if (client == DIALECT_GEMINI)
        buf_printf(&b, ",{\"role\":\"user\",\"parts\":[%s]}", results.data + 1);
    else
        buf_str(&b, buf_view(&results));
    buf_char(&b, ']');
    return pairs_longer(pairs_request(client, "plain"), buf_view(&b));
}

/* Facts of signatures that the provider itself gave. */
static size_t signatures_of(struct facts *f, const struct chat_answer *a)
{
    size_t n = 0;

    facts_of_answer(f, a);
    for (size_t i = 0; i < f->n; i++) {
        if (fact_within(STR("signature="), f->list[i].text))
            f->list[n++] = f->list[i];
    }
    f->n = n;
    return n;
}

static void signatures_come_back(void **state)
{
    size_t checked = 0;

    (void)state;
    pairs_each(from, client)
    {
        const struct chat_answer *given = pairs_whole(from, pairs_answer(from, "answer")->raw);
        struct facts *f = arena_alloc(pairs_codec.arena, sizeof(*f));
        struct chat_loss loss;
        struct chat_error err;
        struct str written = pairs_written(given, client, &loss);
        struct chat *next = pairs_decoded(client, next_request(client, written));
        struct str body = pairs_encode(from, next, &loss, &err);

        if (body.len == 0)
            fail_msg("%s: %.*s", way(from, client), STR_ARGS(err.message));
        checked += signatures_of(f, given);
        for (size_t i = 0; i < f->n; i++) {
            struct str text = f->list[i].text;
            struct str signature = str_skip(
                text,
                (size_t)((const char *)memmem(text.p, text.len, "signature=", 10) - text.p) + 10);
            struct str quoted =
                arena_concat(pairs_codec.arena, (struct str[]){STR("\""), signature, STR("\"")}, 3);

            if (!fact_within(quoted, body))
                fail_msg("%s: %.*s did not come back:\n%.*s\n%.*s", way(from, client),
                         STR_ARGS(text), STR_ARGS(written), STR_ARGS(body));
        }
        assert_false(fact_within(STR("bf1."), body)); /* no wrapping ever reaches a provider */
    }
    assert_true(checked > 0);
}

/* --- why it is over --- */

/* What each client reads of each reason; a dialect has fewer words than there are reasons. */
static const struct {
    enum chat_stop stop;
    enum chat_stop read[DIALECTS]; /* openai, responses, anthropic, gemini, bedrock, cohere */
} stops[] = {
    {STOP_END, {0, STOP_END, STOP_END, STOP_END, STOP_END, STOP_END, STOP_END}},
    {STOP_LENGTH,
     {0, STOP_LENGTH, STOP_LENGTH, STOP_LENGTH, STOP_LENGTH, STOP_LENGTH, STOP_LENGTH}},
    {STOP_CONTEXT,
     {0, STOP_LENGTH, STOP_LENGTH, STOP_CONTEXT, STOP_LENGTH, STOP_CONTEXT, STOP_LENGTH}},
    {STOP_SEQUENCE, {0, STOP_END, STOP_END, STOP_SEQUENCE, STOP_END, STOP_SEQUENCE, STOP_SEQUENCE}},
    {STOP_FILTER,
     {0, STOP_FILTER, STOP_FILTER, STOP_REFUSAL, STOP_FILTER, STOP_FILTER, STOP_ERROR}},
    {STOP_REFUSAL, {0, STOP_FILTER, STOP_END, STOP_REFUSAL, STOP_FILTER, STOP_FILTER, STOP_END}},
    {STOP_PAUSE, {0, STOP_END, STOP_END, STOP_PAUSE, STOP_END, STOP_END, STOP_END}},
    {STOP_ERROR, {0, STOP_END, STOP_ERROR, STOP_END, STOP_ERROR, STOP_ERROR, STOP_ERROR}},
};

static enum chat_stop stop_of(const struct chat_answer *a)
{
    if (a->has_error)
        return STOP_ERROR;
    return a->n_choices > 0 ? a->choices[0].stop : STOP_NONE;
}

static void tells_why_it_is_over(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        for (enum dialect_id id = DIALECT_OPENAI; id < DIALECTS; id++) {
            struct chat_block text = {.kind = BLOCK_TEXT, .text = STR("It is so.")};
            struct chat_choice_answer choice = {
                .blocks = &text, .last = &text, .stop = stops[i].stop, .seen = true};
            struct chat_answer answer = {.choices = &choice, .n_choices = 1, .has_end = true};
            struct chat_loss loss;
            struct pairs_relay r;
            struct chat_sink sink = {pairs_relay_event, &r};
            enum chat_stop whole, streamed;

            if (dialect_get(id) == NULL)
                continue;
            r = (struct pairs_relay){dialect_get(id), pairs_encoder(id, true),
                                     BUF_IN(pairs_codec.arena)};
            fold_replay(&answer, &sink);
            streamed = stop_of(read_stream(id, buf_view(&r.out)));
            whole = stop_of(pairs_whole(id, pairs_written(&answer, id, &loss)));
            if (whole != stops[i].read[id] || streamed != whole) {
                print_error("%s: %d is %d whole, %d streamed\n", dialect_names[id],
                            (int)stops[i].stop, (int)whole, (int)streamed);
                wrong++;
            }
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pairs_test(reaches_every_client),
        pairs_test(reads_streams_cut_anywhere),
        pairs_test(signatures_come_back),
        pairs_test(tells_why_it_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
