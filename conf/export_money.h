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

/* Members of the mapping that is open: an owner's budgets and limits, ... */
void export_rules(struct emitter *w, const struct conf_rules *rules);
void export_customer(struct emitter *w, const struct conf_customer *c); /* without the name */
void export_team(struct emitter *w, const struct conf_team *t);         /* likewise */
void export_key(struct emitter *w, const struct conf_virtual_key *k);   /* with it */
void export_model_limit(struct emitter *w, const struct conf_model_limit *m);
/* `customers`, `teams`, `model_limits`, `durability`, `on_disconnect`. */
void export_money(struct emitter *w, const struct config *c);

/* One of them; what else an API answers about it may replace it (entity.h of the master). */
void export_budget(struct emitter *w, const struct conf_budget *b); /* members */
void export_limit(struct emitter *w, const struct conf_limit *l);   /* members */

#endif
