/*
 * exchange - one request to the management API and its answer, without the HTTP library.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * http.c fills the request half and calls api_handle; the handler fills the answer at once, or
 * later (it asked the master) and then calls exchange_finish. Handlers see only this header, so
 * tests run them without a server. The request's texts are in the arena. Does not: do I/O.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_EXCHANGE_H
#define ADMIN_EXCHANGE_H

#include <stdbool.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

struct admin;
struct exchange;
struct held_look;

struct exchange {
    struct admin *admin;
    struct arena *arena;

    struct str method, path, query, body;
    struct str host, origin, authorization, content_type, fetch_site;
    struct str virtual_key; /* x-bf-vk, x-api-key: for the few routes that a key itself opens */
    struct str idempotency; /* Idempotency-Key */
    struct str peer; /* the client's address, as the worker says it; empty: the socket itself */
    bool is_gone;    /* the client has gone; a body past ADMIN_BODY_MAX went with it */
    bool has_peer;   /* came from a client through a worker; else from the socket itself */
    bool peer_is_loopback; /* as the worker says */
    bool is_proxied;       /* a proxy left its mark: the peer is not who asks */
    bool is_litellm;       /* the error object has LiteLLM's words */
    bool is_own_key;       /* a virtual key asks about itself */

    int status;
    const char *content_type_out; /* static */
    const char *allow;            /* static: "GET, HEAD" of a 405 */
    const char *challenge;        /* static: WWW-Authenticate of a 401 */
    const char *policy;           /* Content-Security-Policy; NULL: nothing may be loaded */
    bool cacheable;               /* else "no-store" */
    bool is_replayed;             /* the answer to an earlier call with this Idempotency-Key */
    struct buf out;

    bool finished;                            /* the answer is complete */
    void (*on_finished)(struct exchange *ex); /* http.c: send it */
    void *impl;                               /* http.c's own */
    void *remembered;                         /* idempotency.c's own: where the answer goes */
    void *state;                              /* the handler's own, while it waits */
    const struct held_look *held; /* entity_text.c's own: what requests under way hold */
    void *sums;                   /* litellm_spend.c's own: for the rows of a list */
};

/* The answer is complete: sent now when it was waited for. Once. */
void exchange_finish(struct exchange *ex);

/* The error object of all routes. `param` NULL: none. Finishes. */
void exchange_error(struct exchange *ex, int status, const char *code, const char *param,
                    const char *fmt, ...) BF_PRINTF(5, 6);
/* {"data": ...} and the like was written to ex->out. Finishes. */
void exchange_json(struct exchange *ex, int status);
void exchange_text(struct exchange *ex, int status, const char *text);

#endif
