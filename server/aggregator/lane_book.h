/*
 * lane_book - what is known of single models on routes that serve any model.
 *
 * Runs in:  aggregator, below health.c.   Reads, writes: its own memory only.
 * A lane is made when a model is told to rest (429) or when its limits run low, and forgotten when it has
 * all of its row's weight again. Its place is shm/lanes.h's, so what is told can be taken over from a
 * predecessor. When all places of a lane are taken, the one that is over soonest goes.
 * Does not: know names, touch a region (it is told by a callback).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_LANE_BOOK_H
#define AGGREGATOR_LANE_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/lanes.h"
#include "shm/sample.h"

struct lane_book;

struct lane_book *lane_book_create(void);
void lane_book_free(struct lane_book *b); /* takes NULL */

/* Of a row for any model; `rest_until_ms` 0: it need not rest. True: it rests, which is urgent. */
bool lane_book_sample(struct lane_book *b, const struct sample *s, uint64_t rest_until_ms,
                      uint64_t at_ms);
/* How often it was told to rest without being told how long, one after the other; it is counted. */
uint32_t lane_book_pauses(struct lane_book *b, uint32_t row, uint32_t model);
/* What a predecessor told of this place; without `goes_on` it is freed at the next tick. */
void lane_book_seed(struct lane_book *b, uint32_t place, const struct lane *told, bool goes_on);
void lane_book_forget_row(struct lane_book *b, uint32_t row);

typedef void lane_fn(void *ctx, uint32_t place, const struct lane *now); /* model 0: it is free */
/* Tell what changed. Returns how many are in use. */
uint32_t lane_book_tick(struct lane_book *b, uint64_t now_ms, lane_fn *fn, void *ctx);

#endif
