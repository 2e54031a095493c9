/*
 * resolve - a host's addresses, without the loop waiting for DNS.
 *
 * Runs in:  worker (upstream_conn.c).   Reads: what getaddrinfo() reads.   Writes: nothing shared.
 * Names are looked up on a thread each, at most RESOLVE_THREADS_MAX at once and one per name
 * however many wait for it; the answer comes back through an eventfd on the loop and is kept for
 * RESOLVE_KEEP_MS. Numeric addresses need none of that. Failures are not kept.
 * Does not: wait for its threads at the end (getaddrinfo cannot be stopped), sort or judge addresses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_RESOLVE_H
#define WORKER_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "server/base/error.h"
#include "server/base/str.h"

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_KEEP_MS 60000
#define RESOLVE_THREADS_MAX 8
#define RESOLVE_NAMES_MAX 256 /* kept; they come from the configuration only */
#define RESOLVE_NAME_MAX 255

struct loop;
struct resolver;

struct addresses {
    size_t n;
    union resolve_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } items[RESOLVE_ADDRESSES_MAX]; /* in the order to be tried; port 0 */
};

struct resolve_wait;
/* n == 0: `why` says what went wrong (static). The wait is over; it may be started again. */
typedef void resolve_fn(struct resolve_wait *w, const struct addresses *found, const char *why);

struct resolve_wait { /* embedded in its owner; zeroed is "not waiting" */
    struct resolve_wait *next, **prev;
    resolve_fn *fn;
};

/* NULL with *err when the kernel has no descriptor for it. */
struct resolver *resolve_create(struct loop *loop, struct error *err);
void resolve_free(struct resolver *r); /* takes NULL; nobody may be waiting */
/* Is it numeric, or known from a look-up? Then *out, at once. */
bool resolve_find(struct resolver *r, struct str host, struct addresses *out);
/* fn comes later, out of the loop. */
void resolve_start(struct resolver *r, struct str host, struct resolve_wait *w, resolve_fn *fn);
void resolve_stop(struct resolve_wait *w); /* harmless when not waiting */

#endif
