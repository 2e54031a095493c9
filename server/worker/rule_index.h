/*
 * rule_index - which rules may hold for a request, by comparing numbers.
 *
 * Runs in:  worker.   Reads: published (rules).   Writes: nothing shared.
 * Made once per published generation, from what each rule's scope and condition ask at least
 * (expr_guard.h). For a request each variable that is asked for is looked up once and becomes a few
 * numbers, against which a guard is two comparisons. Rules of which nothing can be said always come
 * through. Does not: evaluate conditions (rules.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_RULE_INDEX_H
#define WORKER_RULE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/expr.h"
#include "shm/rules.h"

struct pub_view;
struct rule_index;

#define RULE_WORDS (RULES_MAX / 64)

typedef bool rule_get_fn(void *ctx, uint32_t variable, struct str key, struct expr_value *out);

/* Its texts lie in the view's image: good as long as that is. */
struct rule_index *rule_index_create(const struct pub_view *v);
void rule_index_free(struct rule_index *x); /* takes NULL */
/* A bit for each rule of the image that may hold. */
void rule_index_ask(const struct rule_index *x, rule_get_fn *get, void *ctx,
                    uint64_t bits[RULE_WORDS]);

#endif
