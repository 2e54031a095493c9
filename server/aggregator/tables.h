/*
 * tables - what the usage journal's LMDB environment looks like: names, keys, values.
 *
 * Runs in:  aggregator (writes), admin (reads).   Reads, writes: nothing itself.
 * One environment, <state>/usage, with four databases, because totals, log rows and the numbers of
 * the records they came from must change in one transaction:
 *   usage  day, virtual key, provider, model -> struct usage_totals and the key's name
 *   log    time-ordered u64 -> the record as the worker encoded it
 *   seq    boot id, slot -> number of the last record in here
 *   meta   "counters", "day"
 * Keys are big endian, so that LMDB's order is theirs. Values are native: the file does not leave
 * the machine. Does not: know LMDB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_TABLES_H
#define AGGREGATOR_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/record.h"

#define TABLES_DIR "usage" /* below the state directory */
#define TABLES_MAX 4       /* databases */
#define TABLES_READERS 64  /* admin uses one at a time; the rest is for tools and for the dead */

#define TABLE_USAGE "usage"
#define TABLE_LOG "log"
#define TABLE_SEQ "seq"
#define TABLE_META "meta"
#define META_COUNTERS "counters"
#define META_DAY "day"

#define USAGE_PROVIDER_MAX 128 /* bytes kept in a key: with the model below LMDB's 511 */
#define USAGE_MODEL_MAX 256
#define USAGE_KEY_MAX (4 + 8 + 1 + USAGE_PROVIDER_MAX + USAGE_MODEL_MAX)
#define USAGE_NAME_MAX 128 /* of a virtual key */
#define SEQ_KEY_BYTES 12
#define LOG_KEY_BYTES 8

/* What is summed. Fixed-width numbers only: it is stored as it is. */
struct usage_totals {
    uint64_t requests;
    uint64_t failed; /* answered with 400 or more, broken off, or the client had gone */
    uint64_t streams;
    uint64_t no_usage;  /* nothing is known of the tokens */
    uint64_t estimated; /* tokens were counted or estimated, not told */
    struct usage_tokens tokens;
};
static_assert(sizeof(struct usage_totals) == 72, "stored: version 1");

struct usage_key {
    uint32_t day;    /* since 1970, UTC */
    uint64_t key_id; /* 0: no virtual key was used */
    struct str provider, model;
};

/* What the aggregator has seen of its peers since it was first started on this environment. */
struct agg_counters {
    uint64_t records;       /* in the totals */
    uint64_t duplicates;    /* came twice, dropped */
    uint64_t fetched;       /* read from an outbox instead of the pipe */
    uint64_t lost;          /* numbers that were in no outbox any more: a fault */
    uint64_t bad_records;   /* a number, but not a sound record */
    uint64_t garbage_bytes; /* in record pipes, skipped */
    uint64_t samples;       /* taken */
    uint64_t bad_samples;   /* not sound, dropped */
    uint64_t stale_samples; /* of a route that is gone, dropped */
    uint64_t commits;
    uint64_t store_failures; /* a transaction did not succeed and was done again later */
    uint64_t log_deleted;    /* rows that retention removed */
    uint64_t log_dropped;    /* rows not kept because the log is off */
    uint64_t models_folded;  /* records booked under "(other)": too many names that day */
};

#define MS_PER_DAY 86400000ull

static inline uint32_t usage_day(uint64_t real_ms)
{
    return (uint32_t)(real_ms / MS_PER_DAY);
}

void usage_totals_add(struct usage_totals *to, const struct usage_totals *more);
/* What one record adds. */
struct usage_totals usage_of_record(const struct record *r);

/* Bytes written to `out` (USAGE_KEY_MAX of room); long names are cut. */
size_t usage_key_encode(const struct usage_key *k, uint8_t *out);
/* 0, or -1 when it is not one. Texts point into `in`. */
BF_MUST_CHECK int usage_key_decode(const void *in, size_t len, struct usage_key *out);

void seq_key_encode(uint64_t boot_id, uint32_t slot, uint8_t out[SEQ_KEY_BYTES]);
BF_MUST_CHECK int seq_key_decode(const void *in, size_t len, uint64_t *boot_id, uint32_t *slot);

/*
 * A log row's key: milliseconds of real time << 20, plus a count that keeps rows apart. Always
 * grows, and is never before the request's end.
 */
#define LOG_KEY_SHIFT 20
void log_key_encode(uint64_t key, uint8_t out[LOG_KEY_BYTES]);
BF_MUST_CHECK int log_key_decode(const void *in, size_t len, uint64_t *out);

static inline uint64_t log_key_ms(uint64_t key)
{
    return key >> LOG_KEY_SHIFT;
}

#endif
