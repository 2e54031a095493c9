/*
 * export_money - customers, teams, keys and model limits as the file, or the API, says them.
 *
 * Runs in:  master, bfctl check.   Reads, writes: nothing shared.
 * What was left out or is empty is not written, so that what is written and read again is the same.
 * Does not: write a key's value or hash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_EXPORT_MONEY_H
#define CONF_EXPORT_MONEY_H

#include "conf/emit.h"
#include "conf/money.h"

/* What an answer of the API says beside a rule: members of its mapping. `part`: a key's provider; NULL. */
struct export_extra {
    void (*budget)(void *ctx, struct emitter *w, const char *part, const struct conf_budget *b);
    void (*limit)(void *ctx, struct emitter *w, const char *part, const struct conf_limit *l);
    void (*concurrency)(void *ctx, struct emitter *w, const char *part); /* of the owner's */
    void *ctx;
};

/* Members of the mapping that is open; `x` may be NULL. An owner's budgets and limits, ... */
void export_rules(struct emitter *w, const struct conf_rules *rules, const char *part,
                  const struct export_extra *x);
/* ... and all of it; a key and a model limit with their names. */
void export_customer(struct emitter *w, const struct conf_customer *c,
                     const struct export_extra *x);
void export_team(struct emitter *w, const struct conf_team *t, const struct export_extra *x);
void export_key(struct emitter *w, const struct conf_virtual_key *k, const struct export_extra *x);
void export_model_limit(struct emitter *w, const struct conf_model_limit *m,
                        const struct export_extra *x);
/* `customers`, `teams`, `model_limits`, `durability`, `on_disconnect`. */
void export_money(struct emitter *w, const struct config *c);

#endif
