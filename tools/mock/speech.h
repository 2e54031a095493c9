/*
 * speech - what the mock says to a prompt, whatever the endpoint it came through.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * The model's name decides; length limits and stop texts are obeyed; tokens are counted (text.h).
 * Does not: know how an answer looks on the wire.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_SPEECH_H
#define MOCK_SPEECH_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "tools/mock/model.h"

struct speech_input {
    struct model model;
    struct str last_user; /* what echo answers */
    uint64_t prompt_tokens;
    uint64_t max_tokens;     /* UINT64_MAX: not given */
    const struct json *stop; /* a string or an array of them; NULL: none */
    struct str effort;       /* of reasoning; empty: none asked for */
    struct str tool;         /* name of the first declared tool; empty: none */
    const struct json *tool_schema;
    bool tool_answered;        /* the conversation ends with a tool's result */
    bool wants_json;           /* any object will do when there is no schema */
    const struct json *schema; /* of the response format; NULL: none */
};

struct speech {
    struct str text; /* of the answer, or the arguments of the call; in the arena */
    struct str tool; /* whose call it is; empty: text */
    bool too_long;   /* max_tokens cut it */
    uint64_t prompt_tokens, cached_tokens;
    uint64_t output_tokens, reasoning_tokens; /* output: with the reasoning */
};

void speech_make(struct arena *a, const struct speech_input *in, struct speech *out);

#endif
