/*
 * responses - the OpenAI Responses dialect: what its files share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference, "Responses" (create a response, streaming events), as the types of the
 * official Python SDK have it. What maps to what is in README-responses.md.
 * Does not: do I/O, resolve what OpenAI stores (previous_response_id, item references).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_DIALECTS_RESPONSES_H
#define PROVIDERS_DIALECTS_RESPONSES_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "providers/event.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define RESPONSES_TOOLS_MAX 1024 /* OpenAI itself takes 128 */

/*
 * A reasoning item is the only place of this wire for opaque data, so it also carries signed tool
 * calls (Gemini's) and redacted thinking. Inside the wrapping (text_wrap) these say which it is.
 */
#define RESPONSES_REDACTED "redacted:"
#define RESPONSES_CALL "call:" /* call:<call id>:<signature> */

/* --- requests in (responses_decode.c, responses_items.c, responses_tools.c) --- */

struct responses_in {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
};

/* "Invalid type for 'x': expected y, but got z instead.", as the vendor says it. -1. */
int responses_wrong_type(const struct responses_in *in, const char *param, const char *expected,
                         const struct json *got);
/* "Missing required parameter: 'x'." -1. */
int responses_missing(const struct responses_in *in, const char *param);
BF_MUST_CHECK int responses_decode_input(const struct responses_in *in, const struct json *input);
BF_MUST_CHECK int responses_decode_tools(const struct responses_in *in, const struct json *tools);
BF_MUST_CHECK int responses_decode_choice(const struct responses_in *in, const struct json *choice);
/* The tool of that name that is a free-form one; NULL: none. */
const struct chat_tool *responses_freeform(const struct chat *chat, struct str name);
/* {"input":"text"} of a free-form call's text, as a raw object. */
struct str responses_freeform_arguments(struct arena *a, struct str input);
/* The text in it again. False: the arguments have no string `input`; *out is all of their text. */
bool responses_freeform_input(const struct chat_codec *c, const struct chat_block *call,
                              struct str *out);
BF_MUST_CHECK int responses_decode_request(const struct chat_codec *c, const struct chat_url *url,
                                           struct str body, struct chat *out,
                                           struct chat_error *err);

/* --- requests out (responses_encode.c, responses_input.c) --- */

struct responses_out {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *out;
    struct chat_error *err;
};

/* Report "place.name" as dropped. */
void responses_drop(const struct responses_out *o, struct str place, struct str name);
/* The system text that goes into `instructions`; STR_NONE: there is none. */
struct str responses_instructions(const struct chat *chat);
/* Write the array of items. */
BF_MUST_CHECK int responses_encode_input(const struct responses_out *o);
/* url_citation, or as it stood when it is this dialect's own. False: it cannot be said. */
bool responses_put_citation(struct buf *out, const struct chat_citation *citation, bool is_own);
/* `text` and `reasoning` of a request or a response object. */
void responses_put_text(struct buf *out, const struct chat *chat, bool has_schema);
BF_MUST_CHECK int responses_encode_request(const struct chat_codec *c, const struct chat *chat,
                                           const struct chat_target *target, struct chat_loss *loss,
                                           struct buf *out, struct chat_error *err);

/* --- answers in (responses_stream.c, responses_error.c) --- */

void *responses_decoder(const struct chat_codec *c);
BF_MUST_CHECK int responses_decode_frame(void *decoder, const struct chat_frame *frame,
                                         const struct chat_sink *sink);
void responses_decode_end(void *decoder, const struct chat_sink *sink);
BF_MUST_CHECK int responses_decode_answer(void *decoder, struct str body,
                                          const struct chat_sink *sink);
void responses_decode_error(const struct chat_codec *c, int status, struct str body,
                            struct chat_error *out);
/* An error object of an answer or event. Spans point into it. */
void responses_read_error(const struct json *error, struct chat_error *out);
void responses_encode_error(const struct chat_error *err, struct str request_id, struct buf *out);
void responses_encode_error_event(const struct chat_error *err, struct str request_id,
                                  struct buf *out);
/* An `error` event with this number. */
void responses_put_error_event(const struct chat_error *err, uint64_t number, struct buf *out);
/* An error's `code`, never empty. */
struct str responses_error_code(const struct chat_error *err);

/* --- answers in: items and blocks (responses_finish.c) --- */

#define RESPONSES_INDEX_MAX 0xfffff /* of items and of parts in an item */
#define RESPONSES_NOTED 64          /* parts of an item, and items, that are kept in mind */

enum responses_fate { FATE_OPEN, FATE_ENDED, FATE_FAILED };

struct responses_decoder {
    struct chat_codec c;
    struct chat_blocks blocks;
    uint64_t item;     /* output_index of the item under way */
    uint64_t streamed; /* its parts that had deltas: a bit each; a call is part 0 */
    uint64_t summary;  /* number of the summary part under way */
    uint64_t opened;   /* items that had blocks: a bit each */
    uint64_t searches;
    bool has_begun, has_item, has_call, has_refusal;
    enum responses_fate fate;
};

/* Deltas are of this item from now on. */
void responses_enter_item(struct responses_decoder *d, uint64_t item);
void responses_note_part(struct responses_decoder *d, uint64_t part);
bool responses_is_streamed(const struct responses_decoder *d, uint64_t part);
/* The tag of a block. */
uint64_t responses_tag(uint64_t item, uint64_t part);
void responses_open_block(struct responses_decoder *d, const struct chat_sink *sink,
                          enum chat_block_kind kind, uint64_t part);
void responses_open_call(struct responses_decoder *d, const struct chat_sink *sink,
                         const struct json *item);
void responses_emit_citation(struct responses_decoder *d, const struct chat_sink *sink,
                             const struct json *from);
void responses_emit_logprobs(struct responses_decoder *d, const struct chat_sink *sink,
                             const struct json *list);
/* A free-form call's text as part of {"input":"..."}, which is a text itself. */
void responses_freeform_delta(struct responses_decoder *d, const struct chat_sink *sink,
                              struct str text);
/* A finished item: what did not come as deltas, and what stands at its end. */
void responses_finish_item(struct responses_decoder *d, const struct chat_sink *sink,
                           const struct json *item, uint64_t at);

/* --- answers out: the items (responses_output.c) --- */

#define RESPONSES_OUTPUT_MAX (8u << 20) /* ten times a long answer; the last event repeats it */

enum responses_item { ITEM_NONE, ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_FREEFORM };

/*
 * The array of output items under way. An item's text is appended to it as it comes, so that what
 * an event repeats (text, part, item, all of the output) is a span of this one run.
 */
struct responses_output {
    const struct chat_reply *reply;
    struct arena *arena;
    struct arena_text items; /* JSON, comma-separated */
    struct arena_text marks; /* of the text part under way: annotations, comma-separated */
    struct arena_text probs; /* logprobs, comma-separated */
    struct arena_text args;  /* escaped: of a free-form call, as long as it is not streamed */
    size_t item_start, part_start, text_start;
    struct str id, call_id, name; /* of the item under way; escaped */
    enum responses_item item;
    enum chat_block_kind part; /* open in it: BLOCK_TEXT, BLOCK_REFUSAL, BLOCK_THINKING; 0: none */
    uint32_t n_items, n_parts, n_marks;
    bool is_full; /* RESPONSES_OUTPUT_MAX was reached: nothing is taken any more */
};

void output_add(struct responses_output *o, struct arena_text *p, struct str bytes);
void output_begin_message(struct responses_output *o);
void output_begin_reasoning(struct responses_output *o);
void output_begin_call(struct responses_output *o, struct str call_id, struct str name,
                       bool is_freeform);
void output_begin_part(struct responses_output *o, enum chat_block_kind kind);
struct str output_text(const struct responses_output *o); /* of part or call, so far */
struct str output_end_part(struct responses_output *o);   /* the part's JSON */
/* `sealed`: encrypted_content of a reasoning item. The item's JSON. */
struct str output_end_item(struct responses_output *o, struct str sealed);
/* A block's signature as encrypted_content; of a tool call: of the item behind it. */
struct str output_seal(const struct responses_output *o, enum chat_block_kind kind,
                       struct str signature, enum chat_signer signer);

/* --- answers out: whole (responses_reply.c), streams (responses_events.c, _freeform.c) --- */

#define RESPONSES_HELD_MAX 12 /* \ud83d\ude00 */

/* How far into {"input":"..."} the arguments of a free-form call are. */
enum responses_unwrap_state {
    UNWRAP_BEFORE,
    UNWRAP_INSIDE,
    UNWRAP_BEHIND,
    UNWRAP_LOST /* they are not of this form */
};

struct responses_unwrap {
    enum responses_unwrap_state state;
    uint32_t at;                   /* matched bytes of what stands before the text */
    char held[RESPONSES_HELD_MAX]; /* the beginning of an escape */
    size_t n_held;
};

struct responses_encoder {
    struct chat_codec c;
    const struct chat_reply *reply;
    struct responses_output out;
    struct str echo;  /* the request's fields as a response repeats them, made once */
    struct str probs; /* of a whole answer, for its first text */
    struct responses_unwrap unwrap;
    struct chat_usage usage;
    struct chat_error error;
    struct str signature; /* of the block under way */
    size_t signature_cap;
    enum chat_signer signer;
    enum chat_stop stop;
    enum chat_block_kind block; /* under way; 0: none */
    uint64_t number;            /* of the next event */
    struct chat_loss *loss;     /* NULL in streams */
    bool has_begun, is_over, has_error, is_streaming;
};

void *responses_encoder(const struct chat_codec *c, const struct chat_reply *reply);
/* The response object: status "in_progress", or what it came to. */
void responses_put_response(struct responses_encoder *e, bool is_over, struct buf *out);
void responses_encode_answer(void *encoder, const struct chat_answer *answer,
                             struct chat_loss *loss, struct buf *out);
void responses_encode_event(void *encoder, const struct chat_event *event, struct buf *out);
/*
 * More of a free-form call's arguments (escaped). Returns what can be told of the text in them
 * already, escaped, in scratch.
 */
struct str responses_unwrap_delta(struct responses_unwrap *u, const struct chat_codec *c,
                                  struct str escaped);

#endif
