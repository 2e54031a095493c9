/*
 * loop_io - the loop's life and its descriptors, for those who own I/O in a worker.
 *
 * Runs in:  worker (worker.c, http*.c, upstream.c).   Reads, writes: nothing shared.
 * A watched descriptor stays in epoll when its owner loses interest in reading: interest comes back
 * within microseconds on kept-alive upstream connections, and two system calls a request are saved.
 * It is dropped from epoll only when it fires while nobody wants it.
 * Does not: read or write on the descriptors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_LOOP_IO_H
#define WORKER_LOOP_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "server/worker/loop.h"

struct st_h2o_evloop_t; /* h2o's own; http_conn.c needs it */
struct loop_fd;

struct loop *loop_create(void); /* after fork only: it owns an epoll descriptor */
/* All timers and descriptors must be stopped. Takes NULL. */
void loop_free(struct loop *loop);
/* Wait at most max_ms for something, and run what is due. False when waiting failed (a signal). */
bool loop_turn(struct loop *loop, uint32_t max_ms);
struct st_h2o_evloop_t *loop_backend(struct loop *loop);

typedef void loop_fd_fn(void *ctx, int fd, bool readable, bool writable);

/* Watch a descriptor (it becomes non-blocking); nothing is wanted yet. Never NULL. */
struct loop_fd *loop_fd_open(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx);
/* What to call fn for, level-triggered, until changed. */
void loop_fd_want(struct loop_fd *f, bool in, bool out);
void loop_fd_close(struct loop_fd *f);   /* closes the descriptor too; fine inside its own fn */
void loop_fd_release(struct loop_fd *f); /* leaves the descriptor open; fine inside its own fn */

#endif
