/*
 * live - what the workers tell everybody: a slot each, and what a dead one leaves behind.
 *
 * Runs in:  workers (their own slot), master (takes, wipes), aggregator, admin, tools (read).
 * Region: live. A slot is a worker's place, not a worker: a respawned worker takes its
 * predecessor's slot and goes on with its counters and its outbox. What a worker holds for a while
 * (in-flight requests) is in its slot, so that the master can wipe it when the worker dies.
 * Does not: take part in a request's decision by a lock; single-writer fields, relaxed atomics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LIVE_H
#define SHM_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/hold.h"
#include "shm/layout.h"
#include "shm/outbox.h"
#include "shm/queues.h"
#include "shm/region.h"
#include "shm/stats.h"

#define CRASH_TEXT_MAX 512
#define LIVE_HINT_LEN 18 /* "0190a1b2-c3d4-7e5f" */

/* Dead: the master will fill it again. Retired: it has no worker, and none is missing. */
enum slot_state { SLOT_FREE, SLOT_STARTING, SLOT_READY, SLOT_DRAINING, SLOT_DEAD, SLOT_RETIRED };

struct route_live { /* writer: the slot's worker.  One line per route. */
    _Alignas(CACHE_LINE) _Atomic uint32_t in_flight; /* wiped when the worker dies */
    _Atomic uint32_t reserved;
    _Atomic uint64_t attempts;
    _Atomic uint64_t errors; /* the upstream's fault */
    _Atomic uint64_t tokens_in, tokens_out;
    _Atomic uint64_t first_byte_us_sum, total_us_sum;
};
static_assert(sizeof(struct route_live) == CACHE_LINE, "one row, one line");

struct slot { /* writer: the worker that has it; the master while there is none */
    _Alignas(CACHE_LINE) _Atomic uint32_t pid;
    _Atomic uint32_t state;      /* enum slot_state */
    _Atomic uint64_t generation; /* of the published image this worker uses; 0: none yet */
    _Atomic uint64_t beat_ms;    /* monotonic, at least each second */
    _Atomic uint64_t started_ms; /* real time */
    _Atomic uint32_t restarts;   /* how often the master filled this slot again */
    _Atomic uint32_t step;       /* of the request being run: index into worker/request.c's table */
    _Atomic uint64_t request_hint; /* the first 8 bytes of its id; 0: none is being run */
    _Alignas(
        CACHE_LINE) _Atomic uint64_t stats[STATS_MAX]; /* enum stat_id; counters never go back */
    struct histogram histograms[HISTOGRAMS_MAX];       /* enum stat_histogram */
    _Alignas(CACHE_LINE) char crash[CRASH_TEXT_MAX];   /* NUL-terminated by the reader's copy */
    struct queues_live queues;                         /* who waits for a place: queues.h */
    struct outbox outbox;
    struct holds holds;
    struct route_live routes[ROUTES_MAX];
};

struct slot *live_slot(const struct region *live, uint32_t slot); /* must be < SLOTS_MAX */

/*
 * Slots that were ever in use are the first live_slots(): the master takes the lowest one that is
 * not in use, and none is free again. Who sums over slots stops there, so that the pages of slots
 * that nobody needs are never touched.
 */
uint32_t live_slots(const struct region *live);

/* Worker: mark the slot as its own and ready, heal its outbox, forget the predecessor's crash text.
 * Called once after fork, before the first request. */
void live_take(struct slot *s, uint32_t pid, uint64_t real_ms);
/* Master: the worker is gone. Gauges and in-flight counts return to 0, the slot is SLOT_DEAD;
 * counters, crash text and outbox stay. */
void live_wipe(struct slot *s);
/* Master: the same, and no other worker is to follow: the slot is SLOT_RETIRED. */
void live_retire(struct slot *s);
/* Worker, from must()'s hook: cut to the room. */
void live_crash_text(struct slot *s, const char *text);

static inline void stat_add(struct slot *s, enum stat_id which, uint64_t n)
{
    /* one writer: a plain add, published as a whole word */
    uint64_t old = atomic_load_explicit(&s->stats[which], memory_order_relaxed);

    atomic_store_explicit(&s->stats[which], old + n, memory_order_relaxed);
}

/* The same for a counter of a route. */
static inline void live_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint32_t live_in_flight(const struct slot *s, uint32_t row)
{
    return atomic_load_explicit(&s->routes[row].in_flight, memory_order_relaxed);
}

/* An attempt on a route begins, and ends. */
static inline void live_enter(struct slot *s, uint32_t row)
{
    atomic_store_explicit(&s->routes[row].in_flight, live_in_flight(s, row) + 1,
                          memory_order_relaxed);
}

static inline void live_leave(struct slot *s, uint32_t row)
{
    atomic_store_explicit(&s->routes[row].in_flight, live_in_flight(s, row) - 1,
                          memory_order_relaxed);
}

/* Worker: which step of which request it is in (0, 0: in none). The master logs it when it dies there. */
static inline void live_step(struct slot *s, uint32_t step, uint64_t request_hint)
{
    atomic_store_explicit(&s->step, step, memory_order_relaxed);
    atomic_store_explicit(&s->request_hint, request_hint, memory_order_relaxed);
}

/*
 * Master, of a dead worker: the step it died in, and the beginning of that request's id as text.
 * False, and both untouched: it was in no request.
 */
BF_MUST_CHECK bool live_where(const struct slot *s, uint32_t *out_step,
                              char out[LIVE_HINT_LEN + 1]);

uint64_t live_stat_sum(const struct region *live, enum stat_id which); /* over all slots */

#endif
