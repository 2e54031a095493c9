/*
 * load_routing - the setters of rules and fallbacks, for the tables that have them.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: look at more than one value at a time (check_routing.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_ROUTING_H
#define CONF_LOAD_ROUTING_H

#include "conf/load.h"
#include "conf/routing.h"

load_set_fn load_set_queue;    /* struct conf_queue; load_queue.c */
load_set_fn load_set_priority; /* enum conf_key_priority; load_queue.c */
extern const struct load_table table_queue;
load_set_fn load_set_model_timeout, load_set_fallbacks; /* struct conf_model */
load_set_fn load_set_routing_rules;                     /* struct config */
extern const struct load_table table_model_timeout, table_rule;

/* limits.retry_ratio: a percentage, in thousandths of one. */
load_set_fn load_set_retry_ratio;

#endif
