/*
 * fail - everything a client can be told when its request fails: one table, one file.
 *
 * Runs in:  worker.   Writes: nothing shared.
 * A failure is the address of one of these constants; its name appears in the answer's x-bf-error,
 * in logs, records and tests. fail.c answers in the caller's dialect.
 * Does not: decide when to fail; the steps do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_FAIL_H
#define WORKER_FAIL_H

#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/str.h"
#include "server/worker/http.h"

struct request;

struct fail {
    const char *name; /* "over_budget" */
    int status;
    const char *type; /* OpenAI's: invalid_request_error, authentication_error, ... */
    const char *text; /* what is wrong and what would be right; a detail may follow */
};

extern const struct fail FAIL_NOT_JSON, FAIL_NO_MODEL, FAIL_BAD_MODEL, FAIL_UNKNOWN_PROVIDER,
    FAIL_UNKNOWN_MODEL, FAIL_MODEL_NOT_ALLOWED, FAIL_NO_KEY, FAIL_BAD_KEY, FAIL_KEY_EXPIRED,
    FAIL_KEY_INACTIVE, FAIL_BAD_PATH, FAIL_BAD_METHOD, FAIL_BODY_TOO_LARGE, FAIL_BAD_MULTIPART,
    FAIL_NO_UPSTREAM_KEY, FAIL_NO_TOKEN, FAIL_UPSTREAM_CONNECT, FAIL_UPSTREAM_TLS,
    FAIL_UPSTREAM_TIMEOUT, FAIL_UPSTREAM_SILENT, FAIL_UPSTREAM_CUT, FAIL_UPSTREAM_NONSENSE,
    FAIL_ADMIN_DOWN, FAIL_NOT_READY, FAIL_OVERLOADED, FAIL_FORBIDDEN, FAIL_BAD_HTTP,
    FAIL_HEAD_TOO_LARGE, FAIL_TOO_SLOW, FAIL_NO_DIALECT, FAIL_NOT_FAITHFUL, FAIL_UNTRANSLATABLE,
    FAIL_UPSTREAM_ERROR, FAIL_NO_IMAGES, FAIL_KEY_BLOCKED, FAIL_NETWORK_NOT_ALLOWED,
    FAIL_ROUTE_NOT_ALLOWED, FAIL_PROVIDER_NOT_ALLOWED, FAIL_BUDGET_EXCEEDED, FAIL_REQUEST_LIMITED,
    FAIL_TOKEN_LIMITED, FAIL_CONCURRENCY_LIMITED, FAIL_UNPRICED, FAIL_UNKNOWN_PROVIDER_KEY,
    FAIL_UNKNOWN_TAGS, FAIL_QUEUE_FULL, FAIL_QUEUE_TIMEOUT, FAIL_SHED, FAIL_BAD_FALLBACKS,
    FAIL_UPSTREAM_SLOW, FAIL_FILTERED, FAIL_UPSTREAM_TYPE, FAIL_TOO_MANY_BUDGETS;

/* What a client is told: its text and the detail. */
struct str fail_message(struct arena *a, const struct fail *f, struct str detail);
/*
 * Settle, and answer with it (or, when the answer has begun, end the stream with an error event in the
 * dialect). `detail` (arena or static) is put behind the text; `param` names the field at fault;
 * both may be empty.
 */
void fail_answer(struct request *r, const struct fail *f, struct str detail, struct str param);

#define FAIL_HEADERS_MAX 29
struct fail_text {
    const char *id;                               /* given: what the answer calls the request */
    struct str body;                              /* arena, as the headers' values are */
    struct http_header headers[FAIL_HEADERS_MAX]; /* beside content-type and x-bf-request-id */
    size_t n_headers;
};
/*
 * An answer to what never became a request, in the dialect that its path (without the query) says;
 * OpenAI's where the path is unknown, or never came.
 */
void fail_write(struct arena *a, struct str path, const struct fail *f, struct str detail,
                struct fail_text *out);

#endif
