/*
 * answer - an answer of the gateway's own: whole, small, JSON.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Does not: relay (relay.c), decide.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ANSWER_H
#define WORKER_ANSWER_H

#include "server/worker/request.h"

#define ANSWER_HEADERS_MAX 28

/* Start and end the answer. `body` must live in the request's arena or for ever. */
void answer_json(struct request *r, int status, struct str body, const struct http_header *headers,
                 size_t n);
/* Without a body; `headers` as they are. */
void answer_empty(struct request *r, int status, const struct http_header *headers, size_t n);

#endif
