/*
 * load_capacity - `capacity:` of a provider's key: what its account can take.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: enforce anything (aggregator/headroom.c weighs it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_CAPACITY_H
#define CONF_LOAD_CAPACITY_H

#include "conf/load.h"

#define CAPACITY_TEXT_MAX 32 /* "999999999999k/m" and its end */

load_set_fn load_set_capacity; /* struct conf_capacity */
extern const struct load_table table_capacity;

/* "500/m", "200k/m", "1.5M/h" */
bool capacity_parse(struct str text, struct conf_rate *out);
void capacity_format(char text[static CAPACITY_TEXT_MAX], const struct conf_rate *rate);

#endif
