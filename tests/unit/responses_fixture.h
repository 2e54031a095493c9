/*
 * responses_fixture - what the tests of the Responses dialect share.
 *
 * Runs in:  tests.   Reads, writes: nothing.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_RESPONSES_FIXTURE_H
#define UNIT_RESPONSES_FIXTURE_H

#include "tests/unit/unit.h"

#include "providers/chat_text.h"
#include "providers/dialect.h"
#include "tests/unit/chat_dump.h"

static struct chat_codec codec;
static struct buf out_buf = BUF_INIT;

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
    buf_fini(&out_buf);
    return 0;
}

static const struct chat_target target = {.model = {"gpt-5.1", 7}};

static inline void decode(const char *body, struct chat *chat)
{
    struct chat_error err = {.status = 0};
    int rc = dialect_responses.decode_request(&codec, NULL, str_of(body), chat, &err);

    if (rc != 0)
        print_error("%.*s\n", STR_ARGS(err.message));
    assert_int_equal(rc, 0);
}

static inline struct chat_error refusal(const char *body)
{
    struct chat_error err = {.status = 0};
    struct chat chat;

    assert_int_equal(dialect_responses.decode_request(&codec, NULL, str_of(body), &chat, &err), -1);
    assert_int_equal(err.status, 400);
    assert_true(err.message.len > 0);
    return err;
}

static inline struct str encode(const struct chat *chat, struct chat_loss *loss)
{
    struct chat_loss none = {.n_dropped = 0};
    struct chat_error err = {.status = 0};
    int rc;

    buf_clear(&out_buf);
    rc = dialect_responses.encode_request(&codec, chat, &target, loss != NULL ? loss : &none,
                                          &out_buf, &err);
    if (rc != 0)
        print_error("%.*s\n", STR_ARGS(err.message));
    assert_int_equal(rc, 0);
    return arena_str(codec.arena, buf_view(&out_buf));
}

static inline struct str dump(const struct chat *chat)
{
    struct buf b = BUF_INIT;
    struct str text;

    chat_dump(chat, &b);
    text = arena_str(codec.arena, buf_view(&b));
    buf_fini(&b);
    return text;
}

static inline bool has(struct str text, const char *part)
{
    return memmem(text.p, text.len, part, strlen(part)) != NULL;
}

static inline void assert_has(struct str text, const char *part)
{
    if (!has(text, part))
        print_error("%s\nis not in\n%.*s\n", part, STR_ARGS(text));
    assert_true(has(text, part));
}

#endif
