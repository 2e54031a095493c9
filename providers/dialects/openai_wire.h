/*
 * openai_wire - what the files of the OpenAI chat-completions translation share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference, as the types of its official Python SDK (3.3) say it, and what vendors
 * of the dialect add: DeepSeek (reasoning_content), OpenRouter (reasoning, cache_control), LiteLLM
 * (thinking), Mistral (thinking parts), vLLM, Groq, xAI, Google's compatible endpoint.
 * What maps to what is in README-openai.md. Does not: run at home (openai.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_DIALECTS_OPENAI_WIRE_H
#define PROVIDERS_DIALECTS_OPENAI_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/dialect.h"

/* --- decoding a request (openai_decode*.c) --- */

struct openai_decode {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
    bool is_completion;    /* the legacy endpoint's fields */
    uint32_t message;      /* the one being read */
    uint32_t legacy_calls; /* function_call has no id: this numbers them */
    struct str safety_id;  /* escaped */
};

int openai_decode(struct openai_decode *d, const struct chat_url *url, struct str body);

/* All of these return false with *d->err set when the client is at fault. */
bool openai_wrong(struct openai_decode *d, const char *param, const char *expected,
                  const struct json *got);
bool openai_wrong_in(struct openai_decode *d, const char *field, const char *expected,
                     const struct json *got); /* "messages[3]" + field */
bool openai_take_messages(struct openai_decode *d, const struct json *v);
bool openai_take_tools(struct openai_decode *d, const struct json *v);
bool openai_take_functions(struct openai_decode *d, const struct json *v);
bool openai_take_tool_choice(struct openai_decode *d, const struct json *v);
bool openai_take_function_call(struct openai_decode *d, const struct json *v);
bool openai_take_web_search(struct openai_decode *d, const struct json *v);
bool openai_take_format(struct openai_decode *d, const struct json *v);
bool openai_take_effort(struct openai_decode *d, const struct json *v);
bool openai_take_reasoning(struct openai_decode *d, const struct json *v);
bool openai_take_thinking(struct openai_decode *d, const struct json *v);
bool openai_take_enable_thinking(struct openai_decode *d, const struct json *v);
bool openai_take_thinking_budget(struct openai_decode *d, const struct json *v);
bool openai_take_show_thinking(struct openai_decode *d, const struct json *v);
/* One content part as a block; NULL with the error set. */
struct chat_block *openai_take_part(struct openai_decode *d, const struct json *part);
enum chat_cache openai_cache(const struct json *object); /* its cache_control */
bool openai_is_null(const struct json *v);               /* absent, too */

/* --- thinking in a message, and its signatures (openai_thinking.c) --- */

struct openai_thought {
    enum chat_block_kind kind; /* BLOCK_THINKING or BLOCK_REDACTED */
    struct str text;           /* escaped */
    struct str signature;      /* escaped, unwrapped; empty: none */
    enum chat_signer signer;
};
/* A message's reasoning_content cut where its bf_thinking says. Their number; *out is in the arena. */
size_t openai_thoughts(struct arena *a, const struct json *message, struct openai_thought **out);
/* The signature of a tool call, ours or Google's; empty: none. */
struct str openai_call_signature(const struct json *call, enum chat_signer *signer);
/* The text of `reasoning_content`, or what other vendors call it; empty: none. */
struct str openai_reasoning_text(const struct json *message);
uint64_t openai_characters(struct str escaped);
/* Members of a url_citation annotation; false when it is none. */
bool openai_citation(const struct json *annotation, struct chat_citation *out);

/* --- encoding a request (openai_encode*.c) --- */

struct openai_encode {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *out;
    struct chat_error *err;
    uint32_t message; /* of the neutral request, for errors */
};
int openai_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err);
bool openai_has(const struct openai_encode *e, uint32_t quirk);
void openai_put_tools(const struct openai_encode *e);
void openai_put_format(const struct openai_encode *e);
void openai_put_reasoning(const struct openai_encode *e);
int openai_put_messages(struct openai_encode *e);
/* One block as a content part; -1 when it cannot be said. */
int openai_put_part(const struct openai_encode *e, const struct chat_block *b);

/* --- decoding an answer (openai_stream.c, openai_calls.c, openai_whole.c) --- */

#define OPENAI_CALLS_MAX 128       /* tool calls in a choice; OpenAI allows as many tools */
#define OPENAI_HELD_MAX (4u << 20) /* bytes of tool calls held back in an answer */

struct openai_call { /* a tool call of a stream */
    struct openai_call *next;
    uint64_t index; /* the wire's */
    struct str id, name;
    enum { CALL_HELD, CALL_OPEN, CALL_CLOSED } state;
    struct str signature; /* escaped, unwrapped; sent before the first delta */
    enum chat_signer signer;
    struct openai_piece *held, *held_last; /* deltas that wait */
    /* where in its arguments' JSON text it is */
    uint32_t depth;
    bool in_string, is_escaped, is_complete;
    bool has_text; /* a delta of it went out */
};
struct openai_piece {
    struct openai_piece *next;
    struct str text;
};

struct openai_choice {
    struct chat_blocks blocks;
    struct openai_call *calls, *open;
    uint32_t n_calls;
    bool has_stopped, has_refusal;
    uint32_t n_thoughts; /* tags of THINKING blocks */
};

struct openai_decoder {
    struct chat_codec c;
    struct openai_choice *choices[CHOICES_MAX];
    bool has_started, has_ended, has_choice;
    struct str id; /* escaped: of the answer */
    uint64_t held; /* bytes */
};
/* 0; -1: nonsense. NULL: no such choice. */
struct openai_choice *openai_choice(struct openai_decoder *d, const struct json *choice);
int openai_calls_delta(struct openai_decoder *d, struct openai_choice *ch, const struct json *calls,
                       const struct chat_sink *sink);
int openai_calls_finish(struct openai_decoder *d, struct openai_choice *ch,
                        const struct chat_sink *sink);
/* Something else begins: the call under way is over. */
void openai_calls_interrupt(struct openai_choice *ch, const struct chat_sink *sink);
void openai_emit_start(struct openai_decoder *d, const struct json *root,
                       const struct chat_sink *sink);
void openai_emit_error(struct openai_decoder *d, int status, const struct json *root,
                       const struct chat_sink *sink);
bool openai_emit_usage(const struct json *root, const struct chat_sink *sink);

void *openai_decoder_create(const struct chat_codec *c);
int openai_decode_frame(void *decoder, const struct chat_frame *frame,
                        const struct chat_sink *sink);
void openai_decode_end(void *decoder, const struct chat_sink *sink);
/* What a message says beside its thinking, and the choice's end. 0; -1: nonsense. */
int openai_take_rest(struct openai_decoder *d, const struct json *root, const struct json *choice,
                     const struct chat_sink *sink);
void openai_broke_off(struct openai_decoder *d, const struct chat_sink *sink);
int openai_decode_answer(void *decoder, struct str body, const struct chat_sink *sink);
void openai_decode_error(const struct chat_codec *c, int status, struct str body,
                         struct chat_error *out);

/* --- encoding an answer (openai_reply.c, openai_reply_whole.c, completions.c) --- */

void openai_put_usage(struct buf *out, const struct chat_usage *u); /* the object */
const char *openai_finish_name(const struct chat *chat, enum chat_stop stop, bool has_refusal);
/* The one string `input` of a free-form call's arguments, escaped. */
struct str openai_freeform_input(const struct chat_codec *c, struct str arguments_text);
bool openai_is_freeform(const struct chat *chat, struct str name);
void openai_put_citation(struct buf *out, const struct chat_citation *c, uint64_t index);
struct openai_span { /* of reasoning_content, in characters */
    uint64_t start, end;
};
void openai_put_thought(struct buf *out, uint64_t index, enum chat_block_kind kind,
                        struct openai_span span, struct str wrapped);
void openai_put_thought_entry(struct buf *out, uint64_t index, enum chat_block_kind kind,
                              struct openai_span span, struct str wrapped);
void openai_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out);
void openai_encode_error(const struct chat_error *err, struct str request_id, struct buf *out);
void openai_encode_error_event(const struct chat_error *err, struct str request_id,
                               struct buf *out);

struct openai_encoder_choice {
    bool has_role, has_refusal, is_freeform;
    uint32_t calls;                      /* begun */
    uint32_t thoughts;                   /* entries of bf_thinking written */
    uint32_t citations;                  /* annotations written */
    uint64_t thought_start, thought_end; /* of the block under way, in characters */
    struct arena_text signature, input;  /* what is told at a block's end */
    enum chat_signer signer;
};
struct openai_encoder {
    struct chat_codec c;
    const struct chat_reply *reply;
    struct str head; /* a chunk up to its choices */
    struct openai_encoder_choice *choices[CHOICES_MAX];
    struct chat_usage usage;
};
struct openai_encoder *openai_encoder_create(const struct chat_codec *c,
                                             const struct chat_reply *reply, bool is_completion);
void *openai_chat_encoder(const struct chat_codec *c, const struct chat_reply *reply);
void openai_encode_event(void *encoder, const struct chat_event *e, struct buf *out);
void openai_put_end(const struct openai_encoder *x, struct buf *out); /* usage, if asked; [DONE] */

/* --- at home (openai_dialect.c) --- */

void openai_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage);
bool openai_is_preamble(const struct chat_frame *frame);
void openai_look_answer(struct str body, struct chat_usage *usage);

#endif
