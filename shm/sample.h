/*
 * sample - what a worker says of one attempt: 64 bytes over its sample pipe.
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
#include "server/base/str.h"

#define SAMPLE_VERSION 2

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

/* flags */
#define SAMPLE_REQUESTS_TOLD 1u /* the answer's head told how many requests are left ... */
#define SAMPLE_TOKENS_TOLD 2u   /* ... and how many tokens */
#define SAMPLE_WHOLE_KEY 4u     /* of a 429: the vendor says that it is for all models of the key */
#define SAMPLE_EARLY 8u         /* the attempt goes on: only what its head told is meant */

/* What a provider said of one of its limits. */
struct sample_headroom {
    uint32_t left, most;
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
    uint16_t http_status;    /* 0: no answer */
    uint16_t flags;          /* SAMPLE_* */
    uint32_t sent_ms;        /* of this sample: low 32 bits of monotonic ms */
    uint32_t retry_after_ms; /* as the upstream said it; 0: it did not */
    uint32_t model;          /* sample_model of the upstream's name of it; 0: none was named */
    uint32_t tokens_in;
    struct sample_headroom requests, tokens;     /* where the flags say so */
    uint16_t requests_reset_ds, tokens_reset_ds; /* tenths of a second until all is back; 0: ? */
};
static_assert(sizeof(struct sample) == 64, "layout 2");
static_assert(sizeof(struct sample) <= PIPE_BUF, "writes must be atomic");

bool sample_valid(const struct sample *s);
/* A model's name as a number: which limits of a route that serves any model are meant. Not 0. */
uint32_t sample_model(struct str name);
const char *sample_outcome_name(uint32_t outcome); /* "ok", "rate_limited", ...; "?" */

#endif
