/*
 * translation - what translate.c and translate_answer.c keep of one request. Theirs only.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * In the request's arena, made by the first attempt abroad; the decoded request stays for the next
 * ones. Does not: outlive the request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TRANSLATION_H
#define WORKER_TRANSLATION_H

#include "providers/dialect.h"
#include "providers/embed.h"
#include "providers/loss.h"
#include "providers/paths.h"
#include "providers/rerank.h"

/* How the provider's answer comes. */
enum answer_form {
    ANSWER_WHOLE,       /* JSON: held until it is whole */
    ANSWER_ERROR,       /* an error status: likewise */
    ANSWER_SSE,         /* frames */
    ANSWER_EVENTSTREAM, /* frames in AWS's framing */
};

struct translation {
    const struct dialect *client, *upstream;
    struct chat_codec codec;
    struct chat chat;
    enum path_op task; /* OP_NONE: a chat; else translate_task.h */
    struct embed_ask embed;
    struct rerank_ask rerank;
    bool is_decoded;
    struct chat_loss loss; /* of the attempt */
    struct chat_reply reply;
    /* the answer under way */
    bool is_begun; /* its states are made */
    enum answer_form form;
    size_t arena_before; /* the states' growth is bounded */
    void *decoder, *encoder;
    struct chat_fold *fold; /* the client wants it whole */
    bool has_error;         /* an error event came: nothing follows */
    bool has_end;
    struct chat_error error;
    int status; /* for the client; 0: the provider's */
};

#endif
