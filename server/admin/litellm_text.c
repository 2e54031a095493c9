/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "server/base/when.h"

#define NANO_PER_DOLLAR 1000000000u
#define NANO_DIGITS 9
#define EXPONENT_MAX 400 /* of a double; more digits than that mean nothing */
#define DURATION_MAX 100000u
#define WINDOW_MIN_MS 60000u          /* as the configuration bounds them */
#define WINDOW_MAX_MS 316224000000ull /* 3660 days */

/* --- dollars --- */

struct decimal {
    uint64_t mantissa; /* of at most 18 digits */
    int64_t scale;     /* its value is mantissa * 10^-scale */
};

/* Digits beyond the eighteenth cannot be told apart in a float; they only move the scale. */
static void take_digit(struct decimal *d, char c, bool is_fraction)
{
    if (d->mantissa >= 100000000000000000u) {
        d->scale -= is_fraction ? 0 : 1;
        return;
    }
    d->mantissa = d->mantissa * 10 + (uint64_t)(c - '0');
    d->scale += is_fraction ? 1 : 0;
}

static bool take_exponent(struct str text, int64_t *out)
{
    bool negative = text.len > 0 && text.p[0] == '-';
    uint64_t n;

    if (text.len > 0 && (text.p[0] == '-' || text.p[0] == '+'))
        text = str_skip(text, 1);
    if (!str_parse_u64(text, &n) || n > EXPONENT_MAX)
        return false;
    *out = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool parse_decimal(struct str text, struct decimal *out)
{
    bool is_fraction = false;
    int64_t exponent = 0;
    size_t i = 0;

    *out = (struct decimal){0, 0};
    for (; i < text.len && text.p[i] != 'e' && text.p[i] != 'E'; i++) {
        if (text.p[i] == '.' && !is_fraction)
            is_fraction = true;
        else if (str_is_digit(text.p[i]))
            take_digit(out, text.p[i], is_fraction);
        else
            return false;
    }
    if (i == 0 || (i < text.len && !take_exponent(str_skip(text, i + 1), &exponent)))
        return false;
    out->scale -= exponent;
    return true;
}

bool litellm_dollars(struct str number, uint64_t *out_nanousd)
{
    struct decimal d;

    if (!parse_decimal(number, &d))
        return false;
    for (d.scale -= NANO_DIGITS; d.scale < 0 && d.mantissa > 0; d.scale++) {
        if (d.mantissa > (uint64_t)LITELLM_DOLLARS_MAX * NANO_PER_DOLLAR / 10)
            return false;
        d.mantissa *= 10;
    }
    for (; d.scale > 1 && d.mantissa > 0; d.scale--)
        d.mantissa /= 10;
    if (d.scale == 1)
        d.mantissa = (d.mantissa + 5) / 10;
    *out_nanousd = d.mantissa;
    return d.mantissa <= (uint64_t)LITELLM_DOLLARS_MAX * NANO_PER_DOLLAR;
}

void litellm_write_dollars(struct writer *w, const char *key, uint64_t nanousd)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, nanousd / NANO_PER_DOLLAR,
                       nanousd % NANO_PER_DOLLAR);

    while (text[len - 1] == '0' && text[len - 2] != '.')
        len--;
    writer_raw(w, key, (struct str){text, (size_t)len});
}

/* --- durations --- */

static bool split_duration(struct str text, uint64_t *out_n, struct str *out_unit)
{
    size_t digits = 0;

    while (digits < text.len && str_is_digit(text.p[digits]))
        digits++;
    *out_unit = str_skip(text, digits);
    if (out_unit->len == 0)
        *out_unit = STR("s"); /* a bare number is seconds */
    return str_parse_u64((struct str){text.p, digits}, out_n) && *out_n > 0 &&
           *out_n <= DURATION_MAX;
}

static uint64_t unit_ms(struct str unit)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(unit, str_of(units[i].unit)))
            return units[i].ms;
    }
    return 0;
}

bool litellm_duration_end(struct str text, uint64_t now_ms, uint64_t *out_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct str unit;
    struct tm tm;
    uint64_t n;

    if (!split_duration(text, &n, &unit))
        return false;
    if (!str_eq(unit, STR("mo"))) {
        *out_ms = now_ms + n * unit_ms(unit);
        return unit_ms(unit) > 0;
    }
    (void)gmtime_r(&seconds, &tm); /* fails only past the year 2^31 */
    tm.tm_mon += (int)n;
    *out_ms = (uint64_t)timegm(&tm) * 1000 + now_ms % 1000;
    return true;
}

static const struct {
    const char *duration, *window;
} calendars[] = {{"1d", "1d"},  {"24h", "1d"}, {"7d", "1w"},   {"1w", "1w"},  {"30d", "1M"},
                 {"1mo", "1M"}, {"3mo", "1Q"}, {"365d", "1Y"}, {"12mo", "1Y"}};

bool litellm_window(struct str text, struct litellm_window *out)
{
    struct str unit;
    uint64_t n;

    for (size_t i = 0; i < ARRAY_LEN(calendars); i++) {
        if (str_eq(text, str_of(calendars[i].duration))) {
            out->calendar = true;
            (void)snprintf(out->window, sizeof(out->window), "%s", calendars[i].window);
            return true;
        }
    }
    out->calendar = false;
    if (!split_duration(text, &n, &unit))
        return false;
    if (str_eq(unit, STR("mo")) ||
        str_eq(unit, STR("w"))) { /* two months, three weeks: they roll */
        n *= str_eq(unit, STR("w")) ? 7 : 30;
        unit = STR("d");
    }
    (void)snprintf(out->window, sizeof(out->window), "%" PRIu64 "%.*s", n, STR_ARGS(unit));
    return n * unit_ms(unit) >= WINDOW_MIN_MS && n * unit_ms(unit) <= WINDOW_MAX_MS;
}

struct str litellm_duration_of(struct str window)
{
    if (str_eq(window, STR("1M")))
        return STR("1mo");
    if (str_eq(window, STR("1Q")))
        return STR("3mo");
    return str_eq(window, STR("1Y")) ? STR("12mo") : window;
}

/* --- keys, times --- */

bool litellm_is_hash(struct str text)
{
    uint8_t bytes[SHA256_BYTES];

    return text.len == 2 * SHA256_BYTES && crypto_unhex(text, bytes, sizeof(bytes)) == 0;
}

void litellm_hash(struct str key, uint8_t out[SHA256_BYTES])
{
    if (key.len != 2 * SHA256_BYTES || crypto_unhex(key, out, SHA256_BYTES) != 0)
        crypto_sha256(key, out);
}

void litellm_write_time(struct writer *w, const char *key, uint64_t ms)
{
    struct buf text = BUF_INIT;

    if (ms == 0) {
        writer_null(w, key);
        return;
    }
    when_format(&text, ms);
    writer_str(w, key, buf_view(&text));
    buf_fini(&text);
}
