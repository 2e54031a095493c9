/*
 * litellm - the management routes of the LiteLLM proxy, for scripts that were written for it.
 *
 * Runs in:  admin.   Reads: published, counters, the usage journal.   Writes: nothing shared; the
 * master makes every change, by the same calls as for /api.
 * A table of routes beside api.c's; the same paths below /litellm. What LiteLLM has is kept so:
 *   key        a virtual key; key_alias is its name; user_id and what else has no meaning here lies
 *              in its metadata under "litellm"
 *   team       a team; team_id is its name; its list of models is given to keys made for it
 *   user       a customer named "user:<user_id>": the owner of that user's keys that have no team
 *   customer, organization   a customer of that name
 *   budget     a customer named "budget:<budget_id>": its rules are copied to whom it is given
 * Does not: check amounts, names or parents (the master does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_H
#define ADMIN_LITELLM_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/api.h"
#include "server/admin/call.h"
#include "server/admin/entity.h"
#include "server/admin/exchange.h"
#include "server/admin/litellm_body.h"
#include "server/admin/writer.h"
#include "server/base/crypto.h"
#include "server/base/json.h"
#include "shm/keys.h"

#define LITELLM_ID_MAX 120 /* bytes of a user's, team's or customer's id: "user:" goes before it */
#define LITELLM_META "litellm"
#define LITELLM_NO_ALIAS "litellm-key-" /* a key's name begins so when it was given none */
#define LITELLM_FOREVER "3660d"         /* the longest window: of a budget that is never reset */

/* Is it one of these routes? Then it is answered, now or later. */
bool litellm_handle(struct exchange *ex);
/* What an error looks like there; *status may change, *param is what the client called it. */
struct litellm_error_shape {
    int status;
    const char *type;
    const char *param;
};
struct litellm_error_shape litellm_error(int status, const char *param, const char *message);

/* --- calls to the master (litellm_call.c) --- */

/* Like entity_ask, by name alone; `fn` also gets the refusal when there is none of that name. */
void litellm_ask_name(struct exchange *ex, enum entity_kind kind, struct str name, call_fn *fn);
/* Anything but "there is none"? Then it has been answered. */
BF_MUST_CHECK bool litellm_refused(struct exchange *ex, const struct json *reply);
void litellm_ask_id(struct exchange *ex, enum entity_kind kind, uint64_t id, call_fn *fn);
/* The entity of a reply, kept in the exchange's arena for later calls. NULL: the reply has none. */
const struct json *litellm_keep_entity(struct exchange *ex, const struct json *reply);
struct str litellm_id_of(const struct json *entity);
/* An entity's "litellm" part of its metadata; NULL when it has none. */
const struct json *litellm_meta(const struct json *entity);
/* One request makes a second change: with the client's Idempotency-Key for both, the master would
 * take the second for the first. */
void litellm_next_call(struct exchange *ex);
void litellm_ask_delete(struct exchange *ex, enum entity_kind kind, struct str id, call_fn *fn);

/* --- what goes to the master (litellm_rules.c) --- */

/*
 * "budgets", "rate_limits" and "concurrency" as far as the body changes them; `old`: the entity as it
 * is, NULL: there is none yet. False: answered.
 */
BF_MUST_CHECK bool litellm_write_rules(struct exchange *ex, struct writer *w,
                                       const struct json *body, const struct json *old);
/* The rules of an entity for another one. */
void litellm_copy_rules(struct exchange *ex, struct writer *w, const struct json *from);
/* "metadata": the client's own, and under "litellm" what is kept of these names. */
void litellm_write_metadata(struct exchange *ex, struct writer *w, const struct json *body,
                            const struct json *old, const char *const *kept);

/* --- rows (litellm_row.c) --- */

struct litellm_key_row {
    const struct json *entity;
    uint8_t hash[SHA256_BYTES];
    bool with_token; /* /key/info leaves it out */
};
void litellm_write_key(struct exchange *ex, struct writer *w, const struct litellm_key_row *row);
void litellm_write_team(struct exchange *ex, struct writer *w, const struct json *entity);
void litellm_write_user(struct exchange *ex, struct writer *w, const struct json *entity);
void litellm_write_customer(struct exchange *ex, struct writer *w, const struct json *entity);
void litellm_write_organization(struct exchange *ex, struct writer *w, const struct json *entity);
void litellm_write_budget(struct exchange *ex, struct writer *w, const struct json *entity);
/*
 * "spend": what an entity has used of its first budget's window, or without one all that the journal
 * has of it; null when that cannot be told.
 */
void litellm_write_spend(struct exchange *ex, struct writer *w, enum entity_kind kind,
                         const struct json *entity);

/* --- keys by what LiteLLM calls them (litellm_find.c) --- */

/* By its text or its hash; false: answered with 404. */
BF_MUST_CHECK bool litellm_find_key(struct exchange *ex, struct str text, struct virtual_key *out);

/* --- handlers, by file; `tail`: what stands for "*" in the path --- */

/* litellm_generate.c, litellm_keys.c, litellm_key_info.c */
api_fn litellm_key_generate, litellm_key_update, litellm_key_block, litellm_key_unblock,
    litellm_key_delete, litellm_key_regenerate, litellm_key_reset;
api_fn litellm_key_info, litellm_keys_info, litellm_key_list;
/* litellm_users.c, litellm_teams.c */
api_fn litellm_user_new, litellm_user_update, litellm_user_delete, litellm_user_info,
    litellm_user_list;
api_fn litellm_team_new, litellm_team_update, litellm_team_delete, litellm_team_info,
    litellm_team_list, litellm_team_block, litellm_team_unblock, litellm_member_add,
    litellm_member_delete;
/* litellm_customers.c */
api_fn litellm_customer_new, litellm_customer_update, litellm_customer_delete,
    litellm_customer_info, litellm_customer_list;
api_fn litellm_organization_new, litellm_organization_update, litellm_organization_delete,
    litellm_organization_info, litellm_organization_list;
api_fn litellm_budget_new, litellm_budget_update, litellm_budget_delete, litellm_budget_info,
    litellm_budget_list;
/* litellm_spend.c, litellm_global.c */
api_fn litellm_spend_logs, litellm_spend_keys, litellm_spend_calculate;
api_fn litellm_global_spend, litellm_global_keys, litellm_global_teams, litellm_global_models,
    litellm_global_provider, litellm_global_report;
/* litellm_models.c */
api_fn litellm_model_info, litellm_liveliness, litellm_readiness;

#endif
