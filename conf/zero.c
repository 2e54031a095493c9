#include "conf/zero.h"

#include <string.h>

#include "conf/credentials.h"
#include "conf/parts.h"

#define SECOND_MS 1000ull
#define MINUTE_MS 60000ull
#define DAY_MS 86400000ull

#define DEFAULT_ADDRESS "127.0.0.1:8080"
#define DEFAULT_KEY_NAME "default"

void conf_provider_init(struct conf_provider *p)
{
    memset(p, 0, sizeof(*p));
    p->tls_verify = true;
    p->http2 = true;
    p->connect_ms = 5 * SECOND_MS;
    p->first_byte_ms = 2 * MINUTE_MS;    /* a reasoning model thinks that long */
    p->between_bytes_ms = 1 * MINUTE_MS; /* silence in a stream */
}

void zero_config(struct config *c)
{
    c->http2 = true;
    c->drain_ms = 10 * MINUTE_MS;
    c->user = "bowfin";
    c->durability_ms = 1 * SECOND_MS;
    c->limits = (struct conf_limits){
        .body_max_bytes = 32ull << 20,
        .relay_max_bytes = 256ull << 10,
        .buffered_max_bytes = 1ull << 30,
        .connections = 10000,
        .streams = 100,
        .streams_per_second = 1000,
        .resets = 100,
        .attempts = 3,
        .retry_ratio = 10000,
        .header_ms = 10 * SECOND_MS,
        .body_ms = 1 * MINUTE_MS,
        .idle_ms = 75 * SECOND_MS,
    };
    c->log = (struct conf_log){.max_records = 1000000, .max_age_ms = 30 * DAY_MS, .level = "info"};
}

static bool env_is_set(const struct load *l, const char *names)
{
    struct str name;

    return parts_env(l, names, &name) != NULL;
}

static void zero_providers(struct load *l)
{
    struct config *c = l->config;

    c->providers = arena_zalloc(l->arena, (l->vendors->n + 1) * sizeof(*c->providers));
    for (size_t i = 0; i < l->vendors->n; i++) {
        const struct conf_vendor *vendor = &l->vendors->items[i];
        struct conf_provider *p = &c->providers[c->n_providers];
        bool is_usable = !vendor->needs_base_url && (env_is_set(l, vendor->key_env) ||
                                                     credentials_are_usable(l, vendor->cloud));

        conf_provider_init(p);
        /* a project stands in the credentials' file too, which was looked at */
        if ((!is_usable || (vendor->cloud != CONF_CLOUD_GCP && !parts_are_known(l, p, vendor))) &&
            !vendor->is_mock)
            continue;
        p->name = arena_cstr(l->arena, str_of(vendor->name));
        p->vendor = (uint32_t)i;
        p->vendor_name = p->name;
        c->n_providers++;
    }
}

static bool all_loopback(const struct config *c)
{
    for (size_t i = 0; i < c->n_listeners; i++) {
        if (!config_address_is_loopback(c->listeners[i].address))
            return false;
    }
    return true;
}

void zero_fill(struct load *l)
{
    struct config *c = l->config;

    if (c->n_listeners == 0) {
        c->listeners = arena_zalloc(l->arena, sizeof(*c->listeners));
        c->listeners[0].address = DEFAULT_ADDRESS;
        c->n_listeners = 1;
    }
    if (!l->has_require_key)
        c->require_key = !all_loopback(c);
    if (!l->has_providers)
        zero_providers(l);
}

/* What else a cloud's vendor can be given than the variable of its key. */
static const char *other_ways(enum conf_cloud cloud)
{
    switch (cloud) {
    case CONF_CLOUD_AWS:
        return "; that is a Bedrock API key. Instead: AWS_ACCESS_KEY_ID with "
               "AWS_SECRET_ACCESS_KEY, or "
               "keys: [{ aws: {} }] for a profile or the machine's role";
    case CONF_CLOUD_GCP:
        return ", for example keys: [{ gcp: {} }] for the machine's account, or "
               "keys: [{ gcp: { credentials_file: FILE } }]";
    case CONF_CLOUD_AZURE:
        return "; or keys: [{ azure: { managed_identity: true } }]";
    default:
        return "";
    }
}

static void complete_key(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor)
{
    struct conf_provider_key *key;
    struct str name = STR_NONE;
    const char *value = parts_env(l, vendor->key_env, &name);

    if (vendor->needs_key && value == NULL && !credentials_in_env(l, vendor->cloud)) {
        if (vendor->key_env == NULL)
            findings_add(l->findings, p->origin.line,
                         "providers.%s needs keys, for example keys: [{ value: env.NAME }]%s",
                         p->name, other_ways(vendor->cloud));
        else
            findings_add(l->findings, p->origin.line,
                         "environment variable %s is not set (used by providers.%s, which has no "
                         "keys of its own)%s",
                         vendor->key_env, p->name, other_ways(vendor->cloud));
        return;
    }
    key = arena_zalloc(l->arena, sizeof(*key));
    key->name = DEFAULT_KEY_NAME;
    key->weight = 1000;
    key->origin = p->origin;
    if (value != NULL) {
        key->value.bytes = arena_str(l->arena, str_of(value));
        key->value.source = arena_printf(l->arena, "env.%.*s", STR_ARGS(name)).p;
    } else if (credentials_in_env(l, vendor->cloud)) {
        credentials_from_env(l, key, vendor->cloud);
    }
    p->keys = key;
    p->n_keys = 1;
}

static void complete_models(struct load *l, struct conf_provider *p,
                            const struct conf_vendor *vendor)
{
    struct str rest = str_of(vendor->default_models);
    struct str item;
    const char **items;
    size_t n = 1;

    if (rest.len == 0)
        return;
    for (size_t i = 0; i < rest.len; i++)
        n += rest.p[i] == ',';
    items = arena_alloc(l->arena, n * sizeof(*items));
    n = 0;
    while (str_next(&rest, ',', &item)) {
        item = str_trim(item);
        if (item.len > 0)
            items[n++] = arena_cstr(l->arena, item);
    }
    p->models = items;
    p->n_models = n;
}

void zero_complete(struct load *l)
{
    for (size_t i = 0; i < l->config->n_providers; i++) {
        struct conf_provider *p = &l->config->providers[i];
        const struct conf_vendor *vendor = &l->vendors->items[p->vendor];

        if (p->vendor_name[0] == '\0')
            continue; /* its vendor is unknown, which was told */
        if (p->keys == NULL)
            complete_key(l, p, vendor);
        credentials_complete(l, p, vendor);
        parts_complete(l, p, vendor);
        if (p->models == NULL)
            complete_models(l, p, vendor);
    }
}
