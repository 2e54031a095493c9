/*
 * bedrock_fixture - Converse requests, decoded and encoded; a failure says what was wrong.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_BEDROCK_FIXTURE_H
#define UNIT_BEDROCK_FIXTURE_H

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialect.h"
#include "providers/dialects/bedrock.h"

#define CLAUDE "us.anthropic.claude-sonnet-4-20250514-v1:0"

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

static inline struct chat *decoded(const char *body)
{
    const struct chat_url url = {STR(CLAUDE), true};
    struct chat *chat = arena_alloc(codec.arena, sizeof(*chat));
    struct chat_error err = {.kind = 0};

    if (dialect_bedrock.decode_request(&codec, &url, str_of(body), chat, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    return chat;
}

static inline struct str dumped(const struct chat *chat)
{
    buf_clear(&dump);
    chat_dump(chat, &dump);
    return arena_str(codec.arena, buf_view(&dump));
}

static inline struct str encoded_for(const struct chat *chat, struct chat_target target,
                                     const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = 0};
    struct json_error fault;

    buf_clear(&out);
    if (target.model.len == 0)
        target.model = STR(CLAUDE);
    if (dialect_bedrock.encode_request(&codec, chat, &target, &loss, &out, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    assert_non_null(json_parse(codec.json, codec.arena, buf_view(&out), &fault));
    assert_str(loss_header(&loss, codec.arena), lost);
    return arena_str(codec.arena, buf_view(&out));
}

static inline struct str encoded(const struct chat *chat, const char *lost)
{
    return encoded_for(chat, (struct chat_target){.quirks = 0}, lost);
}

/* As if another dialect had said it: nothing raw of this one's is of use. */
static inline struct chat *abroad(const char *body)
{
    struct chat *chat = decoded(body);

    chat->from = DIALECT_OPENAI;
    return chat;
}

#endif
