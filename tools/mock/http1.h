/*
 * http1 - a strict HTTP/1.1 request parser on bytes at hand.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Wire: RFC 9112. Refused: bare LF, obs-fold, blanks before the colon, Content-Length beside
 * Transfer-Encoding or twice, transfer codings other than chunked, a missing Host.
 * Does not: do I/O, allocate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_HTTP1_H
#define MOCK_HTTP1_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/base.h"
#include "server/base/str.h"

#define HTTP1_HEAD_MAX 65536u      /* more than any client or gateway sends */
#define HTTP1_HEADERS_MAX 100      /* as many as the gateway itself takes */
#define HTTP1_BODY_MAX (64u << 20) /* twice the gateway's default limit */
#define HTTP1_CHUNK_LINE_MAX 256u  /* size and extensions of one chunk */

struct http1_header {
    struct str name; /* lower case: rewritten in place */
    struct str value;
};

struct http1_request {
    struct str method, target;
    struct str path, query; /* of target */
    struct str head;        /* all of it, with the closing blank line */
    struct http1_header headers[HTTP1_HEADERS_MAX];
    size_t n_headers;
    struct str body;
    size_t body_bytes; /* announced; chunked: 0 */
    bool chunked, keep_alive, expects_continue;
};

/* > 0: the length of the head, *out is filled but for `body`; 0: more bytes are needed; < 0: the
 * status to refuse it with, negated. Names are put into lower case in `bytes`. */
BF_MUST_CHECK int http1_parse_head(char *bytes, size_t len, struct http1_request *out);

/* Decoding of a chunked body, in place and as it comes. Zeroed: at its start. */
struct http1_chunks {
    size_t read;    /* of the raw bytes, understood so far */
    size_t written; /* of the body, at the front of the same bytes */
    size_t left;    /* of the chunk under way */
    int state;
};

/* 1: the body is whole (`written` bytes of it, `read` bytes consumed); 0: more is needed; < 0: the
 * status to refuse it with, negated. `len` counts from the same start in each call. */
BF_MUST_CHECK int http1_chunks_feed(struct http1_chunks *c, char *bytes, size_t len);

struct str http1_find(const struct http1_request *req, struct str name);

#endif
