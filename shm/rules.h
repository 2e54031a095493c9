/*
 * rules - routing rules as they lie in the image, and what a condition may ask.
 *
 * Runs in:  master (packs), worker (evaluates), admin (explains).   Region: published.
 * Sorted by scope (key, team, customer, everybody), then priority, then as the file has them: the
 * first that holds wins. Does not: know what a variable's value is (worker/rules.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RULES_H
#define SHM_RULES_H

#include <stdint.h>

#include "server/base/expr.h"

#define RULES_MAX 1024

/* In the order of conf/load_routing.c, which has names and types. */
enum rule_variable {
    RULE_MODEL,
    RULE_PROVIDER, /* before its slash, when the client named one */
    RULE_REQUEST_TYPE,
    RULE_REQUEST_DIALECT,
    RULE_REQUEST_STREAM,
    RULE_REQUEST_TOKENS, /* of the prompt, estimated */
    RULE_REQUEST_MAX_TOKENS,
    RULE_REQUEST_BYTES,
    RULE_REQUEST_HAS_TOOLS,
    RULE_REQUEST_HAS_IMAGES,
    RULE_REQUEST_ADDRESS,
    RULE_KEY_NAME,
    RULE_KEY_ID,
    RULE_KEY_TEAM,
    RULE_KEY_CUSTOMER,
    RULE_KEY_TAGS,
    RULE_BUDGET_USED, /* 0..1 and beyond: of the fullest budget on the path */
    RULE_TIME_HOUR,   /* UTC */
    RULE_TIME_MINUTE,
    RULE_TIME_WEEKDAY, /* 0: Sunday */
    RULE_HEADERS,
    RULE_PARAMS,       /* of the URL */
    RULE_REQUEST_TAGS, /* of x-bf-tags */
    RULE_VARIABLES
};
extern const char *const rule_variable_names[RULE_VARIABLES]; /* "key.team" */

enum rule_scope { RULE_OF_KEY, RULE_OF_TEAM, RULE_OF_CUSTOMER, RULE_OF_ALL, RULE_SCOPES };

#endif
