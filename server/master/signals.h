/*
 * signals - the master's signals as a descriptor in its one poll.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * All are blocked and read from a signalfd, so there are no handlers; a child unblocks them
 * (child_begin). Does not: decide what a signal means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include <stdbool.h>

#include "server/base/base.h"
#include "server/base/error.h"

struct signals_seen {
    bool reload, child;
    unsigned stops; /* TERM, QUIT and INT, counted: the second one means now */
};

BF_MUST_CHECK int signals_open(struct error *err); /* the descriptor, or -1 */
void signals_read(int fd, struct signals_seen *out);

#endif
