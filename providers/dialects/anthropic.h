/*
 * anthropic - the Anthropic Messages dialect: what its files share, and what is asked of it beside
 * the table dialect_anthropic.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Wire: Anthropic API reference (messages, count_tokens, errors, streaming), in the exact words of the
 * official Python SDK's type definitions (anthropic 2.12). What maps to what, and what has no
 * equivalent: README-anthropic.md. Does not: know headers (anthropic-version, anthropic-beta).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_DIALECTS_ANTHROPIC_H
#define PROVIDERS_DIALECTS_ANTHROPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "providers/event.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define ANTHROPIC_VERTEX_VERSION "vertex-2023-10-16"
#define ANTHROPIC_BEDROCK_VERSION "bedrock-2023-05-31"

/* --- asked from outside --- */

/* The body of count_tokens: as decode_request, but it has no max_tokens. */
BF_MUST_CHECK int anthropic_decode_count(const struct chat_codec *c, const struct chat_url *url,
                                         struct str body, struct chat *out, struct chat_error *err);
/* ... and writing one: what is no part of the prompt is left out and not reported. */
BF_MUST_CHECK int anthropic_encode_count(const struct chat_codec *c, const struct chat *chat,
                                         const struct chat_target *target, struct chat_loss *loss,
                                         struct buf *out, struct chat_error *err);
/* {"input_tokens":2095} */
bool anthropic_count_read(struct str body, uint64_t *tokens);
void anthropic_count_write(uint64_t tokens, struct buf *out);

/*
 * A body for Vertex or Bedrock's InvokeModel from a body for Anthropic itself: the version is put
 * in, `model` is taken out (the URL has it), and for Bedrock `stream` as well. All other members go
 * byte for byte. 0; -1: not a JSON object (*err).
 */
BF_MUST_CHECK int anthropic_host(const struct chat_codec *c, struct str body, uint32_t quirk,
                                 struct buf *out, struct json_error *err);
/*
 * And back: a body for Vertex AI as Anthropic's own API takes it. `model`: of the path; empty: the body has
 * one. `stream`: the path says so. Appends to `out`.
 */
BF_MUST_CHECK int anthropic_unhost(const struct chat_codec *c, struct str body, struct str model,
                                   bool stream, struct buf *out, struct json_error *err);

/* --- shared by its files --- */

/* A request being decoded, and where in it: for the paths in errors. */
struct anthropic_in {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
    const char *list;           /* "messages", "system", "tools" */
    int64_t item, block, inner; /* -1: not there yet */
    uint32_t n_blocks;
    unsigned depth; /* of lists of blocks within blocks */
};

/* ERROR_INVALID at `field` (NULL: the place itself) of where we are. Always -1. */
int anthropic_bad(struct anthropic_in *in, const char *field, const char *text);
/* NULL for an absent member and for null, which the wire takes for absent. */
const struct json *anthropic_given(const struct json *node);
BF_MUST_CHECK int anthropic_decode_cache(struct anthropic_in *in, const struct json *node,
                                         enum chat_cache *out);
BF_MUST_CHECK int anthropic_decode_system(struct anthropic_in *in, const struct json *node);
BF_MUST_CHECK int anthropic_decode_messages(struct anthropic_in *in, const struct json *node);
BF_MUST_CHECK int anthropic_decode_tools(struct anthropic_in *in, const struct json *node);
/* A citation as it stands on the wire. */
void anthropic_decode_citation(const struct json *node, struct chat_citation *out);

/* A request being encoded. */
struct anthropic_out {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *b;
    bool is_home; /* from this dialect: what it wrote goes as it stood */
    /* Within the messages: */
    const char *pending; /* role of a turn that has no block yet; it is left out when none comes */
    /* The last assistant turn, and the number of calls without an id before it and so far. */
    const struct chat_message *calls, *calls_end;
    uint64_t calls_before, n_calls;
};

void anthropic_write_cache(struct buf *b, enum chat_cache cache);
/* `system` (when there is any) and `messages`. */
void anthropic_write_system(struct anthropic_out *o);
void anthropic_write_messages(struct anthropic_out *o);
/* One block, or nothing. The turn's head goes ahead of its first. */
void anthropic_write_block(struct anthropic_out *o, const struct chat_block *b,
                           enum chat_role role);
void anthropic_begin_block(struct anthropic_out *o, const char *type);
/* IMAGE and DOCUMENT. */
void anthropic_write_media(struct anthropic_out *o, const struct chat_block *b);
void anthropic_write_tools(struct anthropic_out *o);
/* `is_thinking`: only auto and none are taken. */
void anthropic_write_tool_choice(struct anthropic_out *o, bool is_thinking);
/* Ids and names of tools with nothing in them that Anthropic refuses; the same for the same. */
struct str anthropic_id(const struct chat_codec *c, struct str id);
struct str anthropic_name(const struct chat_codec *c, struct str name);
/* Does the last assistant turn call tools without a signed thinking block of Anthropic's ahead? */
bool anthropic_turn_lacks_thinking(const struct chat *chat);

/* Stop reasons and error types, both ways. */
enum chat_stop anthropic_stop_of(struct str escaped);
const char *anthropic_stop_name(enum chat_stop stop);
enum chat_error_kind anthropic_error_of(struct str type, int status);
void anthropic_error_read(const struct json *error, int status, struct chat_error *out);

/* A usage object's figures as Anthropic tells them: `input` is what no cache had a part in. */
struct anthropic_usage {
    bool known;
    uint64_t input, output, read, written, written_5m, written_1h, thinking, searches;
};
/* A figure of the object: `depth` 1, or 2 within cache_creation and its like. */
void anthropic_usage_put(struct anthropic_usage *u, struct str key, unsigned depth, uint64_t n);
void anthropic_usage_to(const struct anthropic_usage *from, struct chat_usage *out);
struct anthropic_usage anthropic_usage_of(const struct chat_usage *from);
void anthropic_usage_write(struct buf *b, const struct chat_usage *u);

/* The functions of the table. */
int anthropic_decode_request(const struct chat_codec *c, const struct chat_url *url,
                             struct str body, struct chat *out, struct chat_error *err);
int anthropic_encode_request(const struct chat_codec *c, const struct chat *chat,
                             const struct chat_target *target, struct chat_loss *loss,
                             struct buf *out, struct chat_error *err);
void *anthropic_decoder(const struct chat_codec *c);
int anthropic_decode_frame(void *decoder, const struct chat_frame *frame,
                           const struct chat_sink *sink);
void anthropic_decode_end(void *decoder, const struct chat_sink *sink);
int anthropic_decode_answer(void *decoder, struct str body, const struct chat_sink *sink);
void anthropic_decode_error(const struct chat_codec *c, int status, struct str body,
                            struct chat_error *out);
void *anthropic_encoder(const struct chat_codec *c, const struct chat_reply *reply);
void anthropic_encode_event(void *encoder, const struct chat_event *e, struct buf *out);
void anthropic_encode_answer(void *encoder, const struct chat_answer *answer,
                             struct chat_loss *loss, struct buf *out);
void anthropic_encode_error(const struct chat_error *err, struct str request_id, struct buf *out);
void anthropic_encode_error_event(const struct chat_error *err, struct str request_id,
                                  struct buf *out);
bool anthropic_is_preamble(const struct chat_frame *frame);
void anthropic_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                          struct chat_usage *usage);
void anthropic_look_answer(struct str body, struct chat_usage *usage);

#endif
