/*
 * entity_filter - which entities a list shows, from the query.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * name, origin, team, customer, tag and active, as the master's "filter". A team or customer may be
 * named or given by its id: a name is looked up in the master first, so the walk begins in a
 * callback. Does not: filter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ENTITY_FILTER_H
#define ADMIN_ENTITY_FILTER_H

#include "server/admin/entity_walk.h"

/* The query parameters that it reads; a missing one filters nothing. */
struct entity_filter {
    struct str name, origin, team, customer, tag, active;
};

/* Start `walk` with this filter; answers by itself when the filter is wrong. */
void entity_filter_start(struct exchange *ex, const struct entity_filter *filter,
                         struct entity_walk *walk);

#endif
