/*
 * key_rows - a virtual key as its entry of the key table, with the rows of its budgets and limits.
 *
 * Runs in:  master.   Reads: a checked key, of the file or of the API.   Writes: key table, owner and
 * account rows; planned first, so that what is committed cannot fail half-way.
 * Does not: store anything, decide what a key may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_KEY_ROWS_H
#define MASTER_KEY_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/money.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/master/entity_record.h"
#include "server/master/money.h"

struct key_want {
    const struct conf_virtual_key *conf;
    uint64_t id, created_ms;
    uint32_t flags;  /* KEY_ORIGIN_API or none */
    uint32_t parent; /* row of its team or customer */
    const struct marks *marks;
};

struct key_plan {
    struct virtual_key key; /* texts in the arena */
    struct rows_plan own;
    struct rows_plan *providers;
    uint32_t n_providers;
    uint32_t *unused; /* rows of providers that it no longer has */
    uint32_t n_unused;
};

/* The parts of its marks: its own rules and those of its providers. In the arena. */
size_t key_parts(const struct conf_virtual_key *k, struct arena *a, struct marks_part **out);

/* Is the key of this name exactly so? *at as in key_table_has. `a` is for scratch. */
bool key_is(struct money *m, const struct key_want *want, struct arena *a, uint32_t *at);
/* `have`: the one of the same id in the table; NULL: none. -1: nothing is taken. */
BF_MUST_CHECK int key_plan(struct money *m, const struct key_want *want,
                           const struct virtual_key *have, struct arena *a, struct key_plan *out,
                           struct error *err);
/* -1: the table would not have it (its name or hash is taken, it is full): aborted. */
BF_MUST_CHECK int key_commit(struct money *m, const struct key_plan *plan, struct error *err);
void key_abort(struct money *m, const struct key_plan *plan);
/* The old text of a rotated key: allowed what the key is, with its budgets, for a while. */
BF_MUST_CHECK int key_put_alias(struct money *m, const struct virtual_key *key,
                                const struct alias *alias, struct error *err);
/* Take it out, with its rows. */
void key_remove(struct money *m, const struct virtual_key *have);

#endif
