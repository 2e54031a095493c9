/*
 * privileges - what the master gives up before its first fork, and what it takes.
 *
 * Runs in:  master, at its start.   Reads: the user database.   Writes: this process's credentials.
 * Children never change theirs, so PR_SET_PDEATHSIG (which a change clears) holds in them.
 * Does not: open anything; what needs root is open by then.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_PRIVILEGES_H
#define MASTER_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "server/base/base.h"
#include "server/base/error.h"

#define DEFAULT_USER "bowfin"

struct identity {
    bool change; /* this process is root and the user exists */
    uid_t uid;
    gid_t gid;
};

/*
 * Whom to become. Not root: nobody. A user that the file names must exist; the default one need
 * not (the caller warns when out->change is false for root).
 */
BF_MUST_CHECK int privileges_find(const char *user, struct identity *out, struct error *err);
/* Become it, for good; also when nothing changes: no new privileges, no core dumps. */
BF_MUST_CHECK int privileges_drop(const struct identity *who, struct error *err);
/* As many descriptors as allowed; a gateway has two for each open request. */
void privileges_raise_files(void);

#endif
