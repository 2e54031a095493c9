/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/access.h"

#include "server/base/crypto.h"

static const struct access_refusal refusals[ACCESS_RESULTS] = {
    [ACCESS_NO_TOKEN] = {401, "admin_token_required",
                         "the management API needs the admin token: send Authorization: Bearer "
                         "<token> (admin.token in the configuration, else the file admin.token in "
                         "the state directory)"},
    [ACCESS_BAD_TOKEN] = {401, "invalid_admin_token",
                          "this is not the admin token; a virtual key does not open the management "
                          "API"},
    [ACCESS_FOREIGN_PEER] = {401, "admin_token_required",
                             "without the admin token the management API answers only on "
                             "loopback: send Authorization: Bearer <token>"},
    [ACCESS_FOREIGN_HOST] = {403, "foreign_host",
                             "without the admin token the Host must be localhost, 127.x.y.z or "
                             "[::1]"},
    [ACCESS_FOREIGN_ORIGIN] = {403, "foreign_origin",
                               "a page of another origin may not use the management API"},
    [ACCESS_CROSS_SITE] = {403, "cross_site",
                           "a page of another site may not use the management API"},
    [ACCESS_NOT_JSON] = {415, "content_type", "the body must be sent as application/json"},
};

const struct access_refusal *access_refusal(enum access_result r)
{
    must(r > ACCESS_OK && r < ACCESS_RESULTS);
    return &refusals[r];
}

/* "127.0.0.1" and its like: four numbers, nothing else; names below 127. are not addresses. */
static bool is_ipv4_loopback(struct str s)
{
    struct str part;
    uint64_t n;
    int parts = 0;

    if (!str_starts(s, STR("127.")) || s.p[s.len - 1] == '.')
        return false;
    while (str_next(&s, '.', &part)) {
        if (part.len == 0 || part.len > 3 || !str_parse_u64(part, &n) || n > 255)
            return false;
        parts++;
    }
    return parts == 4;
}

static bool is_port(struct str s)
{
    uint64_t n;

    return s.len > 1 && s.p[0] == ':' && str_parse_u64(str_skip(s, 1), &n) && n <= 65535;
}

bool access_host_is_loopback(struct str host)
{
    if (str_starts(host, STR("[::1]"))) {
        struct str port = str_skip(host, 5);

        return port.len == 0 || is_port(port);
    }
    ptrdiff_t colon = str_index(host, ':');
    if (colon >= 0) {
        struct str port = str_skip(host, (size_t)colon);

        host.len = (size_t)colon;
        if (!is_port(port))
            return false;
    }
    return str_eq_nocase(host, STR("localhost")) || is_ipv4_loopback(host);
}

/* Scheme and authority as the browser shows them; the port counts, another one is another program. */
static bool origin_is_own(struct str origin, struct str host)
{
    if (str_starts(origin, STR("http://")))
        origin = str_skip(origin, 7);
    else if (str_starts(origin, STR("https://")))
        origin = str_skip(origin, 8);
    else
        return false;
    return str_eq_nocase(origin, host);
}

/* Over hashes, so that the time tells neither the place of the first difference nor the length. */
static bool token_matches(struct str given, struct str token)
{
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

    if (token.len == 0)
        return false;
    crypto_sha256(given, a);
    crypto_sha256(token, b);
    return crypto_equal(a, b, sizeof(a));
}

static bool bearer_of(struct str authorization, struct str *out)
{
    if (authorization.len < 7 || !str_eq_nocase((struct str){authorization.p, 7}, STR("bearer ")))
        return false;
    *out = str_trim(str_skip(authorization, 7));
    return true;
}

/* Types that no form of a web page can send. */
static bool is_json(struct str content_type)
{
    static const char *const types[] = {"application/json", "application/merge-patch+json",
                                        "application/x-ndjson", "application/ndjson"};
    ptrdiff_t end = str_index(content_type, ';');

    if (end >= 0)
        content_type.len = (size_t)end;
    content_type = str_trim(content_type);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq_nocase(content_type, str_of(types[i])))
            return true;
    }
    return false;
}

enum access_result access_check(const struct exchange *ex, const struct access_rule *rule)
{
    struct str given;

    /* Only a call without a body may leave its type out: a form always has one. */
    if (rule->is_change && (ex->body.len > 0 || ex->content_type.len > 0) &&
        !is_json(ex->content_type))
        return ACCESS_NOT_JSON;
    if (!ex->has_peer)
        return ACCESS_OK;
    if (str_eq_nocase(ex->fetch_site, STR("cross-site")))
        return ACCESS_CROSS_SITE;
    if (bearer_of(ex->authorization, &given))
        return token_matches(given, rule->token) ? ACCESS_OK : ACCESS_BAD_TOKEN;
    if (!rule->open_loopback)
        return ACCESS_NO_TOKEN;
    if (!ex->peer_is_loopback || ex->is_proxied)
        return ACCESS_FOREIGN_PEER;
    if (!access_host_is_loopback(ex->host))
        return ACCESS_FOREIGN_HOST;
    if (ex->origin.len > 0 && !origin_is_own(ex->origin, ex->host))
        return ACCESS_FOREIGN_ORIGIN;
    /* "same-site" is another port of this host: another program. */
    if (ex->fetch_site.len > 0 && !str_eq_nocase(ex->fetch_site, STR("same-origin")) &&
        !str_eq_nocase(ex->fetch_site, STR("none")))
        return ACCESS_CROSS_SITE;
    return ACCESS_OK;
}
