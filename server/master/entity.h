/*
 * entity - customers, teams, keys and model limits as the management API has them.
 *
 * Runs in:  master.   Reads, writes: LMDB config (opened and closed within each call); key table, owner
 * and account rows, model limits in region published; the directory.
 * A change is planned, then on disk, then in the tables, then answered. What the file declares is only
 * read. A call that has an idempotency text is done once, and answered as before when it comes again.
 * Does not: speak to admin itself (calls.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_ENTITY_H
#define MASTER_ENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/entity.h"
#include "conf/store.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/json.h"
#include "server/master/entity_record.h"
#include "server/master/key_rows.h"
#include "server/master/money.h"
#include "server/master/once.h"

struct pub_view;

enum entity_result {
    ENTITY_OK,
    ENTITY_NOT_FOUND,
    ENTITY_CONFLICT,
    ENTITY_INVALID,
    ENTITY_READ_ONLY,
    ENTITY_FULL,
    ENTITY_INTERNAL
};
extern const char *const entity_result_names[]; /* "not_found", ... */

/* One call: what it works with, and what it finds. */
struct entity_call {
    struct money *money;
    struct arena *arena;
    const struct json *json;
    struct store *store; /* open for the length of the call */
    struct once once;
    struct buf *out;
    struct error err; /* when the result is not OK */
};

#define KEY_TEXT_PREFIX "sk-bf-"
#define KEY_TEXT_TOKEN 43 /* characters behind it: 256 bits */
#define KEY_TEXT_LEN (sizeof(KEY_TEXT_PREFIX) - 1 + KEY_TEXT_TOKEN)

/* True: it was one of these calls, and `out` has the reply. */
bool entity_answer(struct money *m, const struct json *call, struct arena *a, struct buf *out);

/* --- what exists --- */

struct entity_found {
    struct entity_record record; /* of the file's: id, hash, hint and created_ms only */
    struct conf_entity entity;   /* with its parent's name */
    enum place_origin origin;
    struct place *place;    /* NULL: a key */
    struct virtual_key key; /* of a key */
};
/* By "id", else by "name", of the call. */
enum entity_result entity_find(struct entity_call *c, enum conf_kind kind,
                               struct entity_found *out);
enum entity_result entity_find_id(struct entity_call *c, enum conf_kind kind, uint64_t id,
                                  struct entity_found *out);
bool entity_read_id(const struct json *node, uint64_t *out);
/* As the API shows it. */
struct entity_show {
    bool hash; /* of a key */
};
void entity_show(struct money *m, const struct entity_found *f, const struct entity_show *how,
                 struct buf *out);

/* --- what changes --- */

enum entity_result entity_fail(struct entity_call *c, enum entity_result why, const char *fmt, ...)
    BF_PRINTF(3, 4);
/* Its parent as the call names it: id and kind into the record, the row into *out. */
enum entity_result entity_parent(struct entity_call *c, const struct conf_entity *e,
                                 struct entity_record *r, uint32_t *out);
/* Is it a name that a request may use: of a model, a pattern, provider/model, or the catalogue's? */
bool entity_is_model(const struct pub_view *v, struct str name);
/* Does its name, and do the providers that a key names, go with what there is? `id`: its own; 0. */
enum entity_result entity_check(struct entity_call *c, const struct conf_entity *e, uint64_t id);
/* The record's marks and body as this entity has them. */
void entity_fill(struct entity_call *c, const struct conf_entity *e, struct entity_record *r);
/* In a transaction of its own, with the answer to the call's idempotency text; synced. */
enum entity_result entity_begin(struct entity_call *c);
enum entity_result entity_put(struct entity_call *c, const struct entity_record *r);
enum entity_result entity_commit(struct entity_call *c);
/*
 * Plan, store, then show a key or place that is new or was found (`have`; NULL: new). The record and
 * entity are as they shall be.
 */
enum entity_result entity_apply(struct entity_call *c, const struct entity_record *r,
                                const struct conf_entity *e, const struct entity_found *have);
/* A text that is shown once; its hash and hint into the key. Wiped by the caller. */
void entity_new_text(struct entity_call *c, char out[KEY_TEXT_LEN + 1]);
void entity_take_text(struct arena *a, struct str text, struct conf_virtual_key *k);

/* The answer to who made or changed it. `text`: a key's, shown once; NULL: none. */
enum entity_result entity_answer_entity(struct entity_call *c, enum conf_kind kind, uint64_t id,
                                        const char *text);

enum entity_result entity_create(struct entity_call *c, enum conf_kind kind);
enum entity_result entity_update(struct entity_call *c, enum conf_kind kind);
enum entity_result entity_delete(struct entity_call *c, enum conf_kind kind);
enum entity_result entity_reset(struct entity_call *c, enum conf_kind kind);
enum entity_result entity_list(struct entity_call *c, enum conf_kind kind);
enum entity_result entity_rotate(struct entity_call *c);

#endif
