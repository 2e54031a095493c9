/*
 * http_server - the life of a worker's HTTP side, for worker.c.
 *
 * Runs in:  worker.   Reads: published (limits).   Writes: its own slot (connection counters).
 * Does not: handle requests (http.h, request.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HTTP_SERVER_H
#define WORKER_HTTP_SERVER_H

#include <stdbool.h>

#include "server/base/error.h"

struct http_server;
struct pub_image;
struct worker;

/* NULL with *err: a certificate that cannot be used. Accepts nothing yet. */
struct http_server *http_create(struct worker *w, struct error *err);
/* Take over the limits; called at first, then for each new configuration. */
void http_configure(struct http_server *s, const struct pub_image *image);
void http_listen(struct http_server *s);
/* No new connections; idle ones close, requests under way are finished. */
void http_drain(struct http_server *s);
bool http_is_drained(const struct http_server *s);
void http_free(struct http_server *s); /* drained, or never listened; takes NULL */

#endif
