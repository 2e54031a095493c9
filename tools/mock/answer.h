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

#include "providers/dialect.h"
#include "providers/paths.h"
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
    struct str headers;    /* more header lines, each with its CRLF */
    const char *id_header; /* what the dialect calls its request id */
    answer_next_fn *next;  /* not NULL: a stream */
    void *state;           /* of next; in the arena */
    uint32_t first_ms;     /* before the first byte */
    uint32_t gap_ms;       /* between the events of a stream */
    uint32_t cut_after; /* events sent whole before the connection breaks; 0: within a whole body */
    bool cut_inside;    /* ... and half of the next one: for wires with frames */
    bool hang;          /* never answer */
    uint32_t total;     /* of a chat: its row of the totals; 0: none */
    struct chat_usage usage;
};

/* A request that was understood: what every endpoint begins with. */
struct mock_call {
    const struct http1_request *req;
    struct chat_codec codec;
    struct answer *answer;
    struct arena *arena;
    struct path path;
    enum dialect_id dialect; /* whose errors it gets */
    struct json *body;       /* an object; NULL for multipart and GET */
    struct str model_name;
    struct model model;
    uint64_t number; /* of this call, for ids: the journal's */
};

/* An OpenAI error object; `code` and `param` may be NULL. */
void answer_error(struct answer *a, int status, const char *code, const char *param,
                  const char *text);
/* The OpenAI object of that status; 429 and 503 come with Retry-After. */
void answer_status(struct answer *a, int status);
/* The same in the call's own dialect, with the headers that its SDKs look at. */
void answer_refuse(struct mock_call *call, const struct chat_error *err);
void answer_refuse_status(struct mock_call *call, int status);
void answer_refuse_text(struct mock_call *call, int status,
                        const char *text); /* no escapes in it */
/* Headers of every answer in the call's dialect. */
void answer_headers(struct mock_call *call);

#endif
