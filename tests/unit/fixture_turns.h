/*
 * fixture_turns - turns of a neutral request, for tests with dialect_fixture.h.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_FIXTURE_TURNS_H
#define UNIT_FIXTURE_TURNS_H

#include "tests/unit/dialect_fixture.h"

static inline struct chat *asked(void)
{
    struct chat *chat = fx_chat();

    fx_add(chat, ROLE_USER, BLOCK_TEXT, "Hi");
    return chat;
}

static inline struct chat_block *call(struct chat *chat, const char *id, const char *name)
{
    struct chat_block *b = fx_add(chat, ROLE_ASSISTANT, BLOCK_TOOL_CALL, "");

    b->id = str_of(id);
    b->name = str_of(name);
    b->arguments_text = STR("{\\\"a\\\":1}");
    return b;
}

static inline struct chat_block *result(struct chat *chat, const char *id, const char *name)
{
    struct chat_block *b = fx_add(chat, ROLE_TOOL, BLOCK_TOOL_RESULT, "");
    struct chat_message list = {.role = ROLE_TOOL};

    b->id = str_of(id);
    b->name = str_of(name);
    chat_add_block(&fx.codec, &list, BLOCK_TEXT)->text = STR("r");
    b->content = list.blocks;
    return b;
}

static inline struct chat_tool *tool(struct chat *chat, const char *name, const char *schema)
{
    struct chat_tool *t = chat_add_tool(&fx.codec, chat);

    t->name = str_of(name);
    t->schema = str_of(schema);
    return t;
}

#endif
