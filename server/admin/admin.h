/*
 * admin - the process that serves the management API: what it has.
 *
 * Runs in:  admin.   Reads: published, weights, live; LMDB usage (read-only).   Writes: nothing
 * shared; every change is asked of the master (ask.h). A crash here costs no inference request.
 * Does not: touch the data plane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <stdint.h>

#include "server/admin/own_key.h"
#include "server/base/json.h"
#include "server/base/str.h"
#include "shm/published.h"
#include "shm/region.h"

struct ask;
struct exchange;
struct explainer;
struct idempotency;
struct metrics_owners;
struct query;

struct admin {
    const struct regions *regions;
    struct ask *ask;
    struct query *query;
    struct idempotency *idempotency;
    struct metrics_owners *owners; /* names of teams and customers; NULL: none was wanted yet */
    struct explainer *explainer;   /* NULL until somebody asks what a request would get */
    struct exchange *importing;    /* the import under way; NULL: none */
    struct json_parser *json;
    struct str token;    /* empty: none */
    uint64_t started_ms; /* real time */
    struct own_key_rates own_keys;

    /* Private copy of the current image. This process acknowledges no generation, so it must not
     * read a half that the master may be writing. */
    struct pub_view view;
    void *image;
};

/* The current configuration; NULL when none was published. Valid until the next call. */
const struct pub_view *admin_view(struct admin *a);
void admin_view_fini(struct admin *a);

#endif
