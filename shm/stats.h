/*
 * stats - the counters and histograms of a worker, with their help texts.
 *
 * Runs in:  workers (write, through live.h), admin and tools (read).
 * One table in stats.c has name, kind and help of each; /metrics, bfctl and conf's README print
 * from it.
 * Does not: know labels; per-route figures are in live.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_STATS_H
#define SHM_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/base/base.h"

#define STATS_MAX 64 /* room for later issues without a new layout */
#define HISTOGRAMS_MAX 8
#define HISTOGRAM_BUCKETS 128 /* log-linear: 4 per power of two, from 1 us to an hour */

/* stat_id, because the tag "stat" is the kernel's. */
enum stat_id {
    STAT_CONNECTIONS_OPEN,    /* gauge */
    STAT_CONNECTIONS,         /* accepted */
    STAT_CONNECTIONS_REFUSED, /* over the limit */
    STAT_CONNECTIONS_CUT,     /* by the HTTP/2 guards */
    STAT_REQUESTS,            /* begun */
    STAT_REQUESTS_OPEN,       /* gauge */
    STAT_ANSWERS_2XX,
    STAT_ANSWERS_4XX,
    STAT_ANSWERS_5XX,
    STAT_CLIENT_GONE,  /* before the answer's end */
    STAT_STREAMS_OPEN, /* gauge: streamed answers under way */
    STAT_BYTES_IN,     /* request bodies */
    STAT_BYTES_OUT,    /* answer bodies */
    STAT_ATTEMPTS,     /* upstream calls */
    STAT_RETRIES,
    STAT_UPSTREAM_ERRORS,      /* attempts that failed by the upstream's fault */
    STAT_UPSTREAM_CONNECTIONS, /* opened */
    STAT_TOKENS_IN,
    STAT_TOKENS_OUT,
    STAT_USAGE_MISSING, /* answered, but the provider told no usage */
    STAT_AUTH_FAILURES,
    STAT_SAMPLES_DROPPED, /* the sample pipe was full */
    STAT_RECORDS,         /* usage records put into the outbox */
    STAT_RECORDS_SPILLED, /* lost because the outbox was full: a fault */
    STAT_FORWARDED,       /* requests passed on to the admin process */
    STAT_BODY_BYTES_HELD, /* gauge: buffered request bodies */
    STAT_RECORDS_LATE,    /* durability strict: the answer ended before its record was on disk */
    STAT_HEDGES,          /* second calls beside a silent first one */
    STAT_HEDGES_WON,
    STAT_HEDGES_REFUSED, /* the model's share was used up */
    STAT_QUEUE_LENGTH,   /* gauge: requests that wait for a place */
    STAT_QUEUE_PASSED,   /* got one */
    STAT_QUEUE_FULL,     /* refused: as many waited as may */
    STAT_QUEUE_TIMEOUTS, /* refused: it took too long */
    STAT_QUEUE_LEFT,     /* the client went away */
    STAT_SHED_LOW,       /* refused, by priority of the key: the gateway was full */
    STAT_SHED_NORMAL,
    STAT_SHED_HIGH,
    STAT_SHADOWS,         /* copies of requests sent to a second target */
    STAT_SHADOWS_FAILED,  /* ... that brought no good answer */
    STAT_SHADOWS_SKIPPED, /* drawn, but not sent: too many under way, or too long */
    STAT_RETRIES_REFUSED,
    STATS_N
};
static_assert(STATS_N <= STATS_MAX, "room");

enum stat_histogram {
    HISTOGRAM_REQUEST,    /* request begun .. answer's last byte handed over */
    HISTOGRAM_FIRST_BYTE, /* attempt sent .. upstream's first body byte */
    HISTOGRAM_OVERHEAD,   /* request begun .. attempt sent, plus relay's last part */
    HISTOGRAM_QUEUE,      /* waited for a place, whatever came of it */
    HISTOGRAMS_N
};
static_assert(HISTOGRAMS_N <= HISTOGRAMS_MAX, "room");

struct histogram { /* single writer */
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_us;
};

struct stat_info {
    const char *name; /* Prometheus: bowfin_<name>; counters end in _total */
    const char *help;
    bool is_gauge;
};

const struct stat_info *stat_info(enum stat_id which);
const struct stat_info *histogram_info(enum stat_histogram which);
uint32_t histogram_bucket(uint64_t us); /* below HISTOGRAM_BUCKETS */
void histogram_add(struct histogram *h, uint64_t us);
/* Upper bound of a bucket in microseconds; UINT64_MAX for the last. */
uint64_t histogram_bound_us(uint32_t bucket);
/* The value below which `permille` of the observations of summed buckets lie, in microseconds. */
uint64_t histogram_quantile_us(const uint64_t buckets[HISTOGRAM_BUCKETS], uint32_t permille);

#endif
