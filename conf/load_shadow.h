/*
 * load_shadow - `models.<name>.shadow`: who gets copies of how many requests.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: look at more than one value at a time (check_shadow is for check_routing.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_SHADOW_H
#define CONF_LOAD_SHADOW_H

#include "conf/load.h"

#define SHADOW_MS_DEFAULT 120000 /* how long one may take */

load_set_fn load_set_shadow; /* struct conf_model */
extern const struct load_table table_shadow;

/* Is its provider there? */
void check_shadow(const struct config *c, const struct conf_model *m, struct findings *f);

#endif
