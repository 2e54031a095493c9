/*
 * client - HTTP to the management API: bfctl's door to libcurl.
 *
 * Runs in:  bfctl.   Reads: the CA file.   Writes: the socket.
 * Over the admin socket (whose mode decides) or a URL with the admin token. Follows no redirect,
 * uses no proxy: the token goes to the named host or nowhere. Answers are bounded.
 * Does not: know routes, print.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_CLIENT_H
#define BFCTL_CLIENT_H

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define CLIENT_ANSWER_MAX (256u << 20) /* an export of the largest configuration */

struct client;
struct ctl;

struct client_request {
    const char *method, *path;
    struct str body; /* JSON; empty: none */
};

struct client_answer {
    int status;
    struct buf body;
};

struct client *client_create(const struct ctl *c, struct error *err); /* NULL: with *err */
void client_free(struct client *c);                                   /* takes NULL */
/* 0 with the answer, whatever its status; -1: nothing could be reached. */
BF_MUST_CHECK int client_call(struct client *c, const struct client_request *request,
                              struct client_answer *out, struct error *err);

#endif
