/*
 * http_guard - what a client's bytes must be like before h2o may see them.
 *
 * Runs in:  worker (http*.c), unit tests, fuzzers.   Reads, writes: nothing shared.
 * h2o 2.2.5 is lenient on HTTP/1 (CL and TE together, differing lengths, bare LF, obs-fold, no
 * Host) and hides those headers from its handlers, and on HTTP/2 it follows a client into any
 * amount of useless work. So every HTTP/1 request is checked here while it arrives, and HTTP/2
 * frames are counted before h2o handles them. Pure functions over bytes; all offsets, no pointers,
 * because the buffer they look at may move while it grows.
 * Does not: do I/O, allocate, know h2o.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HTTP_GUARD_H
#define WORKER_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

#define GUARD_HEAD_MAX 65536    /* request line and headers; what clients send is below 8 KiB */
#define GUARD_HEADERS_MAX 100   /* h2o's own limit on HTTP/1 */
#define GUARD_CHUNK_EXT_MAX 256 /* nobody sends chunk extensions */
#define GUARD_TRAILER_MAX 4096
#define GUARD_OPEN_MAX 128      /* h2o allows 100 streams */
#define GUARD_CONTROLS_MAX 1000 /* a second: SETTINGS, PING, PRIORITY, empty DATA, unknown types */
#define GUARD_CONTINUATIONS_MAX 8 /* in a row; with HEADERS 9 * 16 KiB of packed headers */

/* The grammar of single pieces; HTTP/2 brings them without a request line to be checked with. */
bool http_guard_is_token(struct str s);  /* a method, a header's name */
bool http_guard_is_target(struct str s); /* what stands between method and version */
bool http_guard_is_host(struct str s);   /* Host, :authority; may be empty */

enum http_guard_result { GUARD_OK, GUARD_MORE, GUARD_BAD, GUARD_TOO_LARGE };

enum http_guard_body { GUARD_BODY_NONE, GUARD_BODY_LENGTH, GUARD_BODY_CHUNKED };

/* The head of an HTTP/1 request; zeroed is the start of one. */
struct http_guard_head {
    size_t len;                   /* with the empty line; known when GUARD_OK */
    size_t line_at;               /* where the line under way begins */
    uint64_t content_length;      /* GUARD_BODY_LENGTH */
    size_t expect_at, expect_len; /* the Expect line with its end; len 0: none */
    uint32_t n_headers;
    uint8_t body;  /* enum http_guard_body */
    uint8_t minor; /* HTTP/1.minor */
    bool has_line, has_host, has_length, has_encoding;
    bool expects_continue; /* else any Expect is one that nobody knows */
};

/*
 * Go on with the request that begins at bytes.p. GUARD_OK: the head is whole. GUARD_BAD and
 * GUARD_TOO_LARGE: *why says what is wrong (static).
 */
enum http_guard_result http_guard_head(struct http_guard_head *h, struct str bytes,
                                       const char **why);

/* A chunked body; zeroed is its start. */
struct http_guard_chunks {
    uint64_t left;    /* of the chunk under way */
    uint64_t decoded; /* bytes of body so far */
    uint32_t line;    /* bytes of the extension or of the trailers */
    uint8_t digits;
    uint8_t state;
};

/* Go on with new bytes. GUARD_OK: the body is whole, *used says how many of them belong to it. */
enum http_guard_result http_guard_chunks(struct http_guard_chunks *c, struct str bytes,
                                         size_t *used);

struct http_guard_limits {
    uint32_t streams_per_s;
    uint32_t resets_max;
    uint64_t header_ms, body_ms;
};

/* An HTTP/2 connection, as seen by its frames; zeroed is the start of one. */
struct http_guard_frames {
    uint64_t second;                            /* that the counts are of */
    uint32_t streams, resets, aborts, controls; /* in it */
    uint32_t continuations;                     /* in a row */
    uint32_t newest;                            /* highest stream so far */
    uint64_t held;                              /* bytes of bodies that are not whole */
    uint64_t partial_ms;                        /* since when a frame is incomplete; 0: none is */
    uint32_t n_open;
    bool has_preface;
    struct http_guard_stream {
        uint32_t id;
        uint64_t since_ms, bytes;
    } open[GUARD_OPEN_MAX]; /* whose bodies are still coming */
};

/*
 * Look at all complete frames in `bytes` (h2o will take exactly those). GUARD_BAD: cut the
 * connection, *why says for what.
 */
enum http_guard_result http_guard_frames(struct http_guard_frames *f,
                                         const struct http_guard_limits *limits, struct str bytes,
                                         uint64_t now_ms, const char **why);
/* A stream ended before its answer did. GUARD_BAD: too many of them. */
enum http_guard_result http_guard_abort(struct http_guard_frames *f,
                                        const struct http_guard_limits *limits, uint64_t now_ms);
/* Is a head or a body overdue? */
bool http_guard_is_late(const struct http_guard_frames *f, const struct http_guard_limits *limits,
                        uint64_t now_ms);

#endif
