/*
 * sample - what a worker says of one attempt: 32 bytes over its sample pipe.
 *
 * Runs in:  worker (writes), aggregator (reads).
 * Many in one non-blocking write of at most PIPE_BUF bytes; a full pipe means drop and count. The
 * reader takes multiples of the size, checks every field and drops (and counts) what is not
 * sound; it never asserts on it. Same machine, same build: no byte order, no framing.
 * Does not: carry tokens in money, names or texts; records do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_SAMPLE_H
#define SHM_SAMPLE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

#define SAMPLE_VERSION 1

/* Whose fault an attempt's end was; what each does to the route's health is in aggregator/health.c.
 */
enum sample_outcome {
    SAMPLE_OK = 1,
    SAMPLE_CALLER_FAULT,   /* 400, 404, 422, ...: the route is fine */
    SAMPLE_CLIENT_GONE,    /* cancelled by us because nobody listens */
    SAMPLE_HEDGED,         /* cancelled by us because another route answered sooner */
    SAMPLE_KEY_REFUSED,    /* 401, 402, 403: this key, not the provider */
    SAMPLE_RATE_LIMITED,   /* 429 */
    SAMPLE_UPSTREAM_ERROR, /* 5xx, nonsense */
    SAMPLE_CONNECT,        /* refused, DNS, TLS */
    SAMPLE_TIMEOUT,        /* first byte or silence */
    SAMPLE_CUT,            /* broken off in the middle */
    SAMPLE_OUTCOMES
};

struct sample {
    uint8_t version;
    uint8_t outcome; /* enum sample_outcome */
    uint16_t slot;
    uint32_t generation;    /* low 32 bits of the image that `row` came from */
    uint32_t row;           /* pub_route.row */
    uint32_t first_byte_us; /* 0: none came.  Capped at ~71 minutes. */
    uint32_t total_us;
    uint32_t tokens_out;
    uint16_t http_status;   /* 0: no answer */
    uint16_t retry_after_s; /* from the upstream's header; 0: none */
    uint32_t sent_ms;       /* low 32 bits of monotonic ms */
};
static_assert(sizeof(struct sample) == 32, "layout 1");
static_assert(sizeof(struct sample) <= PIPE_BUF, "writes must be atomic");

bool sample_valid(const struct sample *s);
const char *sample_outcome_name(uint32_t outcome); /* "ok", "rate_limited", ...; "?" */

#endif
