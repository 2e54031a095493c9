/*
 * openai - the OpenAI dialect: where things are in a request and an answer.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Wire: OpenAI API reference (chat completions, completions, responses, embeddings, moderations,
 * images, audio, files, models). Same dialect in and out, so a request is scanned once and spliced,
 * an answer is looked at in passing. Does not: do I/O, resolve models, change any byte but those a
 * splice names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_DIALECTS_OPENAI_H
#define PROVIDERS_DIALECTS_OPENAI_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/json.h"
#include "server/base/str.h"

/* What one scan of a JSON body finds. Spans point into the body. */
struct openai_request {
    struct str model;     /* unescaped (arena when it had escapes); STR_NONE: absent */
    struct str model_raw; /* the value's span with its quotes: what is spliced */
    bool model_is_string; /* false with a model_raw: wrong type */
    bool stream;
    bool include_usage;      /* the client asked for the usage chunk itself */
    bool has_stream_options; /* as an object */
    struct str stream_options_raw;
    struct str include_usage_raw; /* the value inside stream_options, when it is there */
    struct str body;
    /* What it may cost; the greatest where a body says it twice. Also as Gemini and Bedrock write it. */
    uint64_t max_tokens;      /* of an answer; 0: not given */
    uint64_t choices;         /* answers asked for; 0: not given */
    struct str service_tier;  /* still escaped; empty: not given */
    struct str fallbacks_raw; /* "fallbacks", which is no vendor's; STR_NONE: absent */
    bool has_tools;
    bool has_reference; /* the prompt is more than the body: a stored response, a cached content */
};

/* 0, or -1 with *err (not JSON, or not an object). Duplicate keys: the last wins, all `model`s must
 * be alike. */
BF_MUST_CHECK int openai_scan(struct json_parser *p, struct arena *a, struct str body,
                              struct openai_request *out, struct json_error *err);

/* The body cut into parts to send: spans of the original and what is put between them. */
#define OPENAI_PARTS_MAX 8
struct openai_parts {
    struct str parts[OPENAI_PARTS_MAX];
    size_t n;
    uint64_t bytes;
};
/*
 * Put `model` in the place of the client's; when `add_usage`, make stream_options.include_usage
 * true (only chat and completions streams whose client did not ask). Everything else stays byte for
 * byte.
 */
void openai_splice(const struct openai_request *req, struct arena *a, struct str model,
                   bool add_usage, struct openai_parts *out);

struct openai_usage {
    bool known;
    uint64_t input, output, cached, reasoning;
    uint64_t written; /* into the provider's cache */
};
/*
 * Usage of a JSON answer: chat, completions, embeddings (`usage.prompt_tokens`) and responses
 * (`usage.input_tokens`). `body` may be the answer's last part only, beginning anywhere. The last
 * object named "usage" that tells tokens is taken; *out is left alone when there is none.
 */
void openai_usage(struct str body, struct openai_usage *out);

/* What one event of a stream is, found in passing without parsing it. */
struct openai_event {
    bool is_usage_only; /* `choices` is empty and `usage` told: the chunk nobody but us asked for */
    bool is_done;       /* [DONE] */
    bool is_finish;     /* a finish_reason, or the responses API's last event */
    bool is_error;      /* an error object, or the responses API's error events */
    uint64_t content_bytes; /* of text, thinking and tool arguments in it, as escaped on the wire */
};
/* Fills *out and updates *usage when the event tells it. */
void openai_event(struct str data, struct openai_event *out, struct openai_usage *usage);

/*
 * Does a chunk of a chat or completions stream say nothing yet: only a role, no choice at all, an empty
 * text? False for what is no chunk.
 */
bool openai_is_empty(struct str data);

/*
 * Find the form field "model" of a multipart/form-data body (RFC 7578). 1: *value is its span in
 * the body; 0: there is none; -1: the body is not sound, or it has the field more than once (so
 * that nobody is admitted for one model and served by another).
 */
BF_MUST_CHECK int openai_multipart_model(struct str content_type, struct str body,
                                         struct str *value);
/* The body cut around `value`, with `model` in its place. */
void openai_multipart_splice(struct str body, struct str value, struct str model,
                             struct openai_parts *out);

/* A client's error object: {"error":{"message","type","param","code"}}, into the arena. param may
 * be empty: null. */
struct str openai_error(struct arena *a, struct str message, const char *type, const char *code,
                        struct str param);
/* The same as the last event of a broken stream: "data: {...}\n\n". */
struct str openai_error_event(struct arena *a, struct str message, const char *type,
                              const char *code);

#endif
