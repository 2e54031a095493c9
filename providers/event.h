/*
 * event - the neutral answer: a stream of events, and the same folded.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * A dialect decodes its answers, streamed or whole, into these events, and encodes a stream from
 * them one by one, with no buffering of text: a delta in, a delta out. A whole answer is encoded
 * from the folded events, so one decoder serves both.
 *
 * Order, which every decoder keeps whatever its wire does: START once; then for each choice blocks
 * that do not overlap (BLOCK_START, deltas, BLOCK_STOP), then STOP once; USAGE at any time (the last
 * one counts, it is cumulative); a tool call's SIGNATURE before its first delta (a client may have
 * to see it ahead of the call); END once, last, or ERROR instead of it. Choices may interleave.
 * Texts are valid during the call only. Does not: do I/O.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_EVENT_H
#define PROVIDERS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define CHOICES_MAX 128 /* OpenAI's own bound on n */

enum chat_event_kind {
    EVENT_START = 1,   /* id, model */
    EVENT_BLOCK_START, /* block, block_kind; id and name of a tool call; raw of BLOCK_OTHER */
    EVENT_DELTA, /* text: more of the block (tool calls: of the arguments' JSON text, escaped) */
    EVENT_SIGNATURE, /* text, signer: of the block under way (thinking, redacted, tool call) */
    EVENT_CITATION,  /* citation: of the text block under way */
    EVENT_LOGPROBS,  /* raw: OpenAI's `content` array of them */
    EVENT_BLOCK_STOP,
    EVENT_STOP,  /* stop; text: the stop sequence */
    EVENT_USAGE, /* usage */
    EVENT_END,
    EVENT_ERROR /* error */
};

struct chat_event {
    enum chat_event_kind kind;
    uint32_t choice;                 /* 0.. */
    uint32_t block;                  /* number within the choice, 0.. */
    enum chat_block_kind block_kind; /* set on everything between BLOCK_START and BLOCK_STOP */
    struct str text;                 /* escaped */
    struct str id, name, model;      /* escaped */
    struct str raw;
    enum chat_signer signer;
    enum chat_stop stop;
    const struct chat_usage *usage;
    const struct chat_error *error;
    const struct chat_citation *citation;
};

/* Where a decoder puts its events. */
struct chat_sink {
    void (*fn)(void *ctx, const struct chat_event *e);
    void *ctx;
};

/* --- the blocks' order, for decoders whose wire has none (blocks.c) --- */

/* One choice under way. Zeroed is "nothing yet". */
struct chat_blocks {
    uint32_t choice;
    uint32_t n;   /* blocks begun */
    bool is_open; /* the last of them */
    enum chat_block_kind kind;
    uint64_t tag; /* the decoder's own: which tool call */
};
/* Make sure a block of this kind and tag is open: closes another one, begins this one. */
void blocks_open(struct chat_blocks *b, const struct chat_sink *sink, enum chat_block_kind kind,
                 uint64_t tag, struct str id, struct str name);
void blocks_delta(struct chat_blocks *b, const struct chat_sink *sink, struct str text);
void blocks_signature(struct chat_blocks *b, const struct chat_sink *sink, struct str signature,
                      enum chat_signer signer);
void blocks_close(struct chat_blocks *b, const struct chat_sink *sink);
/* Close what is open and say why the choice is over. */
void blocks_stop(struct chat_blocks *b, const struct chat_sink *sink, enum chat_stop stop,
                 struct str sequence);

/* --- a whole answer (fold.c) --- */

struct chat_choice_answer {
    struct chat_block *blocks, *last; /* tool calls have arguments_text */
    enum chat_stop stop;
    struct str sequence; /* escaped: the stop sequence */
    struct str logprobs; /* raw array; empty: none */
    bool seen;
};

struct chat_answer {
    struct str id, model; /* escaped, as the provider gave them */
    struct chat_choice_answer *choices;
    uint32_t n_choices;
    struct chat_usage usage;
    bool has_error, has_end;
    struct chat_error error;
};

struct chat_fold; /* collects events; in the arena */
/* `max_bytes`: of all that it keeps; past it the answer has an error. */
struct chat_fold *fold_create(const struct chat_codec *c, uint64_t max_bytes);
void fold_event(void *fold, const struct chat_event *e); /* a chat_sink's fn */
const struct chat_answer *fold_answer(struct chat_fold *fold);
/* The answer as events again: for dialects whose stream is asked for and whose upstream is not one. */
void fold_replay(const struct chat_answer *answer, const struct chat_sink *sink);

#endif
