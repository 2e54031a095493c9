/*
 * directory - customers, teams and model limits by id and by name; and the ids of keys in order.
 *
 * Runs in:  master.   Reads, writes: private memory.
 * Keys themselves are found in the key table: there may be a million, and eight bytes of each are
 * kept here, so that a list can go on where it stopped.
 * Does not: know budgets (rows.h), store anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_DIRECTORY_H
#define MASTER_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/entity.h"
#include "server/base/str.h"
#include "shm/keys.h"

/* Beside the kinds of entities, what of a file has rows of its own. */
enum place_kind {
    PLACE_CUSTOMER = CONF_CUSTOMER,
    PLACE_TEAM = CONF_TEAM,
    PLACE_LIMIT = CONF_MODEL_LIMIT,
    PLACE_PROVIDER = CONF_KINDS,
    PLACE_TARGET, /* provider/model, as targets of `models:` limit it */
    PLACE_KINDS
};

enum place_origin {
    PLACE_FILE,
    PLACE_API,
    PLACE_GONE, /* the file had it, and something of the API's belongs to it still: refuses all */
};

struct place {
    enum place_kind kind;
    enum place_origin origin;
    uint64_t id, created_ms;
    uint64_t parent; /* a team's customer; 0: none */
    uint32_t row;    /* owner */
    bool wanted;     /* while a file is compared */
    struct str name; /* at `text` */
    char *text;      /* heap */
};

struct places { /* the same ones in two orders */
    struct place **by_id, **by_name;
    size_t n, room;
};

struct directory {
    struct places kinds[PLACE_KINDS];
    uint64_t *keys; /* ids, ascending; aliases are not among them */
    size_t n_keys, room_keys;
    bool keys_known; /* else they are gathered when somebody asks */
};

void directory_fini(struct directory *d);
struct place *directory_id(const struct directory *d, enum place_kind kind, uint64_t id);
struct place *directory_name(const struct directory *d, enum place_kind kind, struct str name);
/* The API has one of this name; the file may, too, until that is found to be wrong. */
bool directory_has_api(const struct directory *d, enum place_kind kind, struct str name);
/* Owned by the directory. The id is a new one; the name may be there already (the caller checks). */
struct place *directory_add(struct directory *d, const struct place *place);
void directory_rename(struct directory *d, struct place *p, struct str name);
void directory_remove(struct directory *d, struct place *p);
/* The first place whose id is greater; index into by_id, n when there is none. */
size_t directory_after(const struct directory *d, enum place_kind kind, uint64_t id);

void directory_key_added(struct directory *d, uint64_t id);
void directory_key_removed(struct directory *d, uint64_t id);
void directory_keys_changed(struct directory *d); /* many */
/* Likewise for keys: index into `keys`. */
size_t directory_key_after(struct directory *d, const struct region *published, uint64_t id);

#endif
