/*
 * entity_load - what the API made, from the store into the tables, at a start.
 *
 * Runs in:  master.   Reads: LMDB config.   Writes: key table, owner and account rows, the directory.
 * Does not: the file's (file_owners.h, keyring.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_ENTITY_LOAD_H
#define MASTER_ENTITY_LOAD_H

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/entity_record.h"
#include "server/master/money.h"

struct store;

/* Customers, teams and model limits; those of the file are in the directory already. */
BF_MUST_CHECK int entity_load_parents(struct money *m, struct store *s, struct error *err);
/* Keys; and take out of the table what the store does not have. */
BF_MUST_CHECK int entity_load_keys(struct money *m, struct store *s, struct error *err);

/* The entity that a record holds, in the arena; a key with its hash and hint. */
BF_MUST_CHECK int entity_of_record(struct money *m, const struct entity_record *r, struct arena *a,
                                   struct conf_entity *out, struct error *err);
/* The row of a record's parent; ROW_NONE: it has none. A parent that is not there becomes a ghost. */
BF_MUST_CHECK int entity_parent_row(struct money *m, const struct entity_record *r, uint32_t *out,
                                    struct error *err);
/* What an entity that is no key wants of its rows. */
struct want_owner entity_want(const struct conf_entity *e, uint64_t id, uint32_t parent);

#endif
