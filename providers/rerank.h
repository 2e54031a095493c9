/*
 * rerank - documents by their relevance, across the two shapes there are: Cohere's v2/rerank, and
 * what Jina, Voyage, vLLM and others serve below an OpenAI-like root.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * "Escaped" and "raw" as in chat.h. Scores are copied as they stood. Does not: rank.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_RERANK_H
#define PROVIDERS_RERANK_H

#include "providers/chat.h"
#include "providers/dialect.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define RERANK_DOCUMENTS_MAX 100000

struct rerank_document {
    struct str text; /* escaped; of an object: its `text`, else all of it */
    struct str raw;  /* as it stood */
    bool is_object;
};

struct rerank_ask {
    enum dialect_id from;
    struct str model; /* decoded */
    struct str query; /* escaped */
    struct rerank_document *documents;
    size_t n;
    uint64_t top;                   /* 0: not told */
    uint64_t max_tokens;            /* of a document that are looked at; 0: not told */
    enum chat_three documents_back; /* in the answer */
    struct chat_text_list *extras;  /* names of what has no equivalent */
};

struct rerank_result {
    uint64_t index;
    struct str score; /* raw */
};

struct rerank_answer {
    struct rerank_result *results; /* best first, as they came */
    size_t n;
    struct chat_usage usage; /* searches: Cohere's unit */
};

/* 0; -1: *err. */
int rerank_decode_request(enum dialect_id dialect, const struct chat_codec *c, struct str body,
                          struct rerank_ask *out, struct chat_error *err);
void rerank_encode_request(enum dialect_id dialect, const struct rerank_ask *ask,
                           const struct chat_target *target, struct chat_loss *loss,
                           struct buf *out);
/* -1: nonsense. */
BF_MUST_CHECK int rerank_decode_answer(const struct chat_codec *c, const struct rerank_ask *ask,
                                       struct str body, struct rerank_answer *out);
void rerank_encode_answer(enum dialect_id dialect, const struct rerank_ask *ask,
                          const struct chat_reply *reply, const struct rerank_answer *answer,
                          struct buf *out);
bool rerank_is_spoken(enum dialect_id dialect);

#endif
