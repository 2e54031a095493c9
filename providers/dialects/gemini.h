/*
 * gemini - Google's generateContent wire format: what its files share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Taken from Google's own reference: the v1beta REST pages of generateContent, Content, Schema and
 * Tool, the guides on function calling, thinking and thought signatures, and the types of the
 * official Python SDK (google-genai). What maps to what is in README-gemini.md.
 *
 * Google's JSON parser takes every field in camelCase and in snake_case, null for "not there", one
 * object where a list belongs, and numbers as strings; so do the readers here.
 * Does not: know Vertex's authentication or paths (the model and the stream flag are in the URL).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef DIALECTS_GEMINI_H
#define DIALECTS_GEMINI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "server/base/base.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define GEMINI_TOOLS_MAX 2048           /* Google takes 512; more is refused before lists grow */
#define GEMINI_STOPS_MAX 256            /* Google takes 5 */
#define GEMINI_CALLS_MAX 1024           /* parallel calls of one turn */
#define GEMINI_CITATIONS_MAX 256        /* of one answer */
#define GEMINI_ARGUMENTS_MAX (8u << 20) /* bytes of one call's arguments that are collected */

/* What Google documents for calls that come from another model (guide on thought signatures). */
#define GEMINI_NO_SIGNATURE "skip_thought_signature_validator"

/* --- reading (gemini_parts.c) --- */

struct gemini_call { /* a function call of the turn under way */
    struct gemini_call *next;
    const struct chat_block *block;
    bool is_answered;
};

struct gemini_reading {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
    uint32_t content, part;                /* where it is, for errors */
    bool is_system;                        /* in systemInstruction */
    uint32_t n_ids;                        /* ids made up so far */
    struct gemini_call *calls, *last_call; /* of the turn under way */
    uint32_t n_calls;
    struct chat_block *open; /* the text that the next part may continue */
    size_t open_cap;         /* bytes its text has room for; 0: not copied yet */
};

/* Is `key`, in camelCase or snake_case, the field `camel`? */
bool gemini_key(struct str key, const char *camel);
/* The member in either spelling; NULL when it is not there or null. */
const struct json *gemini_get(const struct json *object, const char *camel);
/* The first of a list, or the one object that stands for a list of one; NULL for what is neither. */
const struct json *gemini_first(const struct json *node);
/* The next of the list whose member `node` is. */
const struct json *gemini_next(const struct json *list, const struct json *node);
/* A raw number, also one in quotes. False when it is none. */
bool gemini_number(const struct json *node, struct str *out);

BF_MUST_CHECK int gemini_read_contents(struct gemini_reading *r, const struct json *contents);
BF_MUST_CHECK int gemini_read_system(struct gemini_reading *r, const struct json *content);
/* Name a field that has no meaning here. */
void gemini_extra(struct gemini_reading *r, struct str name, struct str raw);

/* --- texts (gemini_text.c) --- */

/* Base64 as every vendor takes it: the standard alphabet, no escapes. */
struct str gemini_base64(struct arena *a, struct str escaped);
/* A thoughtSignature as it stood on the wire; empty for the documented dummy. */
struct str gemini_signature_in(struct arena *a, struct str escaped, enum chat_signer *signer);
/* ... and for a client's hands: its own as it is, a foreign one wrapped and in base64. */
struct str gemini_signature_out(struct arena *a, struct str signature, enum chat_signer signer);
/* "models/gemini-3-pro" and later, and the undated aliases: they check signatures. */
bool gemini_checks_signatures(const struct chat_target *target);
/* An id for a call that came without one: the same for the same answer. */
struct str gemini_call_id(struct arena *a, struct str response_id, const struct json *call,
                          uint32_t n);

/* --- stop reasons (gemini_text.c) --- */
enum chat_stop gemini_stop_of(struct str reason, bool has_calls);
const char *gemini_stop_name(enum chat_stop stop);

/* --- beside the text (gemini_extras.c) --- */

/* OpenAI's `content` array from a logprobsResult; empty when there is nothing in it. */
struct str gemini_logprobs_in(const struct chat_codec *c, const struct json *result);
/* A logprobsResult from OpenAI's array; empty when it is none. */
struct str gemini_logprobs_out(const struct chat_codec *c, struct str array);
/* What the answer's text rests on, as citations of the block under way. `is_ascii`: bytes are
 * characters so far, so that Google's byte offsets can be told. */
void gemini_citations_in(const struct chat_blocks *blocks, const struct json *candidate,
                         bool is_ascii, const struct chat_sink *sink);
void gemini_citations_out(const struct chat_citation *list, bool is_ascii, struct buf *out);
bool gemini_is_ascii(struct str escaped);

/* --- the table's functions --- */

int gemini_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err);
int gemini_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err);
/* "contents":[...] (gemini_contents.c). */
BF_MUST_CHECK int gemini_write_contents(const struct chat_codec *c, const struct chat *chat,
                                        const struct chat_target *target, struct chat_loss *loss,
                                        struct buf *out, struct chat_error *err);
/* How many messages at the beginning go into systemInstruction. */
uint32_t gemini_system_messages(const struct chat *chat);

void *gemini_decoder(const struct chat_codec *c);
int gemini_decode_frame(void *decoder, const struct chat_frame *frame,
                        const struct chat_sink *sink);
void gemini_decode_end(void *decoder, const struct chat_sink *sink);
int gemini_decode_answer(void *decoder, struct str body, const struct chat_sink *sink);

void *gemini_encoder(const struct chat_codec *c, const struct chat_reply *reply);
void gemini_encode_event(void *encoder, const struct chat_event *e, struct buf *out);
void gemini_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out);

/* An `error` object as it stands in bodies and streams. */
void gemini_error_in(int status, const struct json *error, struct chat_error *out);
void gemini_encode_error(const struct chat_error *err, struct str request_id, struct buf *out);

#endif
