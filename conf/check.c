#include "conf/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/check_models.h"
#include "conf/check_money.h"
#include "conf/check_routing.h"
#include "conf/groups.h"
#include "conf/price.h"
#include "conf/set.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/pace.h"

#define PEM_MAX (1u << 20) /* a chain of certificates, or a bundle of CAs in ca_file */
#define READ_AHEAD ((size_t)128 << 10)
#define PROVIDER_KEYS_ALL 8192 /* over all providers: the regions' room */
#define TOKEN_MIN 16
#define TOKEN_MAX 127
#define NAMES_SHOWN 256 /* providers that a suggestion is sought among */

/* --- files --- */

/* What is wrong with a PEM file that must hold a block whose BEGIN line ends in `label`; or NULL. */
static const char *pem_problem(const char *path, const char *label, bool *out_encrypted)
{
    struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    struct stat st;
    const char *problem = NULL;
    const char *begin;
    bool found = false;

    if (stat(path, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    if (st.st_size > PEM_MAX)
        return "too large for a PEM file";
    buf_reserve(&text, (size_t)st.st_size + READ_AHEAD); /* no growing: a copy would stay behind */
    errno = 0;
    if (fd_read_file(path, PEM_MAX, &text, &err) != 0)
        problem = errno != 0 ? strerror(errno) : "cannot be read";
    for (begin = text.data; problem == NULL && begin != NULL && !found;) {
        begin = strstr(begin, "-----BEGIN ");
        if (begin != NULL) {
            const char *end = strstr(begin + 11, "-----");
            size_t len = strlen(label);

            found =
                end != NULL && (size_t)(end - begin) >= len && memcmp(end - len, label, len) == 0;
            begin += 11;
        }
    }
    if (problem == NULL && !found)
        problem = "it has no such PEM block";
    if (out_encrypted != NULL)
        *out_encrypted = found && (strstr(text.data, "BEGIN ENCRYPTED") != NULL ||
                                   strstr(text.data, "Proc-Type: 4,ENCRYPTED") != NULL);
    crypto_wipe(text.data, text.cap);
    buf_fini(&text);
    return problem;
}

static void check_tls(const struct conf_listener *listener, struct findings *f)
{
    const struct conf_tls *tls = &listener->tls;
    const char *problem;
    bool encrypted = false;

    if (tls->certificate == NULL || tls->key == NULL)
        return; /* no TLS, or told already */
    problem = pem_problem(tls->certificate, "CERTIFICATE", NULL);
    if (problem != NULL)
        findings_add(f, listener->origin.line, "certificate %s cannot be used: %s",
                     findings_quote(f, str_of(tls->certificate)), problem);
    problem = pem_problem(tls->key, "PRIVATE KEY", &encrypted);
    if (problem == NULL && encrypted)
        problem = "it is encrypted, and nobody is there to type the passphrase";
    if (problem != NULL)
        findings_add(f, listener->origin.line, "private key %s cannot be used: %s",
                     findings_quote(f, str_of(tls->key)), problem);
    if (strncmp(listener->address, "unix:", 5) == 0)
        findings_add(f, listener->origin.line, "a Unix socket (%s) cannot have tls",
                     listener->address);
}

static void check_listeners(const struct config *c, struct findings *f)
{
    struct set seen;

    set_init(&seen, c->n_listeners);
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listener *listener = &c->listeners[i];
        struct str address = str_of(listener->address);
        int line = listener->origin.line;
        int first;

        check_tls(listener, f);
        if (str_ends(address, STR(":0")))
            continue; /* each gets a port of its own */
        first = set_add(&seen, address, line > 0 ? line : 1);
        if (first != 0 && line == 0)
            findings_add(f, 0, "--listen %s is given twice", listener->address);
        else if (first != 0)
            findings_add(f, line, "duplicate listener %s, first on line %d", listener->address,
                         first);
    }
    set_fini(&seen);
}

/* --- providers --- */

static void check_provider_keys(const struct conf_provider *p, struct findings *f)
{
    struct set seen;

    set_init(&seen, p->n_keys);
    for (size_t i = 0; i < p->n_keys; i++) {
        int line = p->keys[i].origin.line > 0 ? p->keys[i].origin.line : 1;
        int first = set_add(&seen, str_of(p->keys[i].name), line);

        if (first != 0)
            findings_add(f, line, "duplicate key name %s in providers.%s, first on line %d",
                         findings_quote(f, str_of(p->keys[i].name)), p->name, first);
    }
    set_fini(&seen);
}

static void check_provider(const struct conf_provider *p, const struct conf_vendor *vendor,
                           struct findings *f)
{
    const char *problem;

    if (p->vendor_name[0] == '\0')
        return; /* its vendor is unknown, which was told */
    if (vendor->needs_base_url && p->base_url == NULL)
        findings_add(f, p->origin.line,
                     "providers.%s needs base_url, because vendor %s has no address of its own",
                     p->name, vendor->name);
    if (p->h2c && (p->base_url == NULL || strncmp(p->base_url, "http://", 7) != 0))
        findings_add(f, p->origin.line,
                     "providers.%s.h2c needs a base_url that starts with http://", p->name);
    if (p->ca_file != NULL) {
        problem = pem_problem(p->ca_file, "CERTIFICATE", NULL);
        if (problem != NULL)
            findings_add(f, p->origin.line, "providers.%s.ca_file %s cannot be used: %s", p->name,
                         findings_quote(f, str_of(p->ca_file)), problem);
    }
    check_provider_keys(p, f);
}

static void check_providers(const struct config *c, const struct conf_vendors *vendors,
                            struct findings *f)
{
    size_t keys = 0;

    for (size_t i = 0; i < c->n_providers; i++) {
        check_provider(&c->providers[i], &vendors->items[c->providers[i].vendor], f);
        keys += c->providers[i].n_keys;
    }
    if (keys > PROVIDER_KEYS_ALL)
        findings_add(f, 0, "all providers together have %zu keys, at most %d fit", keys,
                     PROVIDER_KEYS_ALL);
}

/* --- prices --- */

/* A provider that is not there may come with another file; a word like none is a slip. */
static void check_price(const struct config *c, const struct conf_vendors *vendors,
                        const struct conf_price *p, struct findings *f)
{
    ptrdiff_t slash = str_index(str_of(p->name), '/');
    struct str provider = {p->name, slash > 0 ? (size_t)slash : 0};
    const char *names[NAMES_SHOWN];
    const char *nearest;
    size_t n = 0;

    must(p->name != NULL);
    if (slash <= 0 || str_index(provider, '*') >= 0)
        return;
    for (size_t i = 0; i < c->n_providers; i++) {
        if (str_eq(provider, str_of(c->providers[i].name)))
            return;
        if (n < NAMES_SHOWN)
            names[n++] = c->providers[i].name;
    }
    for (size_t i = 0; i < vendors->n; i++) {
        if (str_eq(provider, str_of(vendors->items[i].name)))
            return;
    }
    nearest = str_nearest(provider, names, n);
    findings_add(f, c->prices_file == NULL ? p->origin.line : 0,
                 "prices: there is neither a provider nor a vendor %s (%s)%s%s%s",
                 findings_quote(f, provider), p->name, nearest != NULL ? ", did you mean \"" : "",
                 nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* One place of the book has one price. */
static void check_price_row(const struct conf_price *p, const char *vendor, const char *id,
                            struct set *seen, struct findings *f)
{
    struct buf key = BUF_INIT;
    int first;

    buf_printf(&key, "%s%s%s", vendor, vendor[0] != '\0' ? "/" : "", id);
    first = set_add(seen, arena_str(f->arena, buf_view(&key)), p->origin.line);
    if (first > 0)
        findings_add(f, p->origin.line, "prices.%s: the price of %s is in line %d", p->name,
                     findings_quote(f, buf_view(&key)), first);
    buf_fini(&key);
}

static void check_prices(const struct config *c, const struct conf_vendors *vendors,
                         struct findings *f)
{
    struct set seen;

    set_init(&seen, c->n_prices);
    for (size_t i = 0; i < c->n_prices; i++) {
        const struct conf_price *p = &c->prices[i];

        check_price(c, vendors, p, f);
        for (size_t j = 0; j < p->n_vendors; j++)
            check_price_row(p, p->vendors[j], p->name, &seen, f);
        for (size_t j = 0; j < p->n_also; j++)
            check_price_row(p, "", p->also[j], &seen, f);
    }
    set_fini(&seen);
}

/* --- virtual keys --- */

static void check_virtual_keys(const struct config *c, struct findings *f)
{
    struct set names;
    struct set hashes;
    struct parents parents;
    struct groups groups;

    groups_init(&groups, c);
    check_parents_init(&parents, c);
    set_init(&names, c->n_keys);
    set_init(&hashes, c->n_keys);
    for (size_t i = 0; i < c->n_keys; i++) {
        const struct conf_virtual_key *k = &c->keys[i];
        struct str hash = {(const char *)k->hash, sizeof(k->hash)};
        int first = set_add(&names, str_of(k->name), k->origin.line);

        pace();
        check_key_size(k, f);
        check_key_parents(c, k, &parents, f);
        check_key_names(&groups, k, f);
        if (first != 0)
            findings_add(f, k->origin.line, "duplicate virtual key name %s, first on line %d",
                         findings_quote(f, str_of(k->name)), first);
        if (k->hint == NULL)
            continue; /* its value was refused */
        first = set_add(&hashes, hash, k->origin.line);
        if (first != 0)
            findings_add(f, k->origin.line,
                         "virtual key %s has the same value as the one on line %d",
                         findings_quote(f, str_of(k->name)), first);
    }
    set_fini(&names);
    set_fini(&hashes);
    check_parents_fini(&parents);
    groups_fini(&groups);
}

void check_config(const struct config *c, const struct conf_vendors *vendors, struct findings *f)
{
    size_t token = c->admin_token.bytes.len;

    check_listeners(c, f);
    check_providers(c, vendors, f);
    check_models(c, f);
    check_prices(c, vendors, f);
    check_money(c, f);
    check_routing(c, f);
    check_queues(c, f);
    check_virtual_keys(c, f);
    if (token > 0 && (token < TOKEN_MIN || token > TOKEN_MAX))
        findings_add(f, c->admin_origin.line,
                     "admin.token must be %d to %d characters long, has %zu", TOKEN_MIN, TOKEN_MAX,
                     token);
    if (c->limits.buffered_max_bytes < c->limits.body_max_bytes)
        findings_add(f, c->limits.origin.line,
                     "limits.buffered_max must not be smaller than limits.body_max");
}
