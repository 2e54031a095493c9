/*
 * cause - what a provider's refusal is about, where another model may well answer.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * Vendors tell a prompt that is too long for the model, and one that their content filter refused, as
 * a bad request like any other; only a code, or the message's words, set them apart. Words come
 * from the vendors' own references and from what their servers answer. Does not: parse bodies (a
 * dialect's decode_error does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_CAUSE_H
#define PROVIDERS_CAUSE_H

#include "providers/chat.h"

enum error_cause {
    CAUSE_OTHER,
    CAUSE_CONTEXT, /* the prompt is too long for the model */
    CAUSE_FILTER,  /* a content filter refused it */
};

enum error_cause cause_of(const struct chat_error *e);

#endif
