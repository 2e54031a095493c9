#include "conf/values.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "server/base/base.h"

#define THOUSAND 1000ull
#define WHOLE_MAX 1000000000000000ull /* 10^15: times a unit it may overflow, which is tested */
#define HOST_MAX 255

struct unit {
    const char *name;
    uint64_t factor;
};

/* From small to large: the formatter takes the last that divides the value. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit size_units[] = {
    {"B", 1},
    {"KB", 1000},
    {"KiB", 1ull << 10},
    {"MB", 1000000},
    {"MiB", 1ull << 20},
    {"GB", 1000000000},
    {"GiB", 1ull << 30},
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The number at the start of *text in thousandths; moves *text past it. */
static bool take_number(struct str *text, uint64_t *out)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    uint64_t scale = THOUSAND;
    size_t at = 0;

    while (at < text->len && str_is_digit(text->p[at])) {
        whole = whole * 10 + (uint64_t)(text->p[at++] - '0');
        if (whole > WHOLE_MAX)
            return false;
    }
    if (at == 0)
        return false;
    if (at + 1 < text->len && text->p[at] == '.' && str_is_digit(text->p[at + 1])) {
        at++;
        while (at < text->len && str_is_digit(text->p[at])) {
            scale /= 10;
            if (scale == 0)
                return false;
            part += (uint64_t)(text->p[at++] - '0') * scale;
        }
    }
    *text = str_skip(*text, at);
    *out = whole * THOUSAND + part;
    return true;
}

static bool with_unit(struct str text, const struct unit *units, size_t n, uint64_t *out)
{
    uint64_t number;
    uint64_t product;

    if (str_eq(text, STR("0"))) {
        *out = 0;
        return true;
    }
    if (!take_number(&text, &number))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(text, str_of(units[i].name)))
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, &product) || product % THOUSAND != 0)
            return false;
        *out = product / THOUSAND;
        return true;
    }
    return false;
}

bool value_duration(struct str text, uint64_t *out_ms)
{
    return with_unit(text, duration_units, ARRAY_LEN(duration_units), out_ms);
}

bool value_size(struct str text, uint64_t *out_bytes)
{
    return with_unit(text, size_units, ARRAY_LEN(size_units), out_bytes);
}

bool value_thousandths(struct str text, uint64_t *out)
{
    uint64_t number;

    if (!take_number(&text, &number) || text.len > 0)
        return false;
    *out = number;
    return true;
}

bool value_decimal(struct str text, unsigned digits, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    unsigned behind = 0;
    bool point = false;
    bool any = false; /* a digit since the start or the point */

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '.' && !point && any) {
            point = true;
            any = false;
            continue;
        }
        if (!str_is_digit(text.p[i]) || (point && behind == digits))
            return false;
        any = true;
        behind += point;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.p[i] - '0'), &value))
            return false;
    }
    for (; behind < digits; behind++) {
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    }
    if (!any || value > max)
        return false;
    *out = value;
    return true;
}

bool value_bool(struct str text, bool *out)
{
    static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};

    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < ARRAY_LEN(words[value]); i++) {
            if (str_eq(text, str_of(words[value][i]))) {
                *out = value == 1;
                return true;
            }
        }
    }
    return false;
}

static void format_unit(struct buf *b, uint64_t value, const struct unit *units, size_t n)
{
    if (value == 0) {
        buf_char(b, '0');
        return;
    }
    while (n > 1 && value % units[n - 1].factor != 0)
        n--;
    buf_printf(b, "%llu%s", (unsigned long long)(value / units[n - 1].factor), units[n - 1].name);
}

void value_format_duration(struct buf *b, uint64_t ms)
{
    format_unit(b, ms, duration_units, ARRAY_LEN(duration_units));
}

void value_format_size(struct buf *b, uint64_t bytes)
{
    static const struct unit binary[] = {
        {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}};

    format_unit(b, bytes, binary, ARRAY_LEN(binary));
}

void value_format_decimal(struct buf *b, uint64_t n, unsigned digits)
{
    uint64_t unit = 1;

    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    buf_u64(b, n / unit);
    n %= unit;
    if (n > 0)
        buf_char(b, '.');
    for (unit /= 10; n > 0; unit /= 10) {
        buf_char(b, (char)('0' + n / unit));
        n %= unit;
    }
}

void value_format_thousandths(struct buf *b, uint64_t n)
{
    uint64_t part = n % THOUSAND;
    int digits = 3;

    buf_u64(b, n / THOUSAND);
    if (part == 0)
        return;
    while (part % 10 == 0) {
        part /= 10;
        digits--;
    }
    buf_printf(b, ".%0*llu", digits, (unsigned long long)part);
}

bool value_env_name(struct str text, struct str *out)
{
    struct str name;

    if (!str_starts(text, STR("env.")))
        return false;
    name = str_skip(text, 4);
    if (name.len == 0 || str_is_digit(name.p[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alpha(name.p[i]) && !str_is_digit(name.p[i]) && name.p[i] != '_')
            return false;
    }
    *out = name;
    return true;
}

static const char *host_problem(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool is_name = false;

    if (host.len == 0 || host.len > HOST_MAX)
        return "it has no host";
    if (host.p[0] == '[') {
        if (host.len < 4 || host.len - 2 >= sizeof(text) || host.p[host.len - 1] != ']')
            return "an IPv6 address is written [::1]";
        memcpy(text, host.p + 1, host.len - 2);
        text[host.len - 2] = '\0';
        return inet_pton(AF_INET6, text, &address) == 1 ? NULL : "not an IPv6 address in [ ]";
    }
    for (size_t i = 0; i < host.len; i++) {
        if (is_alpha(host.p[i]) || host.p[i] == '_')
            is_name = true;
        else if (!str_is_digit(host.p[i]) && host.p[i] != '.' && host.p[i] != '-')
            return "the host has a character that no host name has";
    }
    if (!is_name) {
        char v4[INET_ADDRSTRLEN];

        if (host.len >= sizeof(v4))
            return "not an IPv4 address";
        memcpy(v4, host.p, host.len);
        v4[host.len] = '\0';
        return inet_pton(AF_INET, v4, &address) == 1 ? NULL : "not an IPv4 address";
    }
    return NULL;
}

static const char *port_problem(struct str port, uint64_t least)
{
    uint64_t number;

    if (!str_parse_u64(port, &number) || port.len > 5 || number > 65535 || number < least)
        return least == 0 ? "the port must be a number from 0 to 65535"
                          : "the port must be a number from 1 to 65535";
    return NULL;
}

/* Where the port's colon is, behind a host or a [v6] host; -1: there is none. */
static ptrdiff_t port_colon(struct str text)
{
    for (size_t i = text.len; i > 0; i--) {
        if (text.p[i - 1] == ']')
            return -1;
        if (text.p[i - 1] == ':')
            return (ptrdiff_t)(i - 1);
    }
    return -1;
}

const char *value_address_problem(struct str text)
{
    struct str host;
    ptrdiff_t colon;

    if (str_starts(text, STR("unix:"))) {
        struct sockaddr_un un;

        if (text.len < 7 || text.p[5] != '/')
            return "a Unix socket's path must be absolute (unix:/run/bowfin/http.sock)";
        return text.len - 5 < sizeof(un.sun_path) ? NULL
                                                  : "a Unix socket's path is at most 107 bytes";
    }
    colon = port_colon(text);
    if (colon < 0)
        return "it has no port";
    host = (struct str){text.p, (size_t)colon};
    if (host.len > 0 && !str_eq(host, STR("*")) && host_problem(host) != NULL)
        return host_problem(host);
    return port_problem(str_skip(text, (size_t)colon + 1), 0);
}

static bool scheme_take(struct str *text, const char *const *schemes)
{
    for (; *schemes != NULL; schemes++) {
        struct str scheme = str_of(*schemes);
        struct str rest = str_skip(*text, scheme.len);

        if (str_starts(*text, scheme) && str_starts(rest, STR("://"))) {
            *text = str_skip(rest, 3);
            return true;
        }
    }
    return false;
}

const char *value_url_problem(struct str text, const char *const *schemes, bool allow_userinfo)
{
    struct str authority = text;
    ptrdiff_t at;

    if (!scheme_take(&authority, schemes))
        return "it does not start with a scheme that is known here";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '?' || c == '#' || c == '\\' || c == '"')
            return "a URL here has no blanks, query, fragment, quotes or characters beyond ASCII";
    }
    at = str_index(authority, '/');
    if (at >= 0)
        authority.len = (size_t)at;
    at = str_index(authority, '@');
    if (at >= 0 && !allow_userinfo)
        return "it must not hold a user name or password; credentials go into keys";
    if (at >= 0)
        authority = str_skip(authority, (size_t)at + 1);
    at = port_colon(authority);
    if (at >= 0 && port_problem(str_skip(authority, (size_t)at + 1), 1) != NULL)
        return port_problem(str_skip(authority, (size_t)at + 1), 1);
    if (at >= 0)
        authority.len = (size_t)at;
    return host_problem(authority);
}
