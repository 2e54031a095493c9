/*
 * upstream_curl - the inside of curl's side of upstream.
 *
 * Runs in:  worker (upstream_curl.c, upstream_multi.c).   Writes: its own slot (counters).
 * Does not: get used by anybody else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_UPSTREAM_CURL_H
#define WORKER_UPSTREAM_CURL_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "server/worker/upstream_io.h"

struct curl_fd;

struct curl_side {
    struct upstream *upstream;
    CURLM *multi;
    struct curl_fd *fds; /* by descriptor */
    size_t n_fds;
    struct timer timer;
    bool is_inside; /* curl is running */
    bool is_due;    /* a call was added */
};

/* An easy handle keeps what was set, and most of it is the same in the next call. */
struct curl_easy {
    CURL *handle;
    bool in_multi;
    size_t sent_part, sent_at;       /* how far curl has read the body's parts */
    struct buf url, proxy, ca, path; /* as set in the handle */
    CURLU *parsed;                   /* url */
    long room_set;                   /* upload buffer */
    int flags_set;                   /* insecure, http1_only, h2c */
    bool fresh_set;
};
static_assert(UPSTREAM_ERROR_BYTES >= CURL_ERROR_SIZE, "curl writes so much");

/* upstream_multi.c: callbacks of easy handles; ctx is the curl_side. */
curl_socket_t curl_on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
int curl_on_close(void *ctx, curl_socket_t fd);

#endif
