/*
 * queues - what workers tell each other of the requests that wait for a place.
 *
 * Runs in:  workers (their own slot; read all), admin (reads).   Region: live.
 * Each worker keeps its own waiting requests in its own memory (server/worker/line.h); here is what
 * the others must know of them: how many wait in each queue, so that a bound holds over all workers;
 * which accounts they wait for, so that nobody who comes later takes a place before them; and how
 * much each worker has had, so that workers take turns. It is in the slot, so that it is gone with a
 * worker that dies. Does not: know requests, keys or accounts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_QUEUES_H
#define SHM_QUEUES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/layout.h"
#include "shm/region.h"

#define QUEUES_WANTS_MAX 64 /* accounts that a worker's requests wait for; of more nobody is told */

struct queue_live { /* writer: the slot's worker */
    _Atomic uint32_t waiting, reserved;
    _Atomic uint64_t passed; /* that got a place; never goes back */
};

struct queues_live {                             /* of a slot */
    _Alignas(CACHE_LINE) _Atomic uint64_t wants; /* a bit for each account waited for: queues_bit */
    _Atomic uint64_t turn; /* virtual time: grows with each place taken, by 1 / weight */
    _Alignas(CACHE_LINE) _Atomic uint32_t accounts[QUEUES_WANTS_MAX]; /* these; 0: none */
    _Alignas(CACHE_LINE) struct queue_live queues[QUEUES_MAX];        /* 0: everybody's */
};

#define QUEUES_TURN_MOST (1ull << 20) /* virtual time of a place: of weight 1, at most */

/* Accounts share bits, so that who finds none set need not look further. */
static inline uint64_t queues_bit(uint32_t account)
{
    return 1ull << (account % 64);
}

void queues_reset(struct queues_live *q);

/* Wait in a queue, unless `at_most` do over all slots already: false. Never more than that. */
BF_MUST_CHECK bool queues_enter(const struct region *live, uint32_t slot, uint32_t queue,
                                uint32_t at_most);
void queues_leave(const struct region *live, uint32_t slot, uint32_t queue, bool has_passed);
/* Its requests wait for these accounts now, and for no others. */
void queues_want(const struct region *live, uint32_t slot, const uint32_t *accounts, uint32_t n);
/* A place was taken, `virtual_time` is what it counts. */
void queues_took(const struct region *live, uint32_t slot, uint64_t virtual_time);
/* Somebody waits again in a slot where nobody did: its time is neither behind the others', nor ahead
 * by more than a place, whatever it had while they did not wait. */
void queues_begin(const struct region *live, uint32_t slot);

/* --- over all slots --- */

uint64_t queues_wanted(const struct region *live); /* bits */
bool queues_is_wanted(const struct region *live, uint32_t account);
uint64_t queues_wanted_elsewhere(const struct region *live, uint32_t slot);
/* Does another slot that waits for one of these come first? */
bool queues_is_later(const struct region *live, uint32_t slot, uint64_t wants);
uint32_t queues_waiting(const struct region *live, uint32_t queue);
uint64_t queues_passed(const struct region *live, uint32_t queue);

#endif
