/* `providers:` and `models:`. */
#include "conf/load.h"
#include "conf/load_capacity.h"

#include <stdio.h>
#include <string.h>

#include "conf/credentials.h"
#include "conf/load_money.h"
#include "conf/load_targets.h"
#include "conf/parts.h"
#include "conf/values.h"

#define WEIGHT_MAX 1000000 /* thousandths */
#define CALL_MAX_MS (24 * 3600000ull)
#define VENDORS_SHOWN 64

static_assert(offsetof(struct conf_provider_key, n_models) ==
                  offsetof(struct conf_provider_key, models) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_provider, n_models) ==
                  offsetof(struct conf_provider, models) + sizeof(char **),
              "load_set_texts");

/* --- providers.<name>.keys --- */

static void set_name(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    const char **out = (const char **)(void *)((char *)object + key->offset);
    struct str text;

    if (load_text(l, at, &text, NULL) && load_name_is_good(l, at, text, NAME_MAX_BYTES))
        *out = text.p;
}

#define KEY(member) offsetof(struct conf_provider_key, member)
static const struct load_key provider_key_keys[] = {
    {"name", "name", set_name, KEY(name), 0, 0, false},
    {"value", "secret", load_set_secret, KEY(value), 0, 0, false},
    {"aws", "mapping", load_set_aws, 0, 0, 0, false},
    {"gcp", "mapping", load_set_gcp, 0, 0, 0, false},
    {"azure", "mapping", load_set_azure, 0, 0, 0, false},
    {"weight", "number", load_set_weight, KEY(weight), 0, WEIGHT_MAX, false},
    {"models", "list of globs", load_set_texts, KEY(models), 0, 0, false},
    {"tags", "list of names", load_set_route_tags, KEY(tags), 0, 0, false},
    {"capacity", "mapping", load_set_capacity, KEY(capacity), 0, 0, false},
};
const struct load_table table_provider_key = {"providers.<name>.keys[]", provider_key_keys,
                                              ARRAY_LEN(provider_key_keys)};

static void set_keys(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_provider *p = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of keys such as [{ value: env.NAME }]"))
        return;
    if (at->node->n > CONF_PROVIDER_KEYS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_PROVIDER_KEYS_MAX, at->node->n);
        return;
    }
    p->keys = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*p->keys));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_provider_key *k = &p->keys[p->n_keys++];

        k->weight = 1000;
        k->origin = load_origin(l, item);
        load_object(l, &down, &table_provider_key, k);
        if (k->kind != CONF_KEY_VALUE && k->value.bytes.len > 0)
            load_fail(l, &down, "has value beside aws, gcp or azure: a key is one or the other");
        if (item->type == NODE_MAPPING && !node_has(item, "value") && k->kind == CONF_KEY_VALUE &&
            l->vendors->items[p->vendor].needs_key)
            load_fail(l, &down, "needs value (the credential, or env.NAME)");
        if (k->name == NULL)
            k->name = arena_printf(l->arena, "key-%zu", index).p;
    }
}

/* --- providers.<name> --- */

#define TIMEOUT(member) offsetof(struct conf_provider, member)
static const struct load_key timeout_keys[] = {
    {"connect", "duration", load_set_duration, TIMEOUT(connect_ms), 0, CALL_MAX_MS, false},
    {"first_byte", "duration", load_set_duration, TIMEOUT(first_byte_ms), 0, CALL_MAX_MS, false},
    {"between_bytes", "duration", load_set_duration, TIMEOUT(between_bytes_ms), 0, CALL_MAX_MS,
     false},
    {"total", "duration", load_set_duration, TIMEOUT(total_ms), 0, CALL_MAX_MS, false},
};
const struct load_table table_timeout = {"providers.<name>.timeout", timeout_keys,
                                         ARRAY_LEN(timeout_keys)};

static void set_timeout(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    (void)key;
    load_object(l, at, &table_timeout, object);
}

static void set_url(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    static const char *const base_schemes[] = {"http", "https", NULL};
    static const char *const proxy_schemes[] = {"http", "https", "socks5", "socks5h", NULL};
    bool is_proxy = key->offset == offsetof(struct conf_provider, proxy);
    const char **out = (const char **)(void *)((char *)object + key->offset);
    const char *problem;
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    problem = value_url_problem(text, is_proxy ? proxy_schemes : base_schemes, is_proxy);
    if (problem != NULL) {
        bool show = str_index(text, '@') < 0; /* a URL with a password is not shown */

        load_fail(l, at, "must be a URL such as %s%s%s: %s",
                  is_proxy ? "http://proxy:3128" : "https://api.example.com/v1",
                  show ? ", is " : "", show ? findings_quote(l->findings, text) : "", problem);
        return;
    }
    while (text.len > 0 && text.p[text.len - 1] == '/')
        text.len--;
    *out = arena_cstr(l->arena, text);
}

static bool header_is_good(struct load *l, const struct load_at *at, struct str name,
                           struct str value)
{
    static const char *const own[] = {"host",  "content-length", "transfer-encoding", "connection",
                                      "te",    "trailer",        "upgrade",           "keep-alive",
                                      "expect"};

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c) != NULL) {
            load_fail(l, at, "is not a header's name");
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (str_eq_nocase(name, str_of(own[i]))) {
            load_fail(l, at, "is set by the gateway itself, remove it");
            return false;
        }
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            load_fail(l, at, "must not contain line ends or other control characters");
            return false;
        }
    }
    return name.len > 0;
}

static void set_headers(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct conf_provider *p = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping of header names to values"))
        return;
    if (at->node->n > CONF_HEADERS_MAX) {
        load_fail(l, at, "must have at most %d members, has %u", CONF_HEADERS_MAX, at->node->n);
        return;
    }
    p->headers = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*p->headers));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_header *h = &p->headers[p->n_headers];
        struct str value;

        if (!load_text(l, &down, &value, &h->source) ||
            !header_is_good(l, &down, member->key, value))
            continue;
        h->name = arena_cstr(l->arena, member->key);
        h->value = value.p;
        p->n_headers++;
    }
}

static void set_nothing(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    (void)l, (void)at, (void)key, (void)object; /* `vendor` was read before the rest */
}

static void set_dialect(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    const struct conf_vendors *v = l->vendors;
    struct conf_provider *p = object;
    const char *nearest;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    for (uint32_t i = 1; i < v->n_dialects; i++) {
        if (str_eq(text, str_of(v->dialects[i]))) {
            p->dialect = v->dialects[i];
            p->dialect_index = i;
            if (p->vendor_name[0] != '\0' && (v->items[p->vendor].dialects >> i & 1) == 0)
                load_fail(l, at, "must be a dialect that vendor %s speaks, is %s", p->vendor_name,
                          findings_quote(l->findings, text));
            return;
        }
    }
    nearest = v->n_dialects > 1 ? str_nearest(text, v->dialects + 1, v->n_dialects - 1) : NULL;
    if (nearest != NULL)
        load_fail(l, at, "names no dialect, did you mean \"%s\"? (is %s)", nearest,
                  findings_quote(l->findings, text));
    else
        load_must_be(l, at, "the name of a dialect");
}

#define PROVIDER(member) offsetof(struct conf_provider, member)
#define PART(which) (PROVIDER(parts) + CONF_PART_##which * sizeof(char *))
static const struct load_key provider_keys[] = {
    {"vendor", "name of a vendor", set_nothing, 0, 0, 0, false},
    {"base_url", "URL", set_url, PROVIDER(base_url), 0, 0, false},
    {"resource", "part of a URL", load_set_part, PART(RESOURCE), 0, 0, false},
    {"region", "part of a URL", load_set_part, PART(REGION), 0, 0, false},
    {"project", "part of a URL", load_set_part, PART(PROJECT), 0, 0, false},
    {"location", "part of a URL", load_set_part, PART(LOCATION), 0, 0, false},
    {"host", "part of a URL", load_set_part, PART(HOST), 0, 0, false},
    {"account", "part of a URL", load_set_part, PART(ACCOUNT), 0, 0, false},
    {"api_version", "part of a URL", load_set_part, PROVIDER(api_version), 0, 0, false},
    {"dialect", "name of a dialect", set_dialect, 0, 0, 0, false},
    {"keys", "list of mappings", set_keys, 0, 0, 0, false},
    {"models", "list of names and globs", load_set_texts, PROVIDER(models), 0, 0, false},
    {"timeout", "mapping", set_timeout, 0, 0, 0, false},
    {"headers", "mapping of texts", set_headers, 0, 0, 0, false},
    {"proxy", "URL", set_url, PROVIDER(proxy), 0, 0, false},
    {"ca_file", "path", load_set_text, PROVIDER(ca_file), 0, 0, false},
    {"tls_verify", "true or false", load_set_bool, PROVIDER(tls_verify), 0, 0, false},
    {"http2", "true or false", load_set_bool, PROVIDER(http2), 0, 0, false},
    {"h2c", "true or false", load_set_bool, PROVIDER(h2c), 0, 0, false},
    LOAD_RULES(PROVIDER(rules), LOAD_RULES_POINTER),
};
const struct load_table table_provider = {"providers.<name>", provider_keys,
                                          ARRAY_LEN(provider_keys)};

static const char *nearest_vendor(const struct load *l, struct str word)
{
    const char *names[VENDORS_SHOWN];
    size_t n = l->vendors->n < VENDORS_SHOWN ? l->vendors->n : VENDORS_SHOWN;

    for (size_t i = 0; i < n; i++)
        names[i] = l->vendors->items[i].name;
    return str_nearest(word, names, n);
}

/* Its own word for it, else its name. */
static bool find_vendor(struct load *l, const struct load_at *at, uint32_t *out)
{
    struct load_at where = *at;
    struct str word = at->name;
    const char *nearest;
    const struct node *member = at->node->type == NODE_MAPPING ? at->node->child : NULL;

    while (member != NULL && !str_eq(member->key, STR("vendor")))
        member = member->next;
    if (member != NULL && !node_is_null(member)) {
        where = load_down(at, member);
        if (!load_text(l, &where, &word, NULL))
            return false;
    }
    for (size_t i = 0; i < l->vendors->n; i++) {
        if (str_eq(word, str_of(l->vendors->items[i].name))) {
            *out = (uint32_t)i;
            return true;
        }
    }
    nearest = nearest_vendor(l, word);
    if (where.up == at && nearest != NULL)
        load_fail(l, &where, "names no known vendor, did you mean \"%s\"? (is %s)", nearest,
                  findings_quote(l->findings, word));
    else if (where.up == at)
        load_fail(l, &where, "names no known vendor, is %s; openai-compatible fits most servers",
                  findings_quote(l->findings, word));
    else
        load_fail(l, at, "needs vendor, because its name is not a vendor's%s%s%s",
                  nearest != NULL ? ": did you mean \"" : " (openai-compatible fits most servers)",
                  nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    return false;
}

static void add_provider(struct load *l, const struct load_at *at)
{
    struct config *c = l->config;
    struct conf_provider *p = &c->providers[c->n_providers];

    if (!load_name_is_good(l, at, at->name, NAME_MAX_BYTES))
        return;
    conf_provider_init(p);
    p->origin = (struct conf_origin){l->findings->file, at->node->key_line};
    p->name = arena_cstr(l->arena, at->name);
    c->n_providers++;
    if (!find_vendor(l, at, &p->vendor)) {
        p->vendor = 0; /* the finding is told; the rest is read for what else is wrong */
        p->vendor_name = "";
    } else {
        p->vendor_name = arena_cstr(l->arena, str_of(l->vendors->items[p->vendor].name));
    }
    if (!node_is_null(at->node))
        load_object(l, at, &table_provider, p);
    if (p->rules != NULL)
        load_rules_check(l, at, p->rules);
}

void load_set_providers(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct config *c = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping of names to providers"))
        return;
    if (at->node->n > CONF_PROVIDERS_MAX) {
        load_fail(l, at, "must have at most %d members, has %u", CONF_PROVIDERS_MAX, at->node->n);
        return;
    }
    l->has_providers = true;
    c->providers = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*c->providers));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);

        add_provider(l, &down);
    }
}
