/*
 * gemini_fixture - a codec, a buffer, and texts with single quotes, for the tests of the dialect.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_GEMINI_FIXTURE_H
#define UNIT_GEMINI_FIXTURE_H

#include "tests/unit/unit.h"

#include "providers/dialects/gemini.h"

static struct chat_codec codec;
static struct buf out;

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
    return 0;
}

/* Single quotes stand for double ones. */
static inline struct str quoted(const char *text)
{
    char *copy = arena_cstr(codec.arena, str_of(text));

    for (char *c = copy; *c != '\0'; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return str_of(copy);
}

#endif
