/*
 * rule_publish - a changed rule reaches every worker before its change is answered.
 *
 * Runs in:  master.   Reads: LMDB config.   Writes: region published.
 * The half that is not current may be written when every worker has taken up the current one; then
 * the workers are waited for. Several changes that wait go together. Beside a reload: whoever flips,
 * the rules of the store are in it. Does not: make rules (rule_calls.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_RULE_PUBLISH_H
#define MASTER_RULE_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

struct master;
struct rule_publish;

struct rule_publish *rule_publish_create(void);
void rule_publish_free(struct rule_publish *p); /* takes NULL */
/* Publish what the store has, then send `reply` to the call `seq`. False: too many wait. */
bool rule_publish_ask(struct master *m, uint64_t seq, struct str reply);
/* When it wants to be called again, monotonic. */
uint64_t rule_publish_tick(struct master *m, uint64_t now_ms);

#endif
