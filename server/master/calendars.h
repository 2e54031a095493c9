/*
 * calendars - when days, weeks, months begin in a time zone, as rows that workers search.
 *
 * Runs in:  master.   Reads: zone files (server/base/zone.h).   Writes: region published.
 * A row is made when a budget first wants it and computed anew each day, so that it reaches more than a
 * year ahead and follows new rules of its zone. Windows are numbered from 2020-01-01 there, whatever
 * the row covers: the same number means the same days after any restart.
 * Does not: know budgets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_CALENDARS_H
#define MASTER_CALENDARS_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/calendar.h"

/* The row for windows of this period in this zone, made when there is none. -1: no such zone, or full. */
BF_MUST_CHECK int calendars_get(struct region *published, enum window_period period,
                                const char *zone, uint64_t now_ms, uint32_t *out,
                                struct error *err);
/* Each row computed anew. Returns how many could not be: they stay as they were; *err tells of one. */
uint32_t calendars_renew(struct region *published, uint64_t now_ms, struct error *err);
/* Is it time to renew them? `last_ms` is when that was done; clocks jump. */
bool calendars_are_due(uint64_t last_ms, uint64_t now_ms);

#endif
