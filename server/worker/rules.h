/*
 * rules - does a rule's condition hold for a request?
 *
 * Runs in:  worker.   Reads: published (rules, owners), counters (budget.used).   Writes: nothing shared.
 * Conditions are programs in the image, evaluated without allocating; what a variable means is
 * looked up when it is asked for. Patterns are compiled once per published generation.
 * Does not: decide what follows from it (course.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_RULES_H
#define WORKER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/worker/rule_index.h"

struct request;
struct worker;
struct rules; /* this worker's compiled patterns */

/* The rules that may hold for a request, in the order in which they are tried. */
struct rule_walk {
    uint64_t bits[RULE_WORDS];
    uint32_t word, n_words;
};

void rules_free(struct rules *rules); /* takes NULL */
/* Rule number `index` of the image. False: its condition does not hold, or asks for what is not there. */
bool rules_hold(struct request *r, uint32_t index);
void rules_begin(struct request *r, struct rule_walk *walk);
bool rules_next(struct rule_walk *walk, uint32_t *index); /* false: that was the last one */
/* Does any of them ask for request.tags? */
bool rules_ask_for_tags(struct worker *w);

#endif
