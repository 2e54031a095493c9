/*
 * entity - one customer, team, key or model limit by itself, as the API's JSON has it.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * The same tables as for the file check it; environment variables mean nothing in it. What was
 * loaded can be written again, so that a change is the old JSON, merged with what is to change, loaded
 * anew. Does not: know who else there is (the caller looks for parents and names).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_ENTITY_H
#define CONF_ENTITY_H

#include "conf/export_money.h"
#include "conf/money.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/json.h"

enum conf_kind { CONF_CUSTOMER, CONF_TEAM, CONF_KEY, CONF_MODEL_LIMIT, CONF_KINDS };
extern const char *const conf_kind_names[CONF_KINDS]; /* "customer", "team", "key", "model_limit" */

struct conf_entity {
    enum conf_kind kind;
    const char *name; /* of any kind; a model limit's is its pattern */
    union {
        struct conf_customer customer;
        struct conf_team team;
        struct conf_virtual_key key; /* hint NULL: it has neither value nor hash */
        struct conf_model_limit limit;
    };
};

/*
 * From a JSON object; all of it lies in the arena. -1: what is wrong, each with its path. `defaults`
 * (may be NULL) gets a line for each default that was taken.
 */
BF_MUST_CHECK int conf_entity_load(struct conf_entity *out, enum conf_kind kind,
                                   const struct json *body, struct arena *a, struct buf *defaults,
                                   struct error *err);
/* As conf_entity_load reads it; without a key's value, and without defaults that need not be said. */
void conf_entity_json(const struct conf_entity *e, struct buf *out);
/* Its members, into a mapping that is open; with more beside each rule. */
void conf_entity_emit(const struct conf_entity *e, struct emitter *w, const struct export_extra *x);
/*
 * What `base` becomes when `patch` is merged into it (RFC 7396), as text. A short form in the patch
 * (budget, rate_limit) replaces the long one, and one parent the other.
 */
void conf_entity_merge(const struct json *base, const struct json *patch, struct buf *out);

static inline const struct conf_rules *conf_entity_rules(const struct conf_entity *e)
{
    switch (e->kind) {
    case CONF_CUSTOMER:
        return &e->customer.rules;
    case CONF_TEAM:
        return &e->team.rules;
    case CONF_KEY:
        return e->key.scope != NULL ? &e->key.scope->rules : NULL;
    default:
        return &e->limit.rules;
    }
}

#endif
