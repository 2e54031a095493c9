/*
 * load_money - what the readers of customers, teams, keys and model limits share.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Rules (budgets, limits) stand among an owner's other keys, so its table has them by a macro.
 * Only included inside conf/. Does not: look at two owners at once (check_money.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_MONEY_H
#define CONF_LOAD_MONEY_H

#include "conf/load.h"
#include "conf/money.h"

/* How a table's object leads to its rules; in the `min` of these keys. */
enum load_rules { LOAD_RULES_INSIDE, LOAD_RULES_POINTER, LOAD_RULES_OF_KEY };

/* clang-format off */
#define LOAD_RULES(where, how)                                                                     \
    {"budget", "amount", load_set_budget, where, how, 0, false},                                   \
    {"budgets", "list of mappings", load_set_budgets, where, how, 0, false},                       \
    {"rate_limit", "whole number", load_set_rate_limit, where, how, 0, false},                     \
    {"rate_limits", "list of mappings", load_set_rate_limits, where, how, 0, false},               \
    {"concurrency", "whole number", load_set_concurrency, where, how, 0, false}
/* clang-format on */

load_set_fn load_set_budget, load_set_budgets, load_set_rate_limit, load_set_rate_limits,
    load_set_concurrency;
/* What no single rule shows: duplicates, too many. After the owner's mapping was read. */
void load_rules_check(struct load *l, const struct load_at *at, const struct conf_rules *rules);

/* A virtual key's `scope`, made when it is first needed. */
struct conf_key_scope *load_scope(struct load *l, void *virtual_key);
void load_scope_check(struct load *l, const struct load_at *at, const struct conf_virtual_key *k);

load_set_fn load_set_metadata; /* const char *: a JSON object */
load_set_fn load_set_tags;     /* const char *const *tags with size_t n_tags right behind */
load_set_fn load_set_team, load_set_customer, load_set_key_providers, load_set_routes,
    load_set_networks, load_set_scope_texts, load_set_scope_tags, load_set_scope_metadata,
    load_set_aliases;
/* 1..CONF_NAME_MAX bytes without control characters. */
bool load_entity_name_is_good(struct load *l, const struct load_at *at, struct str name);

load_set_fn load_set_customers, load_set_teams, load_set_model_limits, load_set_durability,
    load_set_on_disconnect;
extern const struct load_table table_budget, table_rate_limit, table_customer, table_team,
    table_model_limit, table_key_provider;

/* A default that was taken, for the answer to who left it out. */
void load_default(struct load *l, const struct load_at *at, const char *fmt, ...) BF_PRINTF(3, 4);

#endif
