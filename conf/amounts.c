#include "conf/amounts.h"

#include <string.h>

#include "server/base/base.h"

#define NANO_DIGITS 9
#define EXPONENT_MAX 30 /* past it any number that is not 0 is too large or too fine */

const char *const conf_period_names[CONF_PERIODS] = {"1m", "5m", "1h", "1d",
                                                     "1w", "1M", "1Q", "1Y"};
const char *const conf_route_names[CONF_ROUTES] = {
    "chat",  "completions", "responses", "embeddings", "rerank", "images",
    "audio", "files",       "batches",   "models",     "other",
};

static const struct {
    char letter;
    uint64_t ms;
} units[] = {{'w', 604800000}, {'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};

/* --- dollars --- */

/* The digits of a number without its point, and where the point is. */
struct digits {
    unsigned __int128 n;
    int exponent; /* the number is n * 10^exponent */
    bool is_huge, is_fine, any;
};

/* More digits than an amount can have say only that it is too large, or too fine. */
static void add_digit(struct digits *d, char c, bool behind)
{
    static const unsigned __int128 max = (unsigned __int128)1 << 120;

    d->any = true;
    if (d->n > max / 10 - 10) {
        *(behind ? &d->is_fine : &d->is_huge) = true;
        return;
    }
    d->n = d->n * 10 + (unsigned)(c - '0');
    d->exponent -= behind;
}

static size_t take_digits(struct str text, size_t at, bool behind, struct digits *d)
{
    while (at < text.len && str_is_digit(text.p[at]))
        add_digit(d, text.p[at++], behind);
    return at;
}

static bool take_exponent(struct str text, size_t at, struct digits *d)
{
    bool minus = false;
    int n = 0;

    if (at == text.len)
        return true;
    if (text.p[at] != 'e' && text.p[at] != 'E')
        return false;
    if (++at < text.len && (text.p[at] == '+' || text.p[at] == '-'))
        minus = text.p[at++] == '-';
    if (at == text.len)
        return false;
    for (; at < text.len; at++) {
        if (!str_is_digit(text.p[at]))
            return false;
        n = n > EXPONENT_MAX ? n : n * 10 + (text.p[at] - '0');
    }
    d->exponent += minus ? -n : n;
    return true;
}

enum amount_result amount_parse(struct str text, uint64_t *out)
{
    struct digits d = {.n = 0};
    bool minus = text.len > 0 && text.p[0] == '-';
    size_t at = take_digits(text, minus, false, &d);

    if (d.any && at + 1 < text.len && text.p[at] == '.' && str_is_digit(text.p[at + 1]))
        at = take_digits(text, at + 1, true, &d);
    if (!d.any || !take_exponent(text, at, &d))
        return AMOUNT_NOT;
    if (minus && d.n != 0)
        return AMOUNT_NEGATIVE;
    if (d.is_huge || d.is_fine)
        return d.is_huge ? AMOUNT_HUGE : AMOUNT_FINE;
    for (d.exponent += NANO_DIGITS; d.exponent > 0 && d.n <= CONF_MONEY_MAX; d.exponent--) {
        if (d.n == 0)
            break;
        d.n *= 10;
    }
    for (; d.exponent < 0 && d.n != 0; d.exponent++) {
        if (d.n % 10 != 0)
            return d.n / 10 > CONF_MONEY_MAX ? AMOUNT_HUGE : AMOUNT_FINE;
        d.n /= 10;
    }
    if (d.n > CONF_MONEY_MAX)
        return AMOUNT_HUGE;
    *out = (uint64_t)d.n;
    return AMOUNT_OK;
}

const char *amount_problem(enum amount_result why)
{
    switch (why) {
    case AMOUNT_NEGATIVE:
        return "an amount of dollars that is not negative";
    case AMOUNT_HUGE:
        return "at most 1000000000 dollars";
    case AMOUNT_FINE:
        return "an amount of dollars with at most nine digits behind the point";
    default:
        return "an amount of dollars such as 100 or 12.50";
    }
}

void amount_format(struct buf *b, uint64_t nanousd)
{
    buf_printf(b, "%llu.%09llu", (unsigned long long)(nanousd / 1000000000),
               (unsigned long long)(nanousd % 1000000000));
}

/* --- windows --- */

bool length_parse(struct str text, uint64_t *out_ms)
{
    uint64_t n;
    char letter;

    if (text.len < 2 || text.len > 10)
        return false;
    letter = text.p[text.len - 1];
    text.len--;
    if (!str_parse_u64(text, &n) || n == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].letter == letter) {
            *out_ms = n * units[i].ms; /* nine digits of weeks fit */
            return true;
        }
    }
    return false;
}

void length_format(struct buf *b, uint64_t length_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        /* 7d reads better than 1w where it was not asked for by name, and is the same */
        if (i > 0 && length_ms % units[i].ms == 0) {
            buf_printf(b, "%llu%c", (unsigned long long)(length_ms / units[i].ms), units[i].letter);
            return;
        }
    }
    buf_printf(b, "%llums", (unsigned long long)length_ms);
}

bool period_parse(struct str text, enum conf_period *out, uint64_t *out_ms)
{
    for (int i = 0; i < CONF_PERIODS; i++) {
        if (str_eq(text, str_of(conf_period_names[i]))) {
            *out = (enum conf_period)i;
            *out_ms = 0;
            return true;
        }
    }
    if (!length_parse(text, out_ms))
        return false;
    *out = CONF_CUSTOM;
    return true;
}

void period_format(struct buf *b, enum conf_period period, uint64_t length_ms)
{
    if (period < CONF_CUSTOM)
        buf_cstr(b, conf_period_names[period]);
    else
        length_format(b, length_ms);
}
