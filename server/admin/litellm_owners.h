/*
 * litellm_owners - teams, users, customers, organizations and budgets: one set of handlers.
 *
 * Runs in:  admin.   Reads, writes: nothing shared; the master makes every change.
 * All of them are teams or customers here; a view says which, under what name, with which fields
 * and how a row looks. Does not: know keys, but for those of a team or user that are shown.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_OWNERS_H
#define ADMIN_LITELLM_OWNERS_H

#include "server/admin/litellm.h"

typedef void write_owner_fn(struct exchange *ex, struct writer *w, const struct json *entity);

struct owner_view {
    enum entity_kind kind;
    const char *noun;      /* "Team", as messages begin */
    const char *prefix;    /* of the entity's name: "user:" */
    const char *id_field;  /* "team_id" */
    const char *ids_field; /* "team_ids": of deletions */
    const char *param;     /* of info's query: mostly the same as id_field */
    struct litellm_fields fields;
    const char *const *kept; /* in the metadata */
    write_owner_fn *write;
};
extern const struct owner_view litellm_team, litellm_user, litellm_customer, litellm_organization,
    litellm_budget;

struct str owner_name(struct exchange *ex, const struct owner_view *v, struct str id);

/* What is done with an entity that was made, changed or found. */
struct owner_job;
typedef void owner_fn(struct exchange *ex, struct owner_job *job, const struct json *entity);
struct owner_job {
    const struct owner_view *view;
    const struct json *body; /* checked */
    struct str id;           /* as the client says it */
    owner_fn *fn;
    const struct json *entity; /* as it was */
    void *ctx;
};

/* POST .../new; `fn` answers. An id that is not given is a new UUID. */
void owner_new(struct exchange *ex, const struct owner_view *v, owner_fn *fn);
/* Change what `body` says of the entity that it names; `fn` answers. */
void owner_change(struct exchange *ex, const struct owner_view *v, const struct json *body,
                  owner_fn *fn);
/* Find the entity of this id; unknown: 404. */
void owner_find(struct exchange *ex, struct owner_job *job, struct str id, owner_fn *fn);
struct owner_job *owner_job_of(struct exchange *ex, const struct owner_view *v,
                               const struct json *body);

/* POST .../delete: all of them are there, or nothing is deleted; `fn` gets no entity. */
void owner_delete(struct exchange *ex, const struct owner_view *v, owner_fn *fn);

/* The rows of all entities of this view, at most 1000 (litellm_owner_lists.c). */
typedef void owners_end_fn(struct exchange *ex, struct writer *w, uint64_t n);
void owner_list(struct exchange *ex, const struct owner_view *v, owners_end_fn *end);
/* The open object gets "keys" of the team, or with this tag; then `end` closes and answers. */
void owner_write_keys(struct exchange *ex, struct str team_id, struct str tag, owners_end_fn *end);

#endif
