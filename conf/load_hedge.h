/*
 * load_hedge - `models.<name>.hedge`: after how long a second route is asked, and how often at most.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: look at more than one value at a time (check_hedge is for check_routing.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_HEDGE_H
#define CONF_LOAD_HEDGE_H

#include "conf/load.h"

#define HEDGE_SHARE_MAX 50000 /* thousandths of a percent: with more every request would be two */
#define HEDGE_SHARE_DEFAULT 5000 /* when only `after` is said */

load_set_fn load_set_hedge; /* struct conf_model */
extern const struct load_table table_hedge;

/* Is there a second route, and time to ask it? */
void check_hedge(const struct config *c, const struct conf_model *m, struct findings *f);

#endif
