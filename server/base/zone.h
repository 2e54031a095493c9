/*
 * zone - when a day begins in a time zone: the files of tzdata, and nothing else of calendars.
 *
 * Runs in:  master, tools.   Reads: /usr/share/zoneinfo.   Writes: nothing.
 * Days have a number (0 is 1970-01-01), moments are seconds since 1970 in UTC. A day begins at the first
 * moment whose local date is not before it: where clocks jump over midnight that is the jump, where midnight
 * happens twice it is the first one. A file's bytes are bounded and checked before anything is looked up.
 * Does not: read the clock, or use the C library's zones (TZ is the whole process's).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define ZONE_NAME_MAX 63
#define ZONE_FILE_MAX (256u << 10)

struct zone;

/* Letters, digits and _ + - / in 1 to 63 bytes, no empty part: nothing that leaves the folder. */
bool zone_name_is_good(struct str name);
/* Such a name, with a file of it (which nobody has read yet). */
bool zone_is_there(struct str name);
/* "Europe/Berlin"; "UTC" needs no file. -1: not a zone's name, not there, not sound. */
BF_MUST_CHECK int zone_load(struct str name, struct zone **out, struct error *err);
/* The bytes of such a file. */
BF_MUST_CHECK int zone_parse(struct str bytes, struct zone **out, struct error *err);
void zone_free(struct zone *z); /* takes NULL */

/* Seconds that clocks there are ahead of UTC. `is_dst` may be NULL. */
int32_t zone_offset(const struct zone *z, int64_t at, bool *is_dst);
/* The next moment after `at` at which anything changes there; INT64_MAX: none. */
int64_t zone_next_change(const struct zone *z, int64_t at);
/* When a day begins there. */
int64_t zone_day_begin(const struct zone *z, int64_t day);
/* Which day it is there: the last one that has begun, so that a clock set back never undoes it. */
int64_t zone_day_of(const struct zone *z, int64_t at);

/* The proleptic Gregorian calendar; months 1 to 12, days from 1. */
int64_t zone_civil_day(int64_t year, int month, int day);
void zone_civil_date(int64_t day, int64_t *out_year, int *out_month, int *out_day);

/* --- zone_rule.c: the rule behind the last change that a file lists, as POSIX writes it in TZ --- */

enum zone_date { ZONE_JULIAN, ZONE_YEAR_DAY, ZONE_WEEK_DAY };

struct zone_when { /* of a year */
    enum zone_date kind;
    int day;         /* Jn: 1 to 365, never 29 February; n: 0 to 365; Mm.w.d: 0 (Sunday) to 6 */
    int month, week; /* Mm.w.d; week 5: the last one */
    int32_t seconds; /* local time before the change; may be negative or beyond a day */
};

struct zone_rule {
    int32_t offset, dst_offset; /* seconds ahead of UTC */
    bool has_dst;
    struct zone_when dst_begin, dst_end;
};

/* "CET-1CEST,M3.5.0,M10.5.0/3"; false: not such a rule. */
bool zone_rule_parse(struct str text, struct zone_rule *out);
int32_t zone_rule_offset(const struct zone_rule *r, int64_t at, bool *is_dst);
int64_t zone_rule_next(const struct zone_rule *r, int64_t at); /* INT64_MAX: never */

#endif
