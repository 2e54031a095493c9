/*
 * openai_tools - what the tests of the OpenAI dialect's translation share.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_OPENAI_TOOLS_H
#define UNIT_OPENAI_TOOLS_H

#include <stdio.h>

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialect.h"

static struct chat_codec codec;
static struct buf out, dump;

static inline int set_up(void **state)
{
    (void)state;
    codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_free(codec.arena);
    arena_free(codec.scratch);
    json_parser_free(codec.json);
    buf_fini(&out);
    buf_fini(&dump);
    return 0;
}

static inline struct str kept(const struct buf *b)
{
    return arena_str(codec.arena, buf_view(b));
}

static inline void assert_json(struct str text)
{
    struct json_error err = {.text = ""};

    if (json_parse(codec.json, codec.arena, text, &err) == NULL)
        fail_msg("%s at %zu in %.*s", err.text, err.offset, STR_ARGS(text));
}

/* A body, decoded; it must be sound. */
static inline struct chat *decoded_by(const struct dialect *d, struct str body)
{
    struct chat *chat = arena_alloc(codec.arena, sizeof(*chat));
    struct chat_error err = {.kind = 0};

    if (d->decode_request(&codec, NULL, body, chat, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    return chat;
}

static inline struct chat *decoded(const char *body)
{
    return decoded_by(&dialect_openai, str_of(body));
}

static inline struct str dumped(const struct chat *chat)
{
    buf_clear(&dump);
    chat_dump(chat, &dump);
    return kept(&dump);
}

/* The chat as a body for this target, with what was lost. */
static inline struct str encoded_for(const struct chat *chat, struct chat_target target,
                                     const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = 0};

    buf_clear(&out);
    if (target.model.len == 0)
        target.model = STR("m");
    if (dialect_openai.encode_request(&codec, chat, &target, &loss, &out, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    assert_str(loss_header(&loss, codec.arena), lost);
    assert_json(buf_view(&out));
    return kept(&out);
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        struct str text_ = (text);                                                                 \
        if (memmem(text_.p, text_.len, (part), strlen(part)) == NULL)                              \
            fail_msg("no %s in %.*s", (part), STR_ARGS(text_));                                    \
    } while (0)
#define assert_has_not(text, part)                                                                 \
    do {                                                                                           \
        struct str text_ = (text);                                                                 \
        if (memmem(text_.p, text_.len, (part), strlen(part)) != NULL)                              \
            fail_msg("%s in %.*s", (part), STR_ARGS(text_));                                       \
    } while (0)

/* --- answers --- */

static inline void on_event(void *ctx, const struct chat_event *e)
{
    event_dump(e, ctx);
}

/* Frames of a stream, NULL behind the last; "END" says that the connection was closed. */
static inline struct str events_of(const char *const *frames)
{
    struct chat_sink sink = {on_event, &dump};
    void *d = dialect_openai.decoder(&codec);

    buf_clear(&dump);
    for (; *frames != NULL; frames++) {
        struct chat_frame frame = {.data = str_of(*frames)};

        if (strcmp(*frames, "END") == 0)
            dialect_openai.decode_end(d, &sink);
        else if (dialect_openai.decode_frame(d, &frame, &sink) != 0)
            buf_cstr(&dump, "NONSENSE\n");
        arena_reset(codec.scratch);
    }
    return kept(&dump);
}
#define EVENTS(...) events_of((const char *const[]){__VA_ARGS__, NULL})

static inline struct str events_of_answer(const char *body)
{
    struct chat_sink sink = {on_event, &dump};

    buf_clear(&dump);
    if (dialect_openai.decode_answer(dialect_openai.decoder(&codec), str_of(body), &sink) != 0)
        buf_cstr(&dump, "NONSENSE\n");
    return kept(&dump);
}

/* Shows both, whole. */
static inline void assert_dump(struct str actual, const char *expected)
{
    if (!str_eq(actual, str_of(expected)))
        fail_msg("got\n%.*s\nnot\n%s", STR_ARGS(actual), expected);
}

#endif
