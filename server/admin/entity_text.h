/*
 * entity_text - an entity as JSON: what the master stores, and what has been used of it.
 *
 * Runs in:  admin.   Reads: published (owners, accounts, calendars), counters, live (holds).
 * Writes: nothing shared.
 * The master's JSON names the account of each budget and limit; from the counters come used, held,
 * remaining and when it begins anew. What a row cannot tell (it has just been replaced) is left out.
 * Does not: look anything up in the master.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ENTITY_TEXT_H
#define ADMIN_ENTITY_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/entity.h"
#include "server/admin/exchange.h"
#include "server/admin/writer.h"
#include "server/base/json.h"
#include "shm/owners.h"

/* Of an account, now. used + held + remaining is the limit, unless more than it was used. */
struct account_state {
    uint64_t limit, used, held, remaining;
    uint64_t begins_ms; /* of the window; 0: it slides */
    uint64_t resets_ms; /* 0: never, or not known */
};
/* `rule` is an element of "budgets" or "rate_limits". False: its account is not to be read. */
BF_MUST_CHECK bool account_state_of(struct exchange *ex, const struct json *rule,
                                    struct account_state *out);

void account_state_at(struct exchange *ex, const struct account *a, struct account_state *out);
/* used, held, remaining and resets of a budget, as members of the open object. */
void account_state_write(struct writer *w, const struct account_state *state);

/* Members of the open object. A key's defaults that the master leaves out are there for scripts. */
void entity_text_write(struct exchange *ex, struct writer *w, enum entity_kind kind,
                       const struct json *entity);
/* The members of one budget. */
void entity_text_budget(struct exchange *ex, struct writer *w, const struct json *budget);

/* --- provider_budgets.c --- */

/* Elements of the open array: the budgets of each provider that ?name= lets through. */
void provider_budgets_write(struct exchange *ex, struct writer *w);

#endif
