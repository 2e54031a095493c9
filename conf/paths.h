/*
 * paths - where the configuration, the state and the sockets are when nobody says.
 *
 * Runs in:  master, bfctl.   Reads: the environment, what exists.   Writes: nothing.
 * One order for the daemon and its tools, so that they meet: systemd's variable, the system's
 * directory when it can be used, the user's own. Does not: create or check ownership (the master
 * does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_PATHS_H
#define CONF_PATHS_H

#include <stddef.h>

#include "server/base/base.h"
#include "server/base/error.h"

#define PATHS_CONFIG "/etc/bowfin/bowfin.yaml"
#define PATHS_SOCKET "admin.sock" /* in the run directory */

/* PATHS_CONFIG when it is there, else NULL: zero-config. */
const char *paths_config(void);

/* The directory, `given` when it is not NULL. -1: too long for `room`. */
BF_MUST_CHECK int paths_state(const char *given, char *out, size_t room, struct error *err);
BF_MUST_CHECK int paths_run(const char *given, char *out, size_t room, struct error *err);

/* For tools: the first of the places above in which a daemon's socket is; else where it would be.
 */
BF_MUST_CHECK int paths_socket(char *out, size_t room, struct error *err);

#endif
