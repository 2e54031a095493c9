/*
 * listen - bind one socket, and say where it is bound.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * Does not: know which sockets there are (listeners.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_LISTEN_H
#define MASTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"

/* "127.0.0.1:8080", "[::]:8443", ":8080", "unix:/path": bound, listening, non-blocking; or -1. */
BF_MUST_CHECK int listen_bind(const char *address, struct error *err);
/* The same beside sockets of ours that have listen_share(): the addresses may overlap. */
BF_MUST_CHECK int listen_bind_beside(const char *address, struct error *err);
void listen_share(int fd, bool on);
/* A Unix socket at `path` for the management API, mode 0660. */
BF_MUST_CHECK int listen_admin(const char *path, struct error *err);

/* The text of a socket's own address, with its real port. */
void listen_name(int fd, char *out, size_t room);
uint16_t listen_port(int fd);

#endif
