/*
 * model - what a model's name asks the mock to do.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 *   echo                  answers the last user message; so does any name that is not in this list
 *   lorem-N[-MS]          N tokens, MS milliseconds between them
 *   slow-MS               echo, MS milliseconds before the first byte
 *   error-STATUS          an error object with that status (400 to 599)
 *   hang                  never answers
 *   cut-N                 breaks the connection after N chunks
 *   tool, tool-N          calls the first declared tool (the first N, in parallel) with arguments
 *                         that obey the schema
 *   json                  obeys the JSON schema of the response format
 *   think                 thinks, with a signature that must come back; then as `tool` or `echo`
 *   refuse                will not answer: a safety stop
 *   image                 tells the media types and sizes that it was sent
 *   flaky-PERCENT         fails that share of the requests, evenly spread, and echoes the others
 * "claude-" or "gemini-3-" may stand in front, for those who look at a model's family.
 * The credential may say it too: a bearer token "error-STATUS" fails every request with it.
 * Does not: answer; the handlers do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_MODEL_H
#define MOCK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

#define MODEL_TOKENS_MAX 100000u /* of one answer */
#define MODEL_DELAY_MAX_MS 600000u
#define MODEL_CALLS_MAX 32u /* in parallel */

enum model_kind {
    MODEL_ECHO,
    MODEL_LOREM,
    MODEL_SLOW,
    MODEL_ERROR,
    MODEL_HANG,
    MODEL_CUT,
    MODEL_TOOL,
    MODEL_JSON,
    MODEL_FLAKY,
    MODEL_THINK,
    MODEL_REFUSE,
    MODEL_IMAGE
};

struct model {
    enum model_kind kind;
    uint32_t number; /* N, MS, STATUS or PERCENT of the name; `tool`, `think`: 1 call */
    uint32_t gap_ms; /* lorem: between tokens */
};

/* False when the name begins like one of the list but is not one: "lorem-", "error-9". */
bool model_parse(struct str name, struct model *out);

/* The names that GET /models lists, one after the other; empty past the last. */
struct str model_listed(size_t i);

#endif
