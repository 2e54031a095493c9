/*
 * tables - what the usage journal's LMDB environment looks like: names, keys, values.
 *
 * Runs in:  aggregator (writes), admin, master at its start (read).   Reads, writes: nothing itself.
 * One environment, <state>/usage, with six databases, because totals, booked money, log rows and
 * the numbers of the records they came from must change in one transaction:
 *   usage     day, virtual key, team, customer, provider, model -> totals and the key's name
 *   accounts  account id, window -> what was booked to it: the truth that counters start from
 *   log       time-ordered u64 -> the record as the worker encoded it
 *   seq       boot id, slot -> number of the last record in here
 *   shadows   day, model, two routes -> how they compare (shadow_sum.h)
 *   meta      "counters", "day"
 * Keys are big endian, so that LMDB's order is theirs. Values are native: the file does not leave
 * the machine. Values of `usage` and `accounts` say their version; what an earlier one wrote is read,
 * and what a later one appends is left out. Does not: know LMDB.
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
#define TABLES_MAX 6       /* databases */
#define TABLES_READERS 64  /* admin uses one at a time; the rest is for tools and for the dead */

#define TABLE_USAGE "usage"
#define TABLE_ACCOUNTS "accounts"
#define TABLE_LOG "log"
#define TABLE_SEQ "seq"
#define TABLE_META "meta"
#define TABLE_SHADOWS "shadows"
#define META_COUNTERS "counters"
#define META_DAY "day"

#define USAGE_PROVIDER_MAX 128 /* bytes kept in a key: with the model below LMDB's 511 */
#define USAGE_MODEL_MAX 256
#define USAGE_KEY_MAX (4 + 8 + 1 + 16 + 1 + USAGE_PROVIDER_MAX + USAGE_MODEL_MAX)
#define USAGE_NAME_MAX 128 /* of a virtual key */
#define SEQ_KEY_BYTES 12
#define LOG_KEY_BYTES 8
#define ACCOUNT_KEY_BYTES 12

/* What is summed. Stored as these numbers in this order: later versions append. */
struct usage_totals {
    uint64_t requests;
    uint64_t failed; /* answered with 400 or more, broken off, or the client had gone */
    uint64_t streams;
    uint64_t no_usage;  /* nothing is known of the tokens */
    uint64_t estimated; /* tokens were counted or estimated, not told */
    struct usage_tokens tokens;
    struct usage_details details; /* version 1 ended before this */
    uint64_t cost_nanousd;
    uint64_t estimated_nanousd; /* part of it: of requests that are estimated */
    uint64_t unpriced;          /* requests of unknown price: not in the cost */
};
#define USAGE_NUMBERS 18
static_assert(sizeof(struct usage_totals) == 8 * USAGE_NUMBERS, "numbers only");
static_assert(offsetof(struct usage_totals, details) == 72, "version 1 is a beginning of it");

/* Of one key at one moment: a key that moves to another team has other rows from then on. */
struct usage_key {
    uint32_t day;                  /* since 1970, UTC */
    uint64_t key_id;               /* 0: no virtual key was used */
    uint64_t team_id, customer_id; /* 0: none */
    struct str provider, model;
};

/* An account's window: the value stored in `accounts`. */
struct account_sum {
    uint32_t version; /* ACCOUNT_SUM_VERSION; a later one appends */
    uint32_t reserved;
    uint64_t nanousd;   /* booked */
    uint64_t forgotten; /* part of it whose records are not in the log (any more) */
    uint64_t last_ms;   /* real time of the last booking */
};
#define ACCOUNT_SUM_VERSION 1
static_assert(sizeof(struct account_sum) == 32, "stored: version 1");

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
    uint64_t store_failures;    /* a transaction did not succeed and was done again later */
    uint64_t log_deleted;       /* rows that retention removed */
    uint64_t log_dropped;       /* rows not kept because the log is off */
    uint64_t models_folded;     /* records booked under "(other)": too many names that day */
    uint64_t windows_pruned;    /* accounts' windows that ended long ago */
    struct usage_totals totals; /* of all records since version 2, whatever retention removed */
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

#define USAGE_VALUE_MAX (8 + sizeof(struct usage_totals) + USAGE_NAME_MAX)
/* Bytes written to `out` (USAGE_VALUE_MAX of room); a long name is cut. */
size_t usage_value_encode(const struct usage_totals *t, struct str name, uint8_t *out);
/* 0, or -1 when it is not one. The name points into `in`. */
BF_MUST_CHECK int usage_value_decode(const void *in, size_t len, struct usage_totals *out,
                                     struct str *out_name);

void account_key_encode(struct booking key, uint8_t out[ACCOUNT_KEY_BYTES]);
BF_MUST_CHECK int account_key_decode(const void *in, size_t len, struct booking *out);
BF_MUST_CHECK int account_sum_decode(const void *in, size_t len, struct account_sum *out);

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
