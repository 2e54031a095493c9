/*
 * dialect_fixture - a codec, and one dialect's functions with their results as text.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.
 * A test sets fx.dialect and uses fx_set_up and fx_tear_down around each of its functions. Texts that
 * are handed out live until the tear-down. Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_DIALECT_FIXTURE_H
#define UNIT_DIALECT_FIXTURE_H

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialect.h"
#include "providers/sse.h"

static struct {
    const struct dialect *dialect;
    struct chat_codec codec;
    struct buf out, dump;
} fx;

static inline int fx_set_up(void **state)
{
    (void)state;
    fx.codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    return 0;
}

static inline int fx_tear_down(void **state)
{
    (void)state;
    arena_free(fx.codec.arena);
    arena_free(fx.codec.scratch);
    json_parser_free(fx.codec.json);
    buf_fini(&fx.out);
    buf_fini(&fx.dump);
    return 0;
}

#define fx_test(function) cmocka_unit_test_setup_teardown(function, fx_set_up, fx_tear_down)

static inline const char *fx_keep(const struct buf *b)
{
    return arena_cstr(fx.codec.arena, buf_view(b));
}

/* Texts one behind the other, up to NULL. */
static inline const char *fx_join(const char *const *texts)
{
    struct buf b = BUF_INIT;
    const char *all;

    for (; *texts != NULL; texts++)
        buf_cstr(&b, *texts);
    all = fx_keep(&b);
    buf_fini(&b);
    return all;
}
#define fx_joined(...) fx_join((const char *const[]){__VA_ARGS__, NULL})

/* --- requests --- */

/* A body, decoded; it must be sound. */
static inline struct chat *fx_decode(const char *body)
{
    struct chat *chat = arena_alloc(fx.codec.arena, sizeof(*chat));
    struct chat_error err = {.kind = ERROR_INVALID};

    if (fx.dialect->decode_request(&fx.codec, NULL, str_of(body), chat, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    return chat;
}

/* A body that is refused: "param: message". */
static inline const char *fx_refusal(const char *body)
{
    struct chat chat;
    struct chat_error err = {.kind = ERROR_INVALID};

    assert_int_equal(fx.dialect->decode_request(&fx.codec, NULL, str_of(body), &chat, &err), -1);
    assert_int_equal(err.status, 400);
    return arena_printf(fx.codec.arena, "%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message)).p;
}

static inline const char *fx_dump(const struct chat *chat)
{
    buf_clear(&fx.dump);
    chat_dump(chat, &fx.dump);
    return fx_keep(&fx.dump);
}

/* The chat as a body, and in *lost (NULL: it must be full) what it could not say. */
static inline const char *fx_encode(const struct chat *chat, struct chat_target target,
                                    const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;

    buf_clear(&fx.out);
    if (target.model.len == 0)
        target.model = STR("m");
    assert_int_equal(fx.dialect->encode_request(&fx.codec, chat, &target, &loss, &fx.out, &err), 0);
    assert_string_equal(arena_cstr(fx.codec.arena, loss_header(&loss, fx.codec.arena)),
                        lost != NULL ? lost : "full");
    return fx_keep(&fx.out);
}

/* A request of no dialect in particular. */
static inline struct chat *fx_chat(void)
{
    struct chat *chat = arena_zalloc(fx.codec.arena, sizeof(*chat));

    chat->reasoning.budget = BUDGET_UNSET;
    return chat;
}

/* One more message with one block. */
static inline struct chat_block *fx_add(struct chat *chat, enum chat_role role,
                                        enum chat_block_kind kind, const char *text)
{
    struct chat_block *b = chat_add_block(&fx.codec, chat_add_message(&fx.codec, chat, role), kind);

    b->text = str_of(text);
    return b;
}

/* --- answers --- */

static inline void fx_on_event(void *ctx, const struct chat_event *e)
{
    event_dump(e, ctx);
}

struct fx_feeding {
    void *decoder;
    const struct chat_sink *sink;
    int rc;
};

static inline void fx_on_frame(void *ctx, const struct sse_event *event)
{
    struct fx_feeding *f = ctx;
    struct chat_frame frame = {.name = event->name, .data = event->data};

    if (f->rc == 0)
        f->rc = fx.dialect->decode_frame(f->decoder, &frame, f->sink);
    arena_reset(fx.codec.scratch);
}

/* A stream of server-sent events into a sink; what decode_frame said last. */
static inline int fx_feed(const char *stream, const struct chat_sink *sink)
{
    struct fx_feeding f = {fx.dialect->decoder(&fx.codec), sink, 0};
    struct sse sse = SSE_INIT;

    assert_int_equal(sse_feed(&sse, str_of(stream), fx_on_frame, &f), 0);
    sse_fini(&sse);
    if (f.rc == 0)
        fx.dialect->decode_end(f.decoder, sink);
    return f.rc;
}

/* The stream's events as lines; "nonsense" behind those that came before it. */
static inline const char *fx_events(const char *stream)
{
    struct chat_sink sink = {fx_on_event, &fx.dump};

    buf_clear(&fx.dump);
    if (fx_feed(stream, &sink) != 0)
        buf_cstr(&fx.dump, "nonsense\n");
    return fx_keep(&fx.dump);
}

/* The same of a whole answer. */
static inline const char *fx_answer_events(const char *body)
{
    struct chat_sink sink = {fx_on_event, &fx.dump};

    buf_clear(&fx.dump);
    if (fx.dialect->decode_answer(fx.dialect->decoder(&fx.codec), str_of(body), &sink) != 0)
        buf_cstr(&fx.dump, "nonsense\n");
    return fx_keep(&fx.dump);
}

/* A stream or a whole answer, folded. */
static inline const struct chat_answer *fx_fold(const char *text, bool is_stream)
{
    struct chat_fold *fold = fold_create(&fx.codec, 1u << 20);
    struct chat_sink sink = {fold_event, fold};

    if (is_stream)
        assert_int_equal(fx_feed(text, &sink), 0);
    else
        assert_int_equal(
            fx.dialect->decode_answer(fx.dialect->decoder(&fx.codec), str_of(text), &sink), 0);
    return fold_answer(fold);
}

static inline void *fx_encoder(bool is_stream)
{
    struct chat_reply reply = {
        .chat = fx_chat(),
        .id = STR("0192"),
        .model = STR("the-model"),
        .created_s = 1700000000,
        .stream = is_stream,
        .sse = true,
    };

    return fx.dialect->encoder(&fx.codec, &reply);
}

struct fx_writing {
    void *encoder;
    struct buf *out;
};

static inline void fx_on_written(void *ctx, const struct chat_event *e)
{
    struct fx_writing *w = ctx;

    fx.dialect->encode_event(w->encoder, e, w->out);
}

/* An answer as the stream a client gets. */
static inline const char *fx_encode_stream(const struct chat_answer *answer)
{
    struct fx_writing w = {fx_encoder(true), &fx.out};
    struct chat_sink sink = {fx_on_written, &w};

    buf_clear(&fx.out);
    fold_replay(answer, &sink);
    return fx_keep(&fx.out);
}

/* ... and whole. */
static inline const char *fx_encode_answer(const struct chat_answer *answer, const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};

    buf_clear(&fx.out);
    fx.dialect->encode_answer(fx_encoder(false), answer, &loss, &fx.out);
    assert_string_equal(arena_cstr(fx.codec.arena, loss_header(&loss, fx.codec.arena)),
                        lost != NULL ? lost : "full");
    return fx_keep(&fx.out);
}

#endif
