/*
 * http - HTTP on the admin socket: the door to h2o here, and the process's event loop.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * HTTP/1.1 with keep-alive for the workers and bfctl. Bounded: connections (a new one waits in the
 * kernel's queue), request bodies (413), idle time. The security headers are put on every answer
 * here, h2o's own error answers included. Does not: know routes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/base/base.h"

#define ADMIN_CONNECTIONS_MAX 256 /* workers keep a few each; scripts come and go */
#define ADMIN_IDLE_MS 120000      /* longer than the workers' pools keep a connection */

struct admin_http;
struct admin;

/* `listen_fd` becomes the server's. */
struct admin_http *admin_http_create(int listen_fd, struct admin *admin);
/* Call fn whenever fd is readable. A few for the process's life. */
typedef void admin_http_watch_fn(void *ctx);
void admin_http_watch(struct admin_http *h, int fd, admin_http_watch_fn *fn, void *ctx);
/* One turn of the loop: waits at most max_ms. */
void admin_http_turn(struct admin_http *h, int32_t max_ms);
/* No new connections, and each closes behind the answer under way. */
void admin_http_drain(struct admin_http *h);
uint32_t admin_http_open(const struct admin_http *h); /* requests under way */

#endif
