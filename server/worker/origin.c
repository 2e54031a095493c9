#include "server/worker/origin.h"

#include "server/base/base.h"
#include "server/worker/http.h"

/* "localhost", "127.x.y.z", "[::1]", each with or without a port. "127.evil.example" is a name. */
static bool is_this_machine(struct str host)
{
    ptrdiff_t colon = str_starts(host, STR("[::1]")) && host.len > 5 ? 5 : str_index(host, ':');
    uint64_t port;

    if (str_eq(host, STR("[::1]")))
        return true;
    if (colon >= 0) {
        if (!str_parse_u64(str_skip(host, (size_t)colon + 1), &port) || host.p[colon] != ':')
            return false;
        host.len = (size_t)colon;
    }
    if (str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("[::1]")))
        return true;
    for (size_t i = 0; i < host.len; i++) {
        if ((host.p[i] < '0' || host.p[i] > '9') && host.p[i] != '.')
            return false;
    }
    return str_starts(host, STR("127."));
}

static bool has_credential(const struct http_exchange *ex)
{
    static const struct str names[] = {
        {"authorization", 13}, {"x-api-key", 9}, {"api-key", 7}, {"x-goog-api-key", 14}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (http_find(ex, names[i]).len > 0)
            return true;
    }
    return false;
}

bool origin_is_foreign(const struct http_exchange *ex)
{
    struct str origin = http_find(ex, STR("origin"));
    struct str site = http_find(ex, STR("sec-fetch-site"));
    ptrdiff_t slashes = origin.len > 0 ? str_index(origin, '/') : -1;
    bool is_page = str_starts(origin, STR("http://")) || str_starts(origin, STR("https://"));

    if (is_page) {
        struct str host = str_skip(origin, (size_t)slashes + 2);

        return !str_eq_nocase(host, ex->authority) || !is_this_machine(host);
    }
    if (origin.len == 0 && (site.len == 0 || str_eq(site, STR("none"))))
        return false;
    if (origin.len == 0 && str_eq(site, STR("same-origin")))
        return !is_this_machine(ex->authority);
    return !has_credential(ex); /* "null", or an extension's */
}
