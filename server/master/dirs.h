/*
 * dirs - the state and run directories: made, checked, locked, given away.
 *
 * Runs in:  master, at its start.   Writes: the directories, <state>/bowfin.lock,
 * <state>/admin.token.
 * Does not: choose them (conf/paths.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_DIRS_H
#define MASTER_DIRS_H

#include <stddef.h>
#include <sys/types.h>

#include "server/base/base.h"
#include "server/base/error.h"

/* Make it (parents too), or check that nobody else can have put something into it. */
BF_MUST_CHECK int dirs_make(const char *path, mode_t mode, struct error *err);
/*
 * One daemon per state directory: the lock's descriptor, or -1 naming the pid that has it. The
 * aggregator inherits it, so that the lock outlives a killed master until all that was spent is stored; a
 * new master waits for that, ORPHANS_WAIT_MS at most.
 */
#define ORPHANS_WAIT_MS 30000
#define ORPHANS_LOOK_MS 50
BF_MUST_CHECK int dirs_lock(const char *state_dir, struct error *err);
/* Give a directory and root's files in it, two levels deep, to a user. */
BF_MUST_CHECK int dirs_give(const char *path, uid_t uid, gid_t gid, struct error *err);
/* The management API's token: <state>/admin.token, made (0600) when it is not there. */
BF_MUST_CHECK int dirs_admin_token(const char *state_dir, char *out, size_t room,
                                   struct error *err);

#endif
