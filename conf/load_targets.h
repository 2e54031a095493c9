/*
 * load_targets - the setters of what narrows or holds a model's routes: targets, shares, tags.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: know which names there are (check_models.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_TARGETS_H
#define CONF_LOAD_TARGETS_H

#include "conf/load.h"

load_set_fn load_set_targets;    /* struct conf_model */
load_set_fn load_set_caller;     /* struct conf_caller */
load_set_fn load_set_route_tags; /* const char *const * with size_t behind it: words for a header */

#endif
