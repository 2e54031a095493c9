/*
 * embed - embeddings across dialects: what is asked, the vectors, and how each wire says them.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * "Escaped" and "raw" as in chat.h. Numbers of vectors are copied as they stood; they are only read
 * where one wire has floats and the other base64 of them. A dialect that embeds one text a request
 * refuses more: nothing is asked twice behind the client's back. Does not: embed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_EMBED_H
#define PROVIDERS_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define EMBED_INPUTS_MAX 10000

enum embed_kind {
    EMBED_TEXT = 1,
    EMBED_TOKENS, /* OpenAI: numbers of its own tokenizer */
    EMBED_IMAGE,  /* a data URL or another one */
    EMBED_MIXED   /* texts and images in one vector: only its own dialect can say it */
};

struct embed_input {
    struct embed_input *next;
    enum embed_kind kind;
    struct str text; /* escaped: a text; a URL */
    struct str raw;  /* as it stood: TOKENS, MIXED */
};

enum embed_task {
    EMBED_TASK_UNSET,
    EMBED_TASK_QUERY,
    EMBED_TASK_DOCUMENT,
    EMBED_TASK_CLASSIFY,
    EMBED_TASK_CLUSTER,
    EMBED_TASK_SIMILARITY,
    EMBED_TASK_OTHER /* `task_text` */
};

/* Number formats, as bits. */
#define EMBED_FLOAT (1u << 0)
#define EMBED_BASE64 (1u << 1) /* of little-endian 32-bit floats */
#define EMBED_INT8 (1u << 2)
#define EMBED_UINT8 (1u << 3)
#define EMBED_BINARY (1u << 4)
#define EMBED_UBINARY (1u << 5)
#define EMBED_FORMATS 6

struct embed_ask {
    enum dialect_id from;
    struct str model; /* decoded */
    struct embed_input *inputs, *last;
    size_t n_inputs;
    bool is_list;        /* Gemini: batchEmbedContents */
    uint32_t formats;    /* EMBED_*; 0: not told, which is floats everywhere */
    uint64_t dimensions; /* 0: not told */
    enum embed_task task;
    struct str task_text;          /* escaped: as the client wrote it */
    struct str truncate;           /* escaped: "NONE", "START", "END"; empty: not told */
    struct str user, title;        /* escaped */
    enum chat_three normalize;     /* Titan */
    struct chat_text_list *extras; /* names of what has no equivalent */
};

struct embed_vector {
    uint32_t format; /* one of EMBED_*; 0: there was none */
    struct str raw;  /* an array; BASE64: the text, escaped */
};

struct embed_answer {
    struct str id; /* escaped */
    struct embed_vector *vectors;
    size_t n;
    struct chat_usage usage;
};

/* What the wires of embeddings have in common; NULL functions are not there. */
struct embed_dialect {
    /* 0; -1: *err. `url` may be NULL. */
    int (*decode_request)(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct embed_ask *out, struct chat_error *err);
    int (*encode_request)(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err);
    /* -1: nonsense, or another number of vectors than was asked for. */
    int (*decode_answer)(const struct chat_codec *c, const struct embed_ask *ask, struct str body,
                         struct embed_answer *out);
    void (*encode_answer)(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_reply *reply, const struct embed_answer *answer,
                          struct buf *out);
};

/* NULL: the dialect has no embeddings (Anthropic, Responses). */
const struct embed_dialect *embed_dialect_get(enum dialect_id id);
extern const struct embed_dialect embeddings_openai, embeddings_gemini, embeddings_cohere,
    embeddings_bedrock;

/* --- for the dialects (embed.c) --- */

struct embed_input *embed_add(const struct chat_codec *c, struct embed_ask *ask,
                              enum embed_kind kind, struct str text);
void embed_extra(const struct chat_codec *c, struct embed_ask *ask, struct str name);
/* What of the extras, and of what only some dialects have, is lost. */
#define EMBED_HAS_TASK (1u << 0)
#define EMBED_HAS_TRUNCATE (1u << 1)
#define EMBED_HAS_USER (1u << 2)
#define EMBED_HAS_DIMENSIONS (1u << 3)
#define EMBED_HAS_TITLE (1u << 4)
#define EMBED_HAS_NORMALIZE (1u << 5)
void embed_name_losses(const struct embed_ask *ask, uint32_t has, struct chat_loss *loss);
/*
 * The formats to ask of a wire that has `can`: those asked for, or floats with a loss where
 * something was asked for that they cannot be made into.
 */
uint32_t embed_formats(const struct embed_ask *ask, uint32_t can, struct chat_loss *loss);
/* Texts only; -1 with *err for anything else. */
BF_MUST_CHECK int embed_want_texts(const struct chat_codec *c, const struct embed_ask *ask,
                                   const char *who, struct chat_error *err);
/* A JSON value of this format, made of another one where need be. */
void embed_write(const struct chat_codec *c, const struct embed_vector *v, uint32_t format,
                 struct buf *out);
const char *embed_format_name(uint32_t format); /* "int8" */
uint32_t embed_format_of(struct str escaped);   /* 0: unknown */
/* An array of arrays (or of base64 texts) into the vectors, in its order. */
BF_MUST_CHECK int embed_take_list(const struct chat_codec *c, size_t want, uint32_t format,
                                  struct str list, struct embed_answer *out);
uint32_t embed_first(uint32_t formats); /* the one to answer with, where there can be one */

#endif
