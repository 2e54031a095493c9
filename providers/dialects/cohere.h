/*
 * cohere - Cohere's v2 chat wire format: what its files share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Taken from the types of Cohere's own Python SDK (cohere-ai/cohere-python) and the descriptions of
 * fields in it. What maps to what is in README-cohere.md. Does not: speak the old v1 chat.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef DIALECTS_COHERE_H
#define DIALECTS_COHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define COHERE_TOOLS_MAX 2048
#define COHERE_STOPS_MAX 5 /* what Cohere takes */
#define COHERE_DOCUMENTS_MAX 10000
#define COHERE_CITATIONS_MAX 10000 /* of a message, read from a wire */

/* A block that was one of the request's `documents` has this name. */
#define COHERE_DOCUMENT "documents"

/* --- requests in (cohere_decode.c, cohere_messages.c) --- */

struct cohere_in {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
    const struct json *documents; /* of the request; NULL: none */
};

/* "messages[1].content must be an array". Always -1. */
int cohere_wrong(const struct cohere_in *in, const char *path, const char *what);
BF_MUST_CHECK int cohere_want(const struct cohere_in *in, const struct json *value,
                              enum json_type type, const char *path);
/* An extra called path + "." + key, without a value. */
void cohere_extra(const struct cohere_in *in, const char *path, struct str key);
BF_MUST_CHECK int cohere_read_messages(const struct cohere_in *in, const struct json *messages);
/* A citation of a message or a stream; its `raw` is the whole. */
struct chat_citation cohere_citation(const struct json *citation);

/* --- requests out (cohere_encode.c, cohere_write.c) --- */

struct cohere_out {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *b;
    struct chat_error *err;
    uint32_t message; /* number in the client's request, for errors */
    /* images of tool results, which follow the results in a message of the user's */
    const struct chat_block *held[64];
    size_t n_held;
};

/* "messages":[...] without its key. */
BF_MUST_CHECK int cohere_write_messages(struct cohere_out *o);
/* "documents":[...], if the client was Cohere's and had any. */
void cohere_write_documents(struct cohere_out *o);
bool cohere_can_think(const struct cohere_out *o);

/* --- answers (cohere_stream.c, cohere_reply.c, cohere_words.c) --- */

enum chat_stop cohere_stop_of(struct str reason);
const char *cohere_stop_name(enum chat_stop stop);
void cohere_usage_in(const struct json *usage, struct chat_usage *out);
void cohere_usage_out(struct buf *b, const struct chat_usage *u); /* the object */
void cohere_write_citation(struct buf *b, const struct chat_citation *c, uint64_t content);
/* Cohere's items as OpenAI's `content` array of log probabilities, and back. */
struct str cohere_logprobs_in(struct arena *a, const struct json *items);
void cohere_logprobs_out(const struct chat_codec *c, struct buf *b, struct str raw);
void cohere_write_logprob(struct buf *b, const struct json *item); /* one of OpenAI's items */

int cohere_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err);
int cohere_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err);
void *cohere_decoder(const struct chat_codec *c);
int cohere_decode_frame(void *decoder, const struct chat_frame *frame,
                        const struct chat_sink *sink);
void cohere_decode_end(void *decoder, const struct chat_sink *sink);
int cohere_decode_answer(void *decoder, struct str body, const struct chat_sink *sink);
void *cohere_encoder(const struct chat_codec *c, const struct chat_reply *reply);
void cohere_encode_event(void *encoder, const struct chat_event *e, struct buf *out);
void cohere_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out);

#endif
