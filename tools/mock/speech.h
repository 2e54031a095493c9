/*
 * speech - what the mock says to a chat, in neutral blocks, whatever dialect asked.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * The model's name decides; length limits and stop texts are obeyed; tokens are counted (text.h).
 * Does not: know how an answer looks on the wire.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_SPEECH_H
#define MOCK_SPEECH_H

#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "tools/mock/model.h"

struct speech_block {
    enum chat_block_kind kind; /* TEXT, THINKING, TOOL_CALL or REFUSAL */
    struct str text;           /* plain; of a call: its arguments, a JSON object */
    struct str id, name;       /* escaped: of a call */
    struct str signature;      /* of thinking or a call; empty: none */
};

struct speech {
    struct speech_block *blocks;
    size_t n_blocks;
    enum chat_stop stop;
    struct str sequence; /* escaped: the stop text that was met */
    struct chat_usage usage;
    enum chat_signer signer;
};

/* `dialect`: whose ids and signatures; `number`: of the call, for ids. */
struct speech_input {
    const struct chat *chat;
    struct model model;
    enum dialect_id dialect;
    uint64_t number;
};

void speech_make(const struct chat_codec *c, const struct speech_input *in, struct speech *out);

#endif
