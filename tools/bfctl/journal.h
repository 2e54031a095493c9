/*
 * journal - what usage, usage reprice and logs share: their filters.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared.
 * Does not: know which of them a command takes (its table of options does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_JOURNAL_H
#define BFCTL_JOURNAL_H

#include <stdbool.h>

#include "server/base/buf.h"

struct journal_options {
    const char *key, *team, *customer, *model, *provider, *since, *until, *status, *by, *limit,
        *prices;
    bool follow;
};

/* Those that were given, as a query. */
void journal_filters(struct buf *path, const struct journal_options *o);

#endif
