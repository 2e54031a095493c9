/*
 * entity - virtual keys, teams, customers and model limits: what their routes share.
 *
 * Runs in:  admin.   Reads, writes: nothing shared; the master makes every change.
 * One set of handlers serves the four kinds (entity.c, entity_list.c); the path says which. What the
 * master answers is the entity as it is stored; entity_text.h adds what has been used.
 * Does not: check amounts, windows, parents (the master does, with the loader of the configuration).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ENTITY_H
#define ADMIN_ENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/call.h"
#include "server/admin/exchange.h"
#include "server/admin/writer.h"
#include "server/base/json.h"

enum entity_kind { ENTITY_CUSTOMER, ENTITY_TEAM, ENTITY_KEY, ENTITY_MODEL_LIMIT, ENTITY_KINDS };

struct entity_info {
    const char *name; /* "key": in the master's calls */
    const char *path; /* "/api/keys" */
    const char *noun; /* "virtual key" */
    bool has_children;
};
extern const struct entity_info entity_infos[ENTITY_KINDS];

/* Of a path that one of the kinds' routes has. */
enum entity_kind entity_kind_of(struct str path);
bool entity_kind_parse(struct str name, enum entity_kind *out);

/* The client's body, checked by its field names; of a new entity, or a merge patch. NULL: answered. */
BF_MUST_CHECK const struct json *entity_body_read(struct exchange *ex, enum entity_kind kind,
                                                  bool is_patch);
/* As the master takes it, as "body" of a call: parents by their names. False: answered. */
struct entity_parents;
BF_MUST_CHECK bool entity_body_write(struct exchange *ex, struct writer *w, const struct json *body,
                                     const struct entity_parents *parents, bool is_patch);

/* A key of an import as an element of the master's array; NULL, or what is wrong with it, and then
 * nothing was written. Its other fields are the master's to check. */
BF_MUST_CHECK const char *entity_key_write(struct writer *w, struct arena *scratch,
                                           const struct json *key);

/* Open a call to the master in `w`: op, kind, id (empty: none) and the Idempotency-Key; the caller
 * adds members and closes the object. */
void entity_call_begin(struct exchange *ex, struct writer *w, const char *op, enum entity_kind kind,
                       struct str id);

/* 16 hex digits, else answered with 404. */
BF_MUST_CHECK bool entity_id_is_good(struct exchange *ex, enum entity_kind kind, struct str id);

/*
 * Ask for one entity by id or, when `id_or_name` is no id, by its name; `fn` gets the master's reply
 * with "entity" in it. Unknown: 404.
 */
void entity_ask(struct exchange *ex, enum entity_kind kind, struct str id_or_name, call_fn *fn);

/* The same; `fn` gets a refusal as well (call.h). */
void entity_try(struct exchange *ex, enum entity_kind kind, struct str id_or_name, call_fn *fn);
/* The same by its name alone, whatever it looks like. */
void entity_try_name(struct exchange *ex, enum entity_kind kind, struct str name, call_fn *fn);

/*
 * Find the names of a team and a customer that a body gives by their ids (empty: not asked for), then
 * call `fn`, at once when there is nothing to find. Unknown: 400. ex->state is kept meanwhile.
 */
struct entity_parents {
    struct str team, customer; /* ids before, names after */
    void (*fn)(struct exchange *ex, const struct entity_parents *parents);
    void *state;
};
void entity_find_parents(struct exchange *ex, const struct entity_parents *wanted);

/* Delete it; the query's `children` (else `policy`: "refuse", "reparent") says what becomes of those
 * below it. */
void entity_ask_delete(struct exchange *ex, enum entity_kind kind, struct str id,
                       const char *policy, call_fn *fn);

#endif
