/*
 * entity - what the commands for keys, teams, customers and model limits share.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared.
 * Options that say what an entity may and how much, as the JSON of the API; finding one by its name;
 * the changes that look alike for all. Does not: check amounts (the gateway does, and says why).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_ENTITY_H
#define BFCTL_ENTITY_H

#include <stdbool.h>

#include "server/base/buf.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/ctl.h"

struct entity_options {
    const char *name, *models, *deny_models, *expires, *team, *customer, *budget, *rate_limit,
        *token_limit, *concurrency, *tags, *value, *priority;
    bool inactive, strict;
};

struct entity_verbs {
    const char *command;     /* "teams" */
    const char *path;        /* "/api/teams" */
    const char *noun;        /* "team" */
    const char *columns;     /* of its list */
    bool is_key;             /* has models, an expiry, a text of its own */
    bool has_customer;       /* may belong to one */
    const struct args *uses; /* by verb */
};

/* The options of create and update; those that not all kinds have stand at the end. */
#define ENTITY_OPTIONS 15
#define ENTITY_OPTIONS_CUSTOMER 6 /* a customer has these */
#define ENTITY_OPTIONS_TEAM 7     /* ... and a team these */
extern const struct arg entity_options[ENTITY_OPTIONS];
/* Those of list, likewise. */
#define ENTITY_FILTERS 5
#define ENTITY_FILTERS_CUSTOMER 3
#define ENTITY_FILTERS_TEAM 4
extern const struct arg entity_filters[ENTITY_FILTERS];
/* That of delete, for what has others below it. */
extern const struct arg entity_delete_options[1];

/* As an object; `is_patch`: "none" takes a field away. CTL_OK, or the status of an error told. */
BF_MUST_CHECK int entity_body(const struct entity_options *o, bool is_patch, struct buf *out);
/* A name is looked up; only what is no name counts as an id. Else an error was told. */
BF_MUST_CHECK int entity_resolve(struct ctl *c, const struct entity_verbs *v, const char *word,
                                 struct str *out_id);

/* One word, a name or an id, as the path of that entity with `end` behind it. As entity_resolve. */
BF_MUST_CHECK int entity_path(struct ctl *c, const struct entity_verbs *v, int argc, char **argv,
                              const char *end, struct buf *out);

/* The verbs, each with its words behind the command's. */
int entity_list(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
int entity_create(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
int entity_update(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
int entity_show(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
int entity_delete(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
/* POST .../{id}/`verb` without a body: block, unblock, reset; `done` is the word for it. */
int entity_post(struct ctl *c, const struct entity_verbs *v, int argc, char **argv,
                const char *verb, const char *done);

/* "0.0012 of 1000 per 1M" and the like, of an entity's budgets and limits; into a table's cell. */
struct table;
void entity_rules_cell(struct table *t, const struct json *entity);
/* "12.500000000" as "12.50": two digits at least, no zeros behind them. */
void entity_money(struct buf *out, struct str amount);

#endif
