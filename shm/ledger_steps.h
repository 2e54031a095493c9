/*
 * ledger_steps - additions to counters that can be told from those that were not made.
 *
 * Runs in:  workers (their own slot), whoever recovers a dead one (in its name).   Region: counters,
 * live; behind ledger.h.   Does not: decide what is held or booked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LEDGER_STEPS_H
#define SHM_LEDGER_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/hold.h"
#include "shm/map.h"

/* In whose name counters are changed. */
struct actor {
    struct counters_shared *counters;
    const struct live_shared *live; /* of the others: epochs */
    struct slot *s;
    uint32_t slot;
};

struct actor actor_for(const struct regions *regions, uint32_t slot);

/* The counters of a lane: two windows. */
struct counter *lane_cells(const struct actor *a, uint32_t row, uint32_t lane);
/* The window for a request at a time of this number: it, unless the clock has just come back. */
uint32_t steps_window(const struct counter cells[2], uint32_t number);
/* Amount of a window as it is now; 0 when it is not kept. */
uint64_t steps_amount(const struct counter cells[2], uint32_t window);

/* Where a change that does not fit stopped. */
struct steps_stop {
    uint32_t lane;
    uint64_t amount; /* that was found there */
};

/*
 * Make a change, lane by lane: what each has before and after it follows from the phase and the row.
 * `limits` by lane (UINT64_MAX: none). False: a lane does not fit, *stop, and the lanes before it have
 * been changed. The row's word stays at this change.
 */
BF_MUST_CHECK bool steps_up(const struct actor *a, uint32_t row, enum hold_phase phase,
                            const uint64_t *limits, struct steps_stop *stop);
/* The same from lane `from` on for a change that always fits: what was used, or less. */
void steps_on(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t from);
/* Undo a change: lanes from - 1 down to 0. */
void steps_down(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t from);
/* Has the addition that the word tells of been made? Only of a slot that nobody runs. */
bool steps_was_made(const struct actor *a, uint32_t row, uint64_t word);
/* What the row holds or books in a lane at this point of a change. */
uint64_t steps_lane_before(const struct actor *a, uint32_t row, enum hold_phase phase,
                           uint32_t lane);
uint64_t steps_lane_after(const struct actor *a, uint32_t row, enum hold_phase phase,
                          uint32_t lane);

/* --- settling: ledger_settle.c --- */

void steps_bookings(const struct actor *a, uint32_t row, struct record *rec);
/* From here on the row is SETTLING, at this record and its cost, whatever happens to this process. */
void steps_settle_begin(const struct actor *a, uint32_t row, const struct record *rec);
/* The record into the outbox, unless it is there already. Its number; 0: the outbox is full. */
uint64_t steps_settle_record(const struct actor *a, uint32_t row, uint64_t stored);
/* What is known of a hold whose worker died after it had sent. */
void steps_crash_record(const struct actor *a, uint32_t row, uint64_t real_ms, struct record *out);

#endif
