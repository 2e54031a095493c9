/*
 * calendar - when windows begin and end: rolling ones by division, calendar ones by a table.
 *
 * Runs in:  master (writes), workers and admin (read).   Region: published.
 * A calendar is a (period, time zone): the moments at which its days, weeks, months ... begin, from
 * a while ago to some years ahead. The master computes them from the zone's rules, so that a worker
 * needs no time zones, only a search. A window's number tells it from every other one of the same
 * account; numbers grow with time and fit 24 bits. Nobody has to notice midnight: whoever looks
 * computes the number anew from the clock.
 * Does not: read the clock or the zone files (server/base/zone.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_CALENDAR_H
#define SHM_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/owners.h"
#include "shm/region.h"

#define CALENDARS_MAX 512
#define CALENDAR_BOUNDS 1280 /* daily ones for three and a half years; the master renews them */
#define WINDOW_NUMBER_MAX ((1u << 24) - 1)
#define CALENDAR_EPOCH_MS 1577836800000ull /* 2020-01-01: windows are counted from there */

enum window_period {
    PERIOD_1M, /* a minute */
    PERIOD_5M,
    PERIOD_1H,
    PERIOD_1D,
    PERIOD_1W,
    PERIOD_1MO,    /* "1M": a month; rolling: 30 days */
    PERIOD_1Q,     /* rolling: 90 days */
    PERIOD_1Y,     /* rolling: 365 days */
    PERIOD_CUSTOM, /* a length in milliseconds: rolling and sliding only */
    PERIODS
};
extern const char *const window_period_names[PERIODS]; /* "1m", "5m", ..., "1M", "1Q", "1Y" */
uint64_t window_period_ms(enum window_period p);       /* of rolling ones; 0: custom */

/*
 * Number of the window that `real_ms` is in. Before the anchor, or before what the calendar tells: 0;
 * beyond what it tells: its last window; never above WINDOW_NUMBER_MAX.
 */
uint32_t window_number(const struct region *published, const struct window *w, uint64_t real_ms);
/* Real time at which a window begins and ends (excluded); both 0 when the calendar does not know. */
void window_bounds(const struct region *published, const struct window *w, uint32_t number,
                   uint64_t *out_begin_ms, uint64_t *out_end_ms);

/* --- writing (master) --- */

/*
 * What a calendar is: bounds[i] begins window first + i; the last bound only ends the one before. Those of
 * an hour and less would be too many: they have one bound, at which window 0 begins, and are all alike.
 */
struct calendar {
    uint32_t period; /* enum window_period */
    char zone[64];   /* "Europe/Berlin", "UTC" */
    uint32_t first, n;
    uint64_t bounds[CALENDAR_BOUNDS];
};
bool calendar_is_even(enum window_period p); /* one bound is enough: 1m, 5m, 1h */
/* The row of this period and zone, added or brought up to date. -1: full, or not sound. */
BF_MUST_CHECK int calendar_put(struct region *published, const struct calendar *c, uint32_t *out,
                               struct error *err);
uint32_t calendars_high(const struct region *published); /* rows ever used, row 0 included */
/* The row's period and zone, for renewing it; false: there is none. */
BF_MUST_CHECK bool calendar_at(const struct region *published, uint32_t index,
                               enum window_period *out_period, char out_zone[64]);

#endif
