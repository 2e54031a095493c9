/*
 * owner_names - teams and customers in questions to the journal: names to ids, and ids to names.
 *
 * Runs in:  admin.   Reads, writes: nothing shared; asks the master.
 * The journal knows owners by their ids. A filter `team=research` becomes an id before the journal is
 * read; the ids in an answer become names behind it, OWNER_NAMES_MAX at most, one short call each.
 * Does not: know what is asked of the journal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_OWNER_NAMES_H
#define ADMIN_OWNER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/admin/writer.h"
#include "server/base/str.h"

#define OWNER_NAMES_MAX 256

enum owner_side { OWNER_SIDE_TEAM, OWNER_SIDE_CUSTOMER, OWNER_SIDES };

struct owner_filter {
    bool has;
    uint64_t id; /* 0: requests that belonged to none */
};

/* ex->state points to it, or to a struct that begins with it. */
struct owner_names {
    struct owner_filter filters[OWNER_SIDES];
    struct {
        enum owner_side side;
        uint64_t id;
        struct str name; /* empty: it is gone */
    } items[OWNER_NAMES_MAX];
    size_t n;

    /* its own */
    size_t at;
    void (*then)(struct exchange *ex);
};

/* The parameters `team` and `customer`: an id, a name, or "none". Calls `then`, or has answered. */
void owner_names_filters(struct exchange *ex, void (*then)(struct exchange *ex));

/* Remember an id whose name is wanted; 0 is nobody's. Past OWNER_NAMES_MAX it stays without one. */
void owner_names_want(struct owner_names *names, enum owner_side side, uint64_t id);
/* Ask for all that is wanted, then call `then`. */
void owner_names_find(struct exchange *ex, void (*then)(struct exchange *ex));

/* Members "team_id" and "team", or "customer_id" and "customer"; null where there is none. */
void owner_names_write(struct writer *w, const struct owner_names *names, enum owner_side side,
                       uint64_t id);

#endif
