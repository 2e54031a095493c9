/*
 * fake - what stands in for network, clock, pipes and the worker process in replay tests.
 *
 * Runs in:  replay tests.   Each fake defines the symbols of one real file (http.c, upstream.c,
 * loop.c, worker.c, report.c, clock.c), so the linker takes it instead; everything else in the
 * program is the real thing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_FAKE_H
#define REPLAY_FAKE_H

#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/worker/http.h"
#include "server/worker/upstream.h"
#include "shm/record.h"
#include "shm/sample.h"
#include "shm/stats.h"

struct weight;
struct worker;

/* --- the client (fake_http.c) --- */

#define FAKE_HEADERS_MAX 32

struct fake_client {
    struct http_exchange ex;
    struct http_header headers[FAKE_HEADERS_MAX]; /* the request's */
    size_t n_headers;
    bool is_open; /* between request_begin and request_on_gone */
    bool is_slow; /* takes bytes only when told to */
    bool is_busy; /* an http_send waits to be taken */
    bool is_started, is_ended, is_aborted;
    bool was_unsettled; /* the last bytes were sent before settle had run */
    int status;
    int64_t content_length;
    struct str answer_names[FAKE_HEADERS_MAX], answer_values[FAKE_HEADERS_MAX];
    size_t n_answer_headers;
    struct buf answer;
    struct arena *arena;
};
extern struct fake_client client;

void client_reset(void);
void client_begin(struct worker *w);
void client_take(void); /* what was sent has left */
void client_gone(void);

/* --- the provider (fake_upstream.c) --- */

struct fake_upstream {
    struct upstream_call *call; /* the one under way, or NULL */
    uint32_t n_started, n_cancelled;
    bool is_paused;
    struct upstream_request request;                              /* the last one; texts copied */
    struct buf body, headers;                                     /* headers: a line each */
    struct str names[FAKE_HEADERS_MAX], values[FAKE_HEADERS_MAX]; /* of the next head */
    size_t n_headers;
    const char *secret; /* where the last credential lay in the request's arena */
    size_t secret_len;
    size_t split_at; /* cut each body here; 0: not; SIZE_MAX: into single bytes */
    struct arena *arena;
};
extern struct fake_upstream provider;

void provider_reset(void);
void provider_head(int status);
void provider_body(struct str bytes);
void provider_done(enum upstream_result result);

/* --- time (fake_loop.c; fake_clock.c reads it) --- */

extern uint64_t fake_now_us; /* monotonic */
void time_reset(void);
void time_passes(uint64_t ms); /* runs the timers that fall due */
size_t timers_pending(void);

/* --- reports (fake_report.c) --- */

#define FAKE_SAMPLES_MAX 32

struct fake_reports {
    struct sample samples[FAKE_SAMPLES_MAX];
    size_t n_samples;
    struct record record; /* the last one; its texts are copied */
    size_t n_records, n_abandoned;
    uint8_t bytes[4096];
    uint64_t n_stored; /* number of the last record that is "on disk" */
    bool is_slow;      /* ... as they will be when told to */
};
extern struct fake_reports reports;

void reports_reset(void);

/* --- whom keys belong to (fake_owners.c) --- */

struct conf_key_scope;
struct config;
void owners_open(void);
void owners_close(void);
/* The row of a key's owner, and its scope as bytes in the arena. */
uint32_t owners_put_key(const struct config *conf, const struct conf_key_scope *s, struct arena *a,
                        struct str *out_scope);

/* --- the worker and its regions (fake_worker.c) --- */

extern uint64_t fake_random; /* what worker_random returns next */

BF_MUST_CHECK int world_open(struct error *err);
void world_close(void);
struct worker *world_worker(void);
/* A fresh slot, and weights as if never published. */
void world_reset(void);
/* Load, check and publish a configuration, as the master does. */
BF_MUST_CHECK int world_configure(struct str yaml, struct error *err);
/* The row of "route/PROVIDER/KEY/MODEL"; -1: there is none. */
int world_row(struct str identity);
void world_set_weight(uint32_t row, const struct weight *w);
void world_set_in_flight(uint32_t row, uint32_t n); /* as if other requests were under way */
uint64_t world_stat(enum stat_id which);
uint32_t world_in_flight(void); /* over all rows, without those */
bool world_in_request(void);    /* does the slot say that one is being run */
size_t world_arenas_out(void);
uint32_t world_holds(void); /* open */

#endif
