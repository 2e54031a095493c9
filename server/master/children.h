/*
 * children - who belongs to a customer or team.
 *
 * Runs in:  master.   Reads: the directory, owner rows, the key table.   Writes: nothing.
 * Does not: change anybody.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_CHILDREN_H
#define MASTER_CHILDREN_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/master/money.h"

struct children {
    struct place **teams; /* of a customer; in the arena */
    uint64_t *keys;       /* directly below; in the arena */
    size_t n_teams, n_keys;
};

/* Looks at every owner's row. `api_only`: those of the file are passed over. */
void children_of(struct money *m, const struct place *parent, bool api_only, struct arena *a,
                 struct children *out);

#endif
