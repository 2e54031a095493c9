/*
 * fd - small helpers on descriptors, and descriptors passed between processes.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * Does not: retry for ever; EINTR is the only thing retried.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"

#define FD_PASS_MAX 8  /* descriptors in one message */
#define FD_PARTS_MAX 4 /* parts of one message */

void fd_close(int *fd); /* closes when not -1, and makes it -1; keeps errno */
BF_MUST_CHECK int fd_set_nonblock(int fd, bool on);
BF_MUST_CHECK int fd_set_cloexec(int fd, bool on);
/* All of it, or -1 with errno. For blocking descriptors. */
BF_MUST_CHECK int fd_write_all(int fd, const void *bytes, size_t len);
/* A whole file of at most `max` bytes into *out (appended). */
BF_MUST_CHECK int fd_read_file(const char *path, size_t max, struct buf *out, struct error *err);
/* Write a file so that readers see the old one or the new one: temporary name, fsync, rename. */
BF_MUST_CHECK int fd_write_file(const char *path, struct str bytes, mode_t mode, struct error *err);

/* One datagram on a SOCK_SEQPACKET socket with up to FD_PASS_MAX descriptors beside it. */
BF_MUST_CHECK int fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t n_fds);
/* The same, of at most FD_PARTS_MAX parts laid one behind the other. */
BF_MUST_CHECK int fd_send_parts(int socket, const struct str *parts, size_t n_parts, const int *fds,
                                size_t n_fds);
/*
 * Returns the bytes read, 0 at the peer's end, -1 with errno (EMSGSIZE when it was cut).
 * *n_fds: room in, received out; the descriptors are close-on-exec and the caller's.
 */
BF_MUST_CHECK ssize_t fd_recv(int socket, void *bytes, size_t len, int *fds, size_t *n_fds);

#endif
