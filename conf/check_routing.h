/*
 * check_routing - what can only be said of rules and fallbacks when all of the file was read.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Does not: compile conditions (load_routing.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CHECK_ROUTING_H
#define CONF_CHECK_ROUTING_H

#include "conf/config.h"
#include "conf/findings.h"

struct groups;

/* Where a name stands that leads to a model. */
struct check_naming {
    const char *where;
    int line;
};
/* It must be there, and be one: no pattern. */
void check_name(const struct config *c, const struct check_naming *at, const char *name,
                struct findings *f);
/* What a virtual key's aliases lead to must be there; and may it use that, and what it lists? check_keys.c */
void check_key_names(const struct groups *g, const struct conf_virtual_key *k, struct findings *f);
/* Limits of targets, queues. check_queue.c */
void check_queues(const struct config *c, struct findings *f);
void check_routing(const struct config *c, struct findings *f);

#endif
