/*
 * routing - rules and fallbacks, as a configuration says them.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing.
 * A rule's condition is compiled when it is read (server/base/expr.h), so that one which cannot work
 * is an error with its line and column. Does not: know shared memory, evaluate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_ROUTING_H
#define CONF_ROUTING_H

#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"
#include "server/base/expr.h"
#include "server/base/json.h"

#define CONF_RULES_MAX 1024
#define CONF_FALLBACKS_MAX 8 /* of one model */
#define CONF_PRIORITY_MAX 1000000

/* What a condition may ask: names and types, in the order of enum rule_variable (shm/rules.h). */
extern const struct expr_variables conf_rule_variables;

/* Whose requests a rule is for. */
enum conf_rule_scope { CONF_RULE_KEY, CONF_RULE_TEAM, CONF_RULE_CUSTOMER, CONF_RULE_GLOBAL };

struct conf_rule {    /* an entry of `rules:` */
    const char *name; /* NULL: it has none */
    const char *when; /* as it is written; NULL: always */
    struct str program;
    const char *use;   /* a name as a client might ask for it */
    uint32_t scope;    /* enum conf_rule_scope */
    const char *whose; /* name of the key, team or customer; NULL: everybody */
    uint32_t priority; /* lower goes first within a scope; default 100 */
    struct conf_origin origin;
};

/*
 * A rule by itself, as the API's JSON has it, checked by the file's own table; in the arena. -1: what is
 * wrong, a condition's with its column.
 */
BF_MUST_CHECK int conf_rule_load(struct conf_rule *out, const struct json *body, struct arena *a,
                                 struct error *err);
void conf_rule_json(const struct conf_rule *r, struct buf *out);

#endif
