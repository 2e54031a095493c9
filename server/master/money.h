/*
 * money - what the master keeps of customers, teams, keys and limits, in one place.
 *
 * Runs in:  master.   Reads, writes: nothing itself.
 * The tables lie in shared memory; here are the master's own handles on them. Does not: have
 * behaviour beyond beginning and ending.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_MONEY_H
#define MASTER_MONEY_H

#include <stdint.h>

#include "server/base/json.h"
#include "server/master/directory.h"
#include "server/master/rows.h"
#include "shm/keys.h"
#include "shm/owners.h"

struct import;

/* An owner's row that was there before this process. */
struct kept_row {
    uint64_t id;
    uint32_t kind, row;
};

struct money {
    struct region *published, *counters;
    const struct region *live;
    struct key_table *keys;
    struct rows rows;
    struct directory directory;
    struct json_parser *json;
    const char *state_dir;
    const char *secret;    /* the management API's token: once.h */
    struct import *import; /* one that is under way; NULL */
    struct kept_row *kept; /* until everything was loaded: sorted; not of keys */
    size_t n_kept;
};

/* Takes over what the regions hold; they and `state_dir` must outlive it. */
struct money *money_open(struct region *published, struct region *counters,
                         const struct region *live, const char *state_dir);
void money_close(struct money *m); /* takes NULL; the regions are left as they are */

/* The model limits that the directory has, as the workers see them. */
void money_publish_limits(struct money *m);
/* What a team or customer is called, for whom a worker refuses because of it. */
void money_publish_name(struct money *m, const struct place *p);
/* The row that an owner has had in kept regions; ROW_NONE: none. */
uint32_t money_kept_row(const struct money *m, uint32_t kind, uint64_t id);
/* Everything is loaded: what rows kept regions have that nobody has any more are given back. */
void money_sweep(struct money *m);

#endif
