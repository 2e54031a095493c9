/*
 * serve - the mock's event loop: HTTP/1.1 connections on one epoll.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Kept alive and pipelined; answers of one read go out in one write. A stream makes its next event
 * only when the last ones are with the kernel, so a slow client costs no memory.
 * Does not: HTTP/2, TLS, more than SERVE_CONNECTIONS_MAX connections.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_SERVE_H
#define MOCK_SERVE_H

#include "server/base/base.h"

#define SERVE_CONNECTIONS_MAX 20000 /* twice what a worker takes from clients by default */

/*
 * Serve `listen_fd` until one of `stop_fds` is readable or at its end (-1: none). 0, or -1 with a
 * line in the log.
 */
BF_MUST_CHECK int serve_run(int listen_fd, const int stop_fds[2]);

#endif
