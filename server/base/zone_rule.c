/* "CET-1CEST,M3.5.0,M10.5.0/3": what holds behind the last change that a file lists. */
#include "server/base/zone.h"

#define DAY_S 86400
#define HOURS_MAX 167 /* RFC 8536, version 3 */
#define CHANGES 8     /* of four years */
#define NAME_MIN 3
#define NAME_MAX_BYTES 16

/* --- parsing --- */

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_number(struct str *s, int max, int *out)
{
    int value = 0;
    size_t n = 0;

    for (; n < s->len && n < 4 && str_is_digit(s->p[n]); n++)
        value = value * 10 + (s->p[n] - '0');
    if (n == 0 || value > max)
        return false;
    *s = str_skip(*s, n);
    *out = value;
    return true;
}

/* "CET" or "<+0530>": it is only passed over. */
static bool take_name(struct str *s)
{
    bool quoted = take_char(s, '<');
    size_t n = 0;

    for (; n < s->len; n++) {
        char c = s->p[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(quoted && (str_is_digit(c) || c == '+' || c == '-')))
            break;
    }
    *s = str_skip(*s, n);
    return n >= NAME_MIN && n <= NAME_MAX_BYTES && (!quoted || take_char(s, '>'));
}

/* "2", "-3:30", "26:00:00" in seconds. */
static bool take_time(struct str *s, int32_t *out)
{
    bool negative = take_char(s, '-');
    int hours;
    int minutes = 0;
    int seconds = 0;

    if (!negative)
        (void)take_char(s, '+');
    if (!take_number(s, HOURS_MAX, &hours))
        return false;
    if (take_char(s, ':') &&
        (!take_number(s, 59, &minutes) || (take_char(s, ':') && !take_number(s, 59, &seconds))))
        return false;
    *out = (hours * 60 + minutes) * 60 + seconds;
    if (negative)
        *out = -*out;
    return true;
}

static bool take_when(struct str *s, struct zone_when *out)
{
    bool good;

    *out = (struct zone_when){.seconds = 2 * 3600};
    if (take_char(s, 'M')) {
        out->kind = ZONE_WEEK_DAY;
        good = take_number(s, 12, &out->month) && out->month >= 1 && take_char(s, '.') &&
               take_number(s, 5, &out->week) && out->week >= 1 && take_char(s, '.') &&
               take_number(s, 6, &out->day);
    } else if (take_char(s, 'J')) {
        out->kind = ZONE_JULIAN;
        good = take_number(s, 365, &out->day) && out->day >= 1;
    } else {
        out->kind = ZONE_YEAR_DAY;
        good = take_number(s, 365, &out->day);
    }
    return good && (!take_char(s, '/') || take_time(s, &out->seconds));
}

bool zone_rule_parse(struct str text, struct zone_rule *out)
{
    struct zone_rule r = {0};
    int32_t west;

    if (!take_name(&text) || !take_time(&text, &west) || west > DAY_S || west < -DAY_S)
        return false;
    r.offset = -west;
    r.dst_offset = r.offset + 3600;
    if (text.len > 0) {
        r.has_dst = true;
        if (!take_name(&text))
            return false;
        if (text.len > 0 && text.p[0] != ',') {
            if (!take_time(&text, &west) || west > DAY_S || west < -DAY_S)
                return false;
            r.dst_offset = -west;
        }
        if (!take_char(&text, ',') || !take_when(&text, &r.dst_begin) || !take_char(&text, ',') ||
            !take_when(&text, &r.dst_end))
            return false;
    }
    if (text.len > 0)
        return false;
    *out = r;
    return true;
}

/* --- a year's changes --- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Seconds since 1970 as local clocks show them. */
static int64_t local_moment(const struct zone_when *w, int64_t year)
{
    int64_t day = zone_civil_day(year, 1, 1);

    if (w->kind == ZONE_WEEK_DAY) {
        int64_t first = zone_civil_day(year, w->month, 1);
        int64_t next =
            w->month == 12 ? zone_civil_day(year + 1, 1, 1) : zone_civil_day(year, w->month + 1, 1);
        int64_t week_day = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

        day = first + (w->day - week_day + 7) % 7 + 7 * ((int64_t)w->week - 1);
        if (day >= next)
            day -= 7;
    } else if (w->kind == ZONE_JULIAN) {
        day += w->day - 1 + (is_leap(year) && w->day >= 60); /* 29 February is not counted */
    } else {
        day += w->day;
    }
    return day * DAY_S + w->seconds;
}

struct change {
    int64_t at;
    bool to_dst;
};

/* The changes of the years around `at`, sorted: times may reach a week into another year. */
static void changes_around(const struct zone_rule *r, int64_t at, struct change out[CHANGES])
{
    int64_t year;
    int month;
    int day;
    size_t n = 0;

    zone_civil_date((at >= 0 ? at : at - DAY_S + 1) / DAY_S, &year, &month, &day);
    for (int64_t y = year - 1; y <= year + 2; y++) {
        out[n++] = (struct change){local_moment(&r->dst_begin, y) - r->offset, true};
        out[n++] = (struct change){local_moment(&r->dst_end, y) - r->dst_offset, false};
    }
    for (size_t i = 1; i < CHANGES; i++) {
        struct change c = out[i];
        size_t j = i;

        for (; j > 0 && out[j - 1].at > c.at; j--)
            out[j] = out[j - 1];
        out[j] = c;
    }
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t at, bool *is_dst)
{
    struct change changes[CHANGES];

    *is_dst = false;
    if (!r->has_dst)
        return r->offset;
    changes_around(r, at, changes);
    /* A year of summer ends when the next one begins, at the same moment: the later one counts. */
    for (size_t i = 0; i < CHANGES && changes[i].at <= at; i++)
        *is_dst = changes[i].to_dst ||
                  (i + 1 < CHANGES && changes[i + 1].at == changes[i].at && changes[i + 1].to_dst);
    return *is_dst ? r->dst_offset : r->offset;
}

int64_t zone_rule_next(const struct zone_rule *r, int64_t at)
{
    struct change changes[CHANGES];

    if (!r->has_dst)
        return INT64_MAX;
    changes_around(r, at, changes);
    for (size_t i = 0; i < CHANGES; i++) {
        if (changes[i].at > at)
            return changes[i].at;
    }
    return INT64_MAX;
}
