#include "server/base/when.h"

#include <time.h>

/* Exactly `n` digits at *at, then `end` (unless it is 0); moves *at past both. */
static bool take_digits(struct str text, size_t *at, int n, char end, int *out)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        if (*at >= text.len || !str_is_digit(text.p[*at]))
            return false;
        value = value * 10 + (text.p[(*at)++] - '0');
    }
    if (end != 0 && (*at >= text.len || text.p[(*at)++] != end))
        return false;
    *out = value;
    return true;
}

/* "Z", "+02:00", "-05:30" at the end of a time, in seconds east of UTC. */
static bool take_zone(struct str text, size_t *at, int *out_seconds)
{
    int hours;
    int minutes;
    char sign;

    if (*at >= text.len)
        return false;
    sign = text.p[(*at)++];
    if (sign == 'Z' || sign == 'z') {
        *out_seconds = 0;
        return true;
    }
    if ((sign != '+' && sign != '-') || !take_digits(text, at, 2, ':', &hours) ||
        !take_digits(text, at, 2, 0, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
    return true;
}

static bool take_clock(struct str text, size_t *at, struct tm *tm, int *out_zone)
{
    if (!take_digits(text, at, 2, ':', &tm->tm_hour) ||
        !take_digits(text, at, 2, ':', &tm->tm_min) || !take_digits(text, at, 2, 0, &tm->tm_sec))
        return false;
    if (*at + 1 < text.len && text.p[*at] == '.' && str_is_digit(text.p[*at + 1])) {
        for ((*at)++; *at < text.len && str_is_digit(text.p[*at]);)
            (*at)++; /* parts of a second are read and dropped */
    }
    return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60 &&
           take_zone(text, at, out_zone);
}

bool when_parse(struct str text, uint64_t *out_ms)
{
    struct tm tm = {0};
    struct tm same;
    size_t at = 0;
    int zone = 0;
    int day;
    time_t seconds;

    if (!take_digits(text, &at, 4, '-', &tm.tm_year) ||
        !take_digits(text, &at, 2, '-', &tm.tm_mon) || !take_digits(text, &at, 2, 0, &tm.tm_mday))
        return false;
    if (at < text.len) {
        char separator = text.p[at++];

        if ((separator != 'T' && separator != 't' && separator != ' ') ||
            !take_clock(text, &at, &tm, &zone) || at != text.len)
            return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    day = tm.tm_mday;
    if (tm.tm_mon < 0 || tm.tm_mon > 11 || day < 1)
        return false;
    same = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = day};
    (void)timegm(&same); /* moves 31 February into March, which shows */
    seconds = timegm(&tm);
    if (same.tm_mday != day || seconds < zone)
        return false;
    *out_ms = (uint64_t)(seconds - zone) * 1000;
    return true;
}

void when_format(struct buf *b, uint64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];

    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof(text), "%FT%TZ", &tm) == 0) {
        buf_char(b, '0');
        return;
    }
    buf_cstr(b, text);
}
