#include "server/master/calendars.h"

#include <stdio.h>
#include <string.h>

#include "server/base/zone.h"

#define DAY_MS 86400000ull
#define YEAR_0 2020            /* of CALENDAR_EPOCH_MS */
#define DAY_0 18262            /* 2020-01-01 */
#define MONDAY_0 18260         /* 2019-12-30: the week that 2020 begins in */
#define STANDARD_CHANGES_MAX 4 /* a year without standard time is no zone of today */

/* How many windows a row has, and how many of them lie behind the one that is now. */
static const struct reach {
    uint32_t n, behind;
} reaches[PERIODS] = {
    [PERIOD_1D] = {1279, 400}, [PERIOD_1W] = {600, 200}, [PERIOD_1MO] = {360, 120},
    [PERIOD_1Q] = {200, 80},   [PERIOD_1Y] = {120, 40},
};

/* --- windows by number --- */

static int64_t first_day(enum window_period period, int64_t number)
{
    if (period == PERIOD_1D)
        return DAY_0 + number;
    if (period == PERIOD_1W)
        return MONDAY_0 + 7 * number;
    if (period == PERIOD_1MO)
        return zone_civil_day(YEAR_0 + number / 12, (int)(number % 12) + 1, 1);
    if (period == PERIOD_1Q)
        return zone_civil_day(YEAR_0 + number / 4, (int)(number % 4) * 3 + 1, 1);
    return zone_civil_day(YEAR_0 + number, 1, 1);
}

static int64_t number_of(enum window_period period, int64_t day)
{
    int64_t year;
    int month;
    int of_month;

    if (day < DAY_0)
        return 0; /* nobody's clock is right that says so */
    zone_civil_date(day, &year, &month, &of_month);
    if (period == PERIOD_1D)
        return day - DAY_0;
    if (period == PERIOD_1W)
        return (day - MONDAY_0) / 7;
    if (period == PERIOD_1MO)
        return (year - YEAR_0) * 12 + month - 1;
    if (period == PERIOD_1Q)
        return (year - YEAR_0) * 4 + (month - 1) / 3;
    return year - YEAR_0;
}

/* --- rows --- */

/* Minutes and hours begin as standard time there has them: a clock that is changed by half an hour in summer
 * would cut them in the middle. */
static void fill_even(struct calendar *c, const struct zone *z, uint64_t now_ms)
{
    int64_t period = (int64_t)window_period_ms((enum window_period)c->period);
    int64_t at = (int64_t)(now_ms / 1000);
    int64_t offset_ms;
    bool is_dst;
    int32_t offset = zone_offset(z, at, &is_dst);
    int32_t standard = offset;

    for (int i = 0; i < STANDARD_CHANGES_MAX && is_dst; i++) {
        at = zone_next_change(z, at);
        if (at == INT64_MAX)
            break;
        standard = zone_offset(z, at, &is_dst);
    }
    offset_ms = (int64_t)(is_dst ? offset : standard) * 1000;
    c->n = 1;
    c->bounds[0] = CALENDAR_EPOCH_MS - (uint64_t)((offset_ms % period + period) % period);
}

static void fill_days(struct calendar *c, const struct zone *z, uint64_t now_ms)
{
    enum window_period period = (enum window_period)c->period;
    const struct reach *r = &reaches[period];
    int64_t now = number_of(period, zone_day_of(z, (int64_t)(now_ms / 1000)));

    if (now > WINDOW_NUMBER_MAX / 2)
        now = WINDOW_NUMBER_MAX / 2;
    c->first = now > r->behind ? (uint32_t)now - r->behind : 0;
    c->n = r->n + 1;
    for (uint32_t i = 0; i < c->n; i++) {
        int64_t begin = zone_day_begin(z, first_day(period, (int64_t)c->first + i));

        c->bounds[i] = begin > 0 ? (uint64_t)begin * 1000 : 0;
        /* A day that a zone leaves out (it moved to the other side of the date line) has one moment. */
        if (i > 0 && c->bounds[i] <= c->bounds[i - 1])
            c->bounds[i] = c->bounds[i - 1] + 1;
    }
}

static int compute(enum window_period period, const char *zone, uint64_t now_ms,
                   struct calendar *out, struct error *err)
{
    struct zone *z = NULL;

    static_assert(ZONE_NAME_MAX < sizeof(out->zone), "a zone's name fits");
    must(period < PERIOD_CUSTOM);
    if (zone_load(str_of(zone), &z, err) != 0)
        return -1;
    memset(out, 0, sizeof(*out));
    out->period = period;
    (void)snprintf(out->zone, sizeof(out->zone), "%s", zone); /* fits */
    if (calendar_is_even(period))
        fill_even(out, z, now_ms);
    else
        fill_days(out, z, now_ms);
    zone_free(z);
    return 0;
}

int calendars_get(struct region *published, enum window_period period, const char *zone,
                  uint64_t now_ms, uint32_t *out, struct error *err)
{
    struct calendar c;
    enum window_period have;
    char name[64];

    for (uint32_t i = 1; i < calendars_high(published); i++) {
        if (calendar_at(published, i, &have, name) && have == period && strcmp(name, zone) == 0) {
            *out = i;
            return 0;
        }
    }
    if (compute(period, zone, now_ms, &c, err) != 0)
        return -1;
    return calendar_put(published, &c, out, err);
}

uint32_t calendars_renew(struct region *published, uint64_t now_ms, struct error *err)
{
    uint32_t failed = 0;

    for (uint32_t i = 1; i < calendars_high(published); i++) {
        enum window_period period;
        struct calendar c;
        char zone[64];
        uint32_t index;

        /* Even ones are good for ever, and must not shift. */
        if (!calendar_at(published, i, &period, zone) || calendar_is_even(period))
            continue;
        if (compute(period, zone, now_ms, &c, err) != 0 ||
            calendar_put(published, &c, &index, err) != 0)
            failed++;
    }
    return failed;
}

bool calendars_are_due(uint64_t last_ms, uint64_t now_ms)
{
    return now_ms < last_ms || now_ms - last_ms >= DAY_MS;
}
