/*
 * governance - Bifrost's shapes of /api/governance: its field names, translated to the same entities.
 *
 * Runs in:  admin.   Reads, writes: nothing shared; the master makes every change.
 * virtual-keys, teams, customers, model-configs and providers are keys, teams, customers and model
 * limits here: a model config is the limit of "provider/model", a provider's is that of its name with
 * "/" and "*" behind it.
 * A key without provider configs may use no provider, as there, unless allow_all_providers: it gets
 * deny_models ["*"]. Routing rules are rules, one target each; their `description` and `query` (the
 * dashboard's own picture of the condition) are taken and not kept. What has no equivalent (key_ids, regex: patterns, other scopes, several
 * targets or fallbacks of a rule) is refused with
 * its name, never ignored.
 * Does not: keep anything that the native routes do not show.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_GOVERNANCE_H
#define ADMIN_GOVERNANCE_H

#include <stdbool.h>

#include "server/admin/entity.h"

enum governance_kind {
    GOVERNANCE_KEY,
    GOVERNANCE_TEAM,
    GOVERNANCE_CUSTOMER,
    GOVERNANCE_MODEL,
    GOVERNANCE_PROVIDER,
    GOVERNANCE_KINDS
};

struct governance_info {
    const char *path; /* "/api/governance/virtual-keys" */
    const char *one;  /* "virtual_key": the member of an answer that has it */
    const char *many; /* "virtual_keys" */
    const char *noun; /* "Virtual key": of the messages */
    enum entity_kind entity;
};
extern const struct governance_info governance_infos[GOVERNANCE_KINDS];
enum governance_kind governance_kind_of(struct str path);

/* --- governance_in.c --- */

/* The body by its field names, no further. NULL: answered. */
BF_MUST_CHECK const struct json *governance_read(struct exchange *ex, enum governance_kind kind,
                                                 bool is_patch);

struct governance_input {
    enum governance_kind kind;
    const struct json *body;
    const struct json *current; /* the entity that is changed; NULL: a new one */
    struct entity_parents parents;
    struct str provider; /* GOVERNANCE_PROVIDER: from the path */
};
/* "body" of the master's call. False: answered. */
BF_MUST_CHECK bool governance_write(struct exchange *ex, struct writer *w,
                                    const struct governance_input *in);

/* --- governance_rules.c: budgets and rate limits, both ways --- */

/* Members budgets and rate_limits as the master takes them; `where`: "" or "provider_configs[0]." */
BF_MUST_CHECK bool governance_rules_write(struct exchange *ex, struct writer *w, const char *where,
                                          const struct json *body, const struct json *current);
/* Members budgets, rate_limit, calendar_aligned; `owner_field` names the owner in each budget. */
struct governance_owner {
    const char *field; /* "virtual_key_id" */
    struct str id;
};
void governance_rules_text(struct exchange *ex, struct writer *w, const struct json *entity,
                           const struct governance_owner *owner);
void governance_budget_text(struct exchange *ex, struct writer *w, const struct json *budget,
                            const struct governance_owner *owner);
/* False: the entity has no rate limits; nothing was written. */
bool governance_limit_text(struct exchange *ex, struct writer *w, const char *key,
                           const struct json *entity, const struct governance_owner *owner);

/* --- governance_cel.c: conditions of routing rules --- */

/* In our variables, and in theirs. */
struct str governance_cel_in(struct arena *a, struct str theirs);
struct str governance_cel_out(struct arena *a, struct str ours);
/* A variable of theirs that has no equivalent, and what to write instead; NULL: there is none. */
const char *governance_cel_unknown(struct str theirs, const char **instead);

/* --- governance_out.c --- */

/* One object; `value`: a new key's text, else its hint stands there. */
void governance_text(struct exchange *ex, struct writer *w, const char *member,
                     enum governance_kind kind, const struct json *entity, struct str value);
/* Members provider_configs and what belongs to them, of a key. */
void governance_providers_text(struct exchange *ex, struct writer *w, const struct json *key);
/* "openai/gpt-4o": provider (empty: any) and model. */
void governance_model_split(struct str pattern, struct str *out_provider, struct str *out_model);
/* Does this model limit stand for a provider as a whole? */
bool governance_is_provider(const struct json *limit);

#endif
