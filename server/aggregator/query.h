/*
 * query - usage totals and log pages for those who only read.
 *
 * Runs in:  admin (and tests).   Reads: LMDB <state>/usage, read-only.   Writes: nothing but its
 * place in LMDB's reader table. The environment is opened at the first call that finds it (the
 * aggregator makes it), after the fork; until then answers are empty. Every call is bounded: a
 * page examines at most LOG_EXAMINED_MAX rows and its cursor goes on from there, so a filter that
 * matches nothing costs many short calls and never a long one. Each call is one short snapshot, so
 * it never keeps the aggregator from reusing pages.
 * Does not: format JSON, cache, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_QUERY_H
#define AGGREGATOR_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/shadow_sum.h"
#include "server/aggregator/tables.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/record.h"

#define LOG_PAGE_MAX 1000      /* rows in a page */
#define LOG_EXAMINED_MAX 20000 /* rows looked at for a page: some 20 ms */
#define USAGE_ROWS_MAX 8192    /* groups in an answer; rows of more are counted in `truncated` */
#define USAGE_EXAMINED_MAX 1000000 /* rows summed for an answer: some 300 ms */

struct query;

/* Cannot fail: what is wrong with the environment is said by the calls below. */
struct query *query_open(const char *state_dir);
void query_close(struct query *q); /* takes NULL */

/* --- usage --- */

enum usage_group {
    USAGE_BY_DAY = 1,
    USAGE_BY_KEY = 2,
    USAGE_BY_PROVIDER = 4,
    USAGE_BY_MODEL = 8,
    USAGE_BY_TEAM = 16,
    USAGE_BY_CUSTOMER = 32
};

struct usage_filter {
    uint32_t group;              /* by what to sum: a sum of enum usage_group; 0: one row */
    uint64_t since_ms, until_ms; /* real time; whole UTC days that they touch; until 0: no end */
    bool has_key_id;             /* else: all keys */
    bool has_team_id, has_customer_id;
    uint64_t key_id, team_id, customer_id; /* 0: requests without one */
    struct str provider, model;            /* exact; empty: all */
};

struct usage_row { /* what is not grouped by is 0 or empty */
    uint32_t day;  /* since 1970, UTC; * MS_PER_DAY is its begin */
    uint64_t key_id, team_id, customer_id;
    struct str key_name; /* as it was last seen; set when grouped by key */
    struct str provider, model;
    struct usage_totals totals;
};

struct usage_answer {
    struct usage_row *rows; /* days ascending, then by ids and names; one row when group is 0 */
    size_t n;
    uint64_t truncated; /* rows whose group did not fit */
    bool is_partial;    /* USAGE_EXAMINED_MAX was reached: the newest days are not in it */
};

/* Texts and rows are in the arena. */
BF_MUST_CHECK int query_usage(struct query *q, const struct usage_filter *filter, struct arena *a,
                              struct usage_answer *out, struct error *err);

/* --- log --- */

struct log_range {
    uint64_t before; /* cursor: only older rows; 0: from the newest */
    uint64_t after;  /* cursor: only newer rows (to follow the log); 0: no such bound */
    size_t limit;    /* 1..LOG_PAGE_MAX; others are made to fit */
};

struct log_filter {
    struct log_range range;
    uint64_t since_ms, until_ms; /* real time at which the request had ended; until 0: no end */
    bool has_key_id, has_team_id, has_customer_id; /* else: all */
    uint64_t key_id, team_id, customer_id;         /* 0: requests without one */
    struct str provider, model; /* exact; empty: all. `model` also matches what was asked for */
    uint32_t status_class;      /* 2: 200..299, 4, 5; 0: all */
    uint32_t status;            /* exactly this one; 0: all */
};

struct log_row {
    uint64_t cursor;
    struct record record; /* texts in the arena */
};

struct log_page {
    struct log_row *rows; /* newest first */
    size_t n;
    uint64_t next;   /* give it as `before` for what is older; 0: the end was reached */
    size_t examined; /* rows looked at */
};

/* A page may have fewer rows than its limit, even none, with next != 0: go on. */
BF_MUST_CHECK int query_log(struct query *q, const struct log_filter *filter, struct arena *a,
                            struct log_page *out, struct error *err);

/* For sums over many rows. Texts are valid during the call. */
struct log_each {
    struct log_filter filter;                           /* the range's limit is not heeded */
    size_t max;                                         /* rows to look at */
    void (*fn)(void *ctx, const struct record *record); /* newest first */
    void *ctx;
};
/* *out_next: `before` for the rest, 0: that was all. */
BF_MUST_CHECK int query_log_each(struct query *q, const struct log_each *each, uint64_t *out_next,
                                 struct error *err);

/* Cursors as text for URLs: 16 hex digits. False: it is not one. */
#define CURSOR_TEXT_LEN 16
void query_cursor_format(uint64_t cursor, char out[CURSOR_TEXT_LEN + 1]);
bool query_cursor_parse(struct str text, uint64_t *out);

/* --- shadows --- */

#define SHADOW_PAIRS_MAX 512 /* in an answer: 1.1 MiB */

struct shadow_filter {
    uint64_t since_ms, until_ms; /* real time; whole UTC days that they touch; until 0: no end */
    struct str model;            /* of `models:`, exactly; empty: all */
};

struct shadow_row {
    struct shadow_key key; /* its day is 0 */
    struct shadow_sum sum;
};

struct shadow_answer {
    struct shadow_row *rows;
    size_t n;
    uint64_t truncated; /* rows of days whose pair did not fit */
};

BF_MUST_CHECK int query_shadows(struct query *q, const struct shadow_filter *filter,
                                struct arena *a, struct shadow_answer *out, struct error *err);

/* --- about the journal itself --- */

struct query_about {
    struct agg_counters counters;
    uint64_t log_rows;
    uint64_t file_bytes;
};
BF_MUST_CHECK int query_about(struct query *q, struct query_about *out, struct error *err);

#endif
