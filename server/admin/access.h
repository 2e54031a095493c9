/*
 * access - who may use the management API.
 *
 * Runs in:  admin.   Reads, writes: nothing.
 * A request without x-bf-peer came over the Unix socket itself: its mode has decided. One that a
 * worker forwarded needs the admin token, unless the gateway runs open for loopback (zero-config):
 * then the peer and the Host must be loopback and the Origin, if any, must be the very page's own.
 * So a web page in the operator's browser gets nowhere: DNS rebinding shows in Host, a foreign page
 * in Origin or Sec-Fetch-Site, a form in its content type. A proxy on the same machine makes every
 * client look like loopback; one that says so (X-Forwarded-For and its like) is not believed.
 * Does not: know routes; the caller says which are open to all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_ACCESS_H
#define ADMIN_ACCESS_H

#include <stdbool.h>

#include "server/admin/exchange.h"
#include "server/base/str.h"

enum access_result {
    ACCESS_OK,
    ACCESS_NO_TOKEN,       /* 401 */
    ACCESS_BAD_TOKEN,      /* 401 */
    ACCESS_FOREIGN_PEER,   /* 401: open only to loopback peers; no token was given */
    ACCESS_FOREIGN_HOST,   /* 403 */
    ACCESS_FOREIGN_ORIGIN, /* 403 */
    ACCESS_CROSS_SITE,     /* 403 */
    ACCESS_NOT_JSON,       /* 415 */
    ACCESS_RESULTS
};

struct access_rule {
    bool open_loopback; /* PUB_API_OPEN_LOOPBACK */
    struct str token;   /* empty: no token opens anything */
    bool is_change;     /* the method changes something: its body must say that it is JSON */
};

enum access_result access_check(const struct exchange *ex, const struct access_rule *rule);

struct access_refusal {
    int status;
    const char *code, *text;
};
const struct access_refusal *access_refusal(enum access_result r); /* of a result but ACCESS_OK */

/* "localhost", "127.x.y.z", "[::1]", each with or without a port. */
bool access_host_is_loopback(struct str host);

#endif
