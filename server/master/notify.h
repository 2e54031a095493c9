/*
 * notify - what systemd and the master tell each other, without a library.
 *
 * Runs in:  master.   Reads: the environment that systemd sets.   Writes: systemd's socket.
 * Type=notify (READY, RELOADING, STOPPING, STATUS), the watchdog, the descriptor store (memfds
 * that outlive the daemon) and passed descriptors (LISTEN_FDS). Without systemd all of it does
 * nothing. Does not: fail loudly; a lost notice is systemd's timeout to find.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"

#define PASSED_MAX 128 /* descriptors from systemd: regions and sockets */
#define PASSED_NAME_MAX 256

struct notify {
    int fd;               /* -1: nobody listens */
    uint64_t watchdog_ms; /* send a sign of life this often; 0: nobody waits for one */
};

/* Descriptors that systemd handed over; a taken one becomes -1. */
struct passed {
    size_t n;
    int fds[PASSED_MAX];
    char names[PASSED_MAX][PASSED_NAME_MAX];
};

/* Reads and clears the environment, so that no child believes it was meant. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);
void notify_send(const struct notify *n, const char *fmt, ...) BF_PRINTF(2, 3);
/* Keep a descriptor over a restart, under a name; forget those of that name. */
void notify_store(const struct notify *n, int fd, const char *name);
void notify_forget(const struct notify *n, const char *name);

struct passed_env { /* the variables' texts; any may be NULL */
    const char *fds, *pid, *names;
};
/* For process `self`; nothing is passed when they do not make sense. */
void passed_parse(const struct passed_env *env, long self, struct passed *out);
/* From the environment, which is cleared; each made close-on-exec. */
void passed_open(struct passed *out);
/* The first descriptor of that name, taken; -1: none. */
int passed_take(struct passed *p, const char *name);
void passed_close(struct passed *p); /* what nobody took */

#endif
