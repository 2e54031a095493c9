/*
 * dialect - one wire format as a table of functions; all six have the same.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * At home (same dialect in and out) only the `look` functions run: bytes pass untouched, and usage
 * is read in passing. Abroad: decode_request once, encode_request for each attempt, a decoder for
 * the provider's answer and an encoder for the client's. States come from the codec's arena and
 * need no end. Every byte that comes in is hostile. Does not: do I/O, keep what is in `scratch`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_DIALECT_H
#define PROVIDERS_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/event.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

/* What the URL said, where a dialect says it there. */
struct chat_url {
    struct str model; /* decoded; empty: the body has it */
    bool stream;
};

/* What an answer's encoder must know beside the events. */
struct chat_reply {
    const struct chat *chat; /* the request */
    struct str id;           /* ours, "0192f0c1-...": answers are "chatcmpl-" + this, ... */
    struct str model;        /* as the client asked for it; not escaped */
    uint64_t created_s;      /* real time */
    bool stream;             /* the client gets one */
    bool sse;                /* Gemini: alt=sse, else a JSON array */
};

/* One piece of a provider's stream, its framing taken off (sse.h, eventstream.h). */
struct chat_frame {
    struct str name;   /* SSE `event:` or the event stream's :event-type; empty: none */
    struct str data;   /* JSON */
    bool is_exception; /* event stream: :message-type exception or error */
};

/* What is seen in passing at home. */
struct chat_seen {
    bool is_usage_only; /* OpenAI: the chunk that nobody but us asked for */
    bool is_done;       /* the stream's last event */
    bool is_finish;     /* a stop reason */
    bool is_error;
    uint64_t content_bytes; /* of text, thinking and arguments, as escaped on the wire */
};

struct dialect {
    enum dialect_id id;
    const char *name;        /* "anthropic" */
    const char *stream_type; /* content-type of its streams */

    /* 0; -1: *err says what is wrong, in the client's words. `body` must outlive *out. */
    int (*decode_request)(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err);
    /* Append the body. 0; -1: it cannot be said at all (*err). Messages are the last member. */
    int (*encode_request)(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err);

    /* A state for decoding one answer. */
    void *(*decoder)(const struct chat_codec *c);
    /* A frame of a stream. -1: nonsense (the events so far stand). */
    int (*decode_frame)(void *decoder, const struct chat_frame *frame,
                        const struct chat_sink *sink);
    /* The stream is over: END, or ERROR when it broke off before its end. */
    void (*decode_end)(void *decoder, const struct chat_sink *sink);
    /* A whole answer with a good status, START to END. -1: nonsense, before any event. */
    int (*decode_answer)(void *decoder, struct str body, const struct chat_sink *sink);
    /* A provider's error body; always fills *out, with the text of a body it cannot read too. */
    void (*decode_error)(const struct chat_codec *c, int status, struct str body,
                         struct chat_error *out);

    /* A state for encoding one answer. */
    void *(*encoder)(const struct chat_codec *c, const struct chat_reply *reply);
    /* Append what the client's stream says of the event, framing included; may be nothing. */
    void (*encode_event)(void *encoder, const struct chat_event *e, struct buf *out);
    /* Append a whole answer's body. What the dialect cannot say goes into *loss. */
    void (*encode_answer)(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out);
    /* Append an error body in the dialect. */
    void (*encode_error)(const struct chat_error *err, struct str request_id, struct buf *out);
    /*
     * The header of an error answer that names its type, beside the body: x-amzn-errortype, by
     * which AWS's SDKs choose the exception. Both NULL: the dialect has none.
     */
    const char *error_header;
    const char *(*error_type)(const struct chat_error *err);
    /* Append it as the last words of a stream that has begun, framing included. */
    void (*encode_error_event)(const struct chat_error *err, struct str request_id,
                               struct buf *out);

    /* At home. One frame in passing, without a full parse; *usage is updated when it tells. */
    void (*look_frame)(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage);
    /*
     * Does a frame that is no error only announce an answer, with nothing of it yet: no text, thinking,
     * tool call, end? Asked for the first frames of a stream only; what is not known is no preamble.
     */
    bool (*is_preamble)(const struct chat_frame *frame);
    /* A whole answer, or its last part. */
    void (*look_answer)(struct str body, struct chat_usage *usage);
};

/* NULL for DIALECT_NONE and what is out of range. */
const struct dialect *dialect_get(enum dialect_id id);
/* Their names, also of those that this build does not speak; [DIALECT_NONE] is "". */
extern const char *const dialect_names[DIALECTS];

extern const struct dialect dialect_openai, dialect_responses, dialect_anthropic, dialect_gemini,
    dialect_bedrock, dialect_cohere;

/*
 * The legacy completions endpoint: clients only, spoken by no provider here. Its requests become
 * chats, its answers are made of chat events; the other functions are dialect_openai's.
 */
extern const struct dialect dialect_completions;

/*
 * Bedrock's InvokeModel with bodies of Anthropic and of Amazon Titan: clients only. Streams are
 * event streams whose chunks have the inner event in base64.
 */
extern const struct dialect dialect_invoke_anthropic, dialect_invoke_titan;

#endif
