/*
 * play - what the mock says, as neutral events one by one, or as a whole answer.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * An event is made when the last one is with the kernel, so a long answer costs no memory.
 * Does not: write any dialect.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_PLAY_H
#define MOCK_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/event.h"
#include "tools/mock/speech.h"

enum play_step {
    PLAY_PROMPT_USAGE, /* Anthropic tells the prompt's at the start */
    PLAY_START,
    PLAY_BLOCK_START,
    PLAY_CALL_SIGNATURE,
    PLAY_DELTAS,
    PLAY_SIGNATURE,
    PLAY_BLOCK_STOP,
    PLAY_STOP,
    PLAY_USAGE,
    PLAY_END,
    PLAY_OVER
};

struct play {
    const struct speech *speech;
    struct str id, model; /* escaped */
    uint32_t n;           /* choices */
    struct chat_usage usage;
    /* its place */
    enum play_step step;
    uint32_t choice;
    size_t block;
    struct str rest; /* of the block's text */
};

void play_begin(struct play *p, const struct speech *speech, uint32_t n);
/* The next event; its texts may lie in `scratch`. False when there is none left. */
bool play_next(struct play *p, struct arena *scratch, struct chat_event *out);
/* All of it at once. */
void play_whole(const struct chat_codec *c, const struct play *p, struct chat_answer *out);

#endif
