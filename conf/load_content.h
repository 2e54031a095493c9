/*
 * load_content - what a model of `models:` says of refused prompts and of slow streams.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: look at more than one value at a time (check_routing.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_CONTENT_H
#define CONF_LOAD_CONTENT_H

#include "conf/load.h"

load_set_fn load_set_fallback_list, load_set_throughput; /* struct conf_model */
extern const struct load_table table_model_throughput;

#endif
