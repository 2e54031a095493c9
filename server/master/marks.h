/*
 * marks - which account a budget is, over changes of its limit, reloads and restarts.
 *
 * Runs in:  master.   Reads, writes: private memory.
 * A budget is known by its owner and window: while such a one is declared it has the same account id,
 * and began at the same moment. One that is taken away and comes again is another account, because
 * an id is never used twice. Limits and concurrency need no mark: nothing is booked to them.
 * Does not: store itself (entity_record.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_MARKS_H
#define MASTER_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/money.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define MARKS_MAX ((CONF_KEY_PROVIDERS_MAX + 1) * CONF_BUDGETS_MAX) /* of one entity */

struct mark {
    uint64_t identity; /* of the owner's part and the window */
    uint64_t id;       /* of the account */
    uint64_t anchor_ms;
};

struct marks {
    struct mark *items; /* in an arena */
    uint32_t n;
    uint32_t generation; /* grows with each account that is given up */
    bool changed;        /* from what is stored */
};

/* Whose accounts these are; a file's get ids from its name, the API's random ones. */
struct marks_owner {
    const char *kind; /* "key", "team", ... */
    struct str name;  /* empty: random ids */
    uint64_t now_ms;  /* real time: where new ones begin */
    struct arena *arena;
};

/* An owner inside the entity: its own rules (part is empty), or those of a key's provider. */
struct marks_part {
    struct str part;
    const struct conf_rules *rules; /* NULL: none */
};
/* Make `m` those of exactly these parts. */
void marks_follow(struct marks *m, const struct marks_owner *owner, const struct marks_part *parts,
                  size_t n);
/* NULL: it has none. */
const struct mark *marks_find(const struct marks *m, struct str part, const struct conf_budget *b);
/* All of them are given up: the budgets begin anew. */
void marks_reset(struct marks *m);
/* The id of a limit's account, which is the same for ever. */
uint64_t marks_limit_id(uint64_t owner_id, struct str part, uint32_t kind, uint64_t length_ms);

/* As bytes, and back. -1: not sound. */
void marks_encode(const struct marks *m, struct buf *out);
BF_MUST_CHECK int marks_decode(struct str in, struct arena *a, struct marks *out);

#endif
