/*
 * answer - what a handler wants sent: a whole body, or a stream made event by event.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Events are made as the client takes them, so an endless stream costs no memory.
 * Does not: do I/O; serve.c sends it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "tools/mock/http1.h"
#include "tools/mock/model.h"

#define ANSWER_NEVER_CUT UINT32_MAX

struct answer;

/* Append the next event's bytes to *out; false when there is none left (nothing was appended). */
typedef bool answer_next_fn(struct answer *a, struct buf *out);

struct answer {
    struct arena *arena; /* lives until the answer is sent */
    struct buf *body;    /* of a whole answer; empty at the start */
    int status;
    const char *content_type;
    struct str headers;   /* more header lines, each with its CRLF */
    answer_next_fn *next; /* not NULL: a stream */
    void *state;          /* of next; in the arena */
    uint32_t first_ms;    /* before the first byte */
    uint32_t gap_ms;      /* between the events of a stream */
    uint32_t cut_after; /* events sent whole before the connection breaks; 0: within a whole body */
    bool hang;          /* never answer */
};

/* A request that was understood: what every JSON endpoint begins with. */
struct mock_call {
    const struct http1_request *req;
    struct json_parser *parser;
    struct answer *answer;
    struct arena *arena;
    struct json *body; /* an object; NULL for multipart and GET */
    struct str model_name;
    struct model model;
    uint64_t number; /* of this call, for ids: the journal's */
};

/* An OpenAI error object; `code` and `param` may be NULL. */
void answer_error(struct answer *a, int status, const char *code, const char *param,
                  const char *text);
/* The object of that status as a provider would word it; 429 and 503 come with Retry-After. */
void answer_status(struct answer *a, int status);

/* The text of a message's content: a string, or the text parts of an array joined by LF. */
struct str answer_content_text(struct arena *a, const struct json *content);

#endif
