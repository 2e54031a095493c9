/*
 * loss - what a translation could not say: the x-bf-fidelity header.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Names are the client's: what it would look for in its own request. Static or in the arena.
 * Does not: decide whether a loss is acceptable (x-bf-strict does, in the worker).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_LOSS_H
#define PROVIDERS_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/str.h"

#define LOSS_MAX 64 /* names of each sort; more are counted as "..." */

struct chat;

struct chat_loss {
    struct str dropped[LOSS_MAX], changed[LOSS_MAX];
    size_t n_dropped, n_changed;
};

/* Each name once, however often it happens. */
void loss_drop(struct chat_loss *l, struct str name);
void loss_change(struct chat_loss *l, struct str name);
/*
 * Name what few wires have and the request has set: sampling parameters, labels, storage. `said`: what
 * the encoder has written, or named itself.
 */
#define SAID_PENALTIES (1u << 0) /* presence and frequency */
#define SAID_SEED (1u << 1)
#define SAID_LOGPROBS (1u << 2)
#define SAID_USER (1u << 3)
#define SAID_METADATA (1u << 4)
void loss_unsaid(struct chat_loss *l, const struct chat *chat, uint32_t said);
bool loss_is_full(const struct chat_loss *l); /* nothing was lost: "full" fidelity */
/* "full", or "partial; dropped=seed,logit_bias; changed=temperature". */
struct str loss_header(const struct chat_loss *l, struct arena *a);

#endif
