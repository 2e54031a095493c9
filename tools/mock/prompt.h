/*
 * prompt - what matters to the mock in a conversation: the last words, the media, the tokens.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Does not: decide what is said to it (speech.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_PROMPT_H
#define MOCK_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"

struct prompt {
    struct str last;       /* plain: the user's last words, or the tools' results behind them */
    bool is_answered;      /* the conversation ends with tool results */
    uint64_t tokens;       /* of all texts */
    enum chat_cache cache; /* the client set cache points; the longest life among them */
};

void prompt_read(const struct chat_codec *c, const struct chat *chat, struct prompt *out);
/* "image/png 68 bytes, application/pdf 1024 bytes", or "no media". */
struct str prompt_media(const struct chat_codec *c, const struct chat *chat);

#endif
