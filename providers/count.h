/*
 * count - how many tokens a request has, asked in one dialect and told in another.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * The question is a chat request in a wrapping of its dialect's; the answer is a number. Where the
 * provider has no way to be asked it is estimated: a quarter of the text's bytes, which the answer
 * says of itself (x-bf-estimated). Does not: tokenize.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_COUNT_H
#define PROVIDERS_COUNT_H

#include "providers/chat.h"
#include "providers/dialect.h"
#include "providers/loss.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

struct count_dialect {
    /* The chat that is to be counted. 0; -1: *err. `url` may be NULL where the body has the model. */
    int (*decode_request)(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err);
    /* NULL: a provider cannot be asked in this dialect. What is no part of a prompt is no loss. */
    int (*encode_request)(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct buf *out,
                          struct chat_error *err);
    /* False: nonsense. */
    bool (*read)(struct str body, uint64_t *tokens);
    void (*write)(uint64_t tokens, struct buf *out);
};

/* NULL: the dialect's clients cannot ask (OpenAI chat). */
const struct count_dialect *count_dialect_get(enum dialect_id id);
/* A quarter of the bytes of texts, thoughts, arguments and schemas; at least 1. */
uint64_t count_estimate(const struct chat *chat);
/* Can a provider of this dialect count this chat? Cohere's counts texts only. */
bool count_can(enum dialect_id id, const struct chat *chat);

#endif
