/*
 * http - HTTP from the clients: the door to h2o's server side.
 *
 * Runs in:  worker.   Reads: published (limits).   Writes: its own slot (connection counters).
 * One http_exchange per request, complete with its body when request_begin() gets it. The steps see
 * only this header, so replay tests put another http.c in its place, and h2o could be replaced by
 * one file. The guards in front of h2o live here (http_guard.h): rapid reset, new streams per
 * second, header and body limits, slow clients, smuggling shapes (CL+TE, bare LF, obs-fold,
 * duplicate CL), connection cap. Does not: know dialects, keys or providers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct request;
struct worker;
struct listener_tls;

struct http_header {
    struct str name; /* lower case */
    struct str value;
};

struct http_exchange {
    struct worker *worker;
    struct request *request; /* set by request_begin */
    struct str method;
    struct str path;      /* without the query, as sent (not decoded), starts with '/' */
    struct str query;     /* behind '?', or empty */
    struct str authority; /* Host, or :authority */
    struct str body;
    struct str peer; /* textual address without a port; "unix" for a Unix socket */
    bool peer_is_loopback;
    bool is_tls;
    bool is_http2;
    const struct http_header *told; /* of a request that nobody sent (explain_run.c): its headers */
    size_t n_told;
    void *impl; /* http.c's own; NULL: nobody sent it */
};

/* Request header by its lower-case name; STR_NONE when absent. The first one, if it is repeated. */
struct str http_find(const struct http_exchange *ex, struct str name);
/* Header number `i`, for passing them on; false past the last. */
bool http_header_at(const struct http_exchange *ex, size_t i, struct http_header *out);

/*
 * Start the answer. content_length < 0: unknown (chunked, or HTTP/2 frames). Headers are copied.
 * Once.
 */
void http_start(struct http_exchange *ex, int status, const struct http_header *headers, size_t n,
                int64_t content_length);
/*
 * Hand over bytes; `final` ends the answer. The bytes must stay valid until request_on_writable()
 * is called for it; until then no other http_send. After a final send only request_on_gone()
 * follows.
 */
void http_send(struct http_exchange *ex, const struct str *parts, size_t n, bool final);
/* Break the answer off so that the client sees it is not whole: RST_STREAM, or the connection is
 * closed. */
void http_abort(struct http_exchange *ex);
/*
 * Count memory that the request takes beside its body, until the exchange ends. False, and nothing
 * is counted: more than limits.buffered_max would be held.
 */
bool http_hold(struct http_exchange *ex, size_t bytes);

/* --- what http.c calls, implemented by request.c --- */

void request_begin(struct worker *w, struct http_exchange *ex); /* may answer at once */
void request_on_writable(struct request *r);
/* The exchange ends: answered, or the client has gone. Called exactly once; `ex` is dead behind it.
 */
void request_on_gone(struct request *r);

#endif
