/* The top level of the file, and its small parts. */
#include "conf/load_capacity.h"
#include "conf/load_content.h"
#include "conf/load_hedge.h"
#include "conf/load_money.h"
#include "conf/load_routing.h"
#include "conf/load_shadow.h"

#include "conf/values.h"

#define MINUTE_MS 60000ull
#define DAY_MS 86400000ull
#define MIB (1ull << 20)

#define KEY(member, type, set) #member, type, set, offsetof(struct config, member)

void load_set_workers(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct config *c = object;

    if (at->node->type == NODE_SCALAR && str_eq(at->node->text, STR("auto")))
        c->workers = 0;
    else
        load_set_u32(l, at, key, object);
}

void load_set_require_key(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    load_set_bool(l, at, key, object);
    l->has_require_key = true;
}

/* --- listen --- */

static const struct load_key tls_keys[] = {
    {"certificate", "path", load_set_text, offsetof(struct conf_tls, certificate), 0, 0, true},
    {"key", "path", load_set_text, offsetof(struct conf_tls, key), 0, 0, true},
};
const struct load_table table_tls = {"listen[].tls", tls_keys, ARRAY_LEN(tls_keys)};

static void set_tls(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    (void)key;
    load_object(l, at, &table_tls, &((struct conf_listener *)object)->tls);
}

static void set_address(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    const char *problem;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    problem = value_address_problem(text);
    if (problem != NULL)
        load_fail(l, at,
                  "must be an address such as 127.0.0.1:8080, [::]:8443, :8080 or "
                  "unix:/run/bowfin/http.sock, is %s: %s",
                  findings_quote(l->findings, text), problem);
    else
        ((struct conf_listener *)object)->address = text.p;
}

static const struct load_key listener_keys[] = {
    {"address", "address", set_address, 0, 0, 0, true},
    {"tls", "mapping", set_tls, 0, 0, 0, false},
};
const struct load_table table_listener = {"listen[]", listener_keys, ARRAY_LEN(listener_keys)};

static void add_listener(struct load *l, const struct load_at *at)
{
    struct conf_listener listener = {.origin = load_origin(l, at->node)};

    if (at->node->type == NODE_MAPPING)
        load_object(l, at, &table_listener, &listener);
    else
        set_address(l, at, NULL, &listener);
    if (listener.address != NULL)
        l->config->listeners[l->config->n_listeners++] = listener;
}

void load_set_listen(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct config *c = object;
    size_t index = 0;

    (void)key;
    if (at->node->type == NODE_SCALAR) { /* one address needs no list */
        c->listeners = arena_zalloc(l->arena, sizeof(*c->listeners));
        add_listener(l, at);
        return;
    }
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of addresses"))
        return;
    if (at->node->n == 0 || at->node->n > CONF_LISTENERS_MAX) {
        load_fail(l, at, "must have between 1 and %d items, has %u", CONF_LISTENERS_MAX,
                  at->node->n);
        return;
    }
    c->listeners = arena_zalloc(l->arena, at->node->n * sizeof(*c->listeners));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};

        add_listener(l, &down);
    }
}

/* --- admin, limits, log --- */

static const struct load_key admin_keys[] = {
    {"token", "secret", load_set_secret, offsetof(struct config, admin_token), 0, 0, false},
};
const struct load_table table_admin = {"admin", admin_keys, ARRAY_LEN(admin_keys)};

void load_set_admin(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    (void)key;
    ((struct config *)object)->admin_origin = load_origin(l, at->node);
    load_object(l, at, &table_admin, object);
}

#define LIMIT(member) offsetof(struct conf_limits, member)
static const struct load_key limits_keys[] = {
    {"body_max", "size", load_set_size, LIMIT(body_max_bytes), 1024, 1024 * MIB, false},
    {"relay_max", "size", load_set_size, LIMIT(relay_max_bytes), 16384, 64 * MIB, false},
    {"buffered_max", "size", load_set_size, LIMIT(buffered_max_bytes), MIB, MIB << 20, false},
    {"connections", "whole number", load_set_u32, LIMIT(connections), 1, 1000000, false},
    {"streams", "whole number", load_set_u32, LIMIT(streams), 1, CONF_STREAMS_MAX, false},
    {"streams_per_second", "whole number", load_set_u32, LIMIT(streams_per_second), 1, 1000000,
     false},
    {"resets", "whole number", load_set_u32, LIMIT(resets), 1, 1000000, false},
    {"attempts", "whole number", load_set_u32, LIMIT(attempts), 1, CONF_ATTEMPTS_MAX, false},
    {"in_flight", "whole number", load_set_u32, LIMIT(in_flight), 1, 1000000, false},
    {"retry_ratio", "percentage", load_set_retry_ratio, 0, 0, 0, false},
    {"header_timeout", "duration", load_set_duration, LIMIT(header_ms), 100, 10 * MINUTE_MS, false},
    {"body_timeout", "duration", load_set_duration, LIMIT(body_ms), 100, 60 * MINUTE_MS, false},
    {"idle_timeout", "duration", load_set_duration, LIMIT(idle_ms), 100, DAY_MS, false},
};
const struct load_table table_limits = {"limits", limits_keys, ARRAY_LEN(limits_keys)};

void load_set_limits(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_limits *limits = &((struct config *)object)->limits;

    (void)key;
    limits->origin = load_origin(l, at->node);
    load_object(l, at, &table_limits, limits);
}

static void set_level(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (str_eq(text, str_of(levels[i]))) {
            ((struct conf_log *)object)->level = levels[i];
            return;
        }
    }
    load_must_be(l, at, "error, warn, info or debug");
}

static const struct load_key log_keys[] = {
    {"level", "word", set_level, 0, 0, 0, false},
    {"max_records", "whole number", load_set_u64, offsetof(struct conf_log, max_records), 1000,
     1000000000, false},
    {"max_age", "duration", load_set_duration, offsetof(struct conf_log, max_age_ms), MINUTE_MS,
     3650 * DAY_MS, false},
};
const struct load_table table_log = {"log", log_keys, ARRAY_LEN(log_keys)};

void load_set_log(struct load *l, const struct load_at *at, const struct load_key *key,
                  void *object)
{
    (void)key;
    load_object(l, at, &table_log, &((struct config *)object)->log);
}

static void set_user(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct str text;

    (void)key;
    if (load_text(l, at, &text, NULL) && load_name_is_good(l, at, text, 32))
        ((struct config *)object)->user = text.p;
}

static const struct load_key root_keys[] = {
    {"listen", "list of addresses", load_set_listen, 0, 0, 0, false},
    {KEY(workers, "whole number or auto", load_set_workers), 1, CONF_WORKERS_MAX, false},
    {KEY(require_key, "true or false", load_set_require_key), 0, 0, false},
    {KEY(http2, "true or false", load_set_bool), 0, 0, false},
    {"admin", "mapping", load_set_admin, 0, 0, 0, false},
    {"providers", "mapping of providers", load_set_providers, 0, 0, 0, false},
    {"models", "mapping of models", load_set_models, 0, 0, 0, false},
    {"catalogue", "mapping of models, or path", load_set_catalogue, 0, 0, 0, false},
    {"prices", "mapping of prices, or path", load_set_prices, 0, 0, 0, false},
    {"price_default", "mapping", load_set_price_default, 0, 0, 0, false},
    {"unknown_price", "allow or refuse", load_set_unknown_price, 0, 0, 0, false},
    {"budget_status", "402, 429 or 400", load_set_budget_status, 0, 0, 0, false},
    {"virtual_keys", "list of mappings", load_set_virtual_keys, 0, 0, 0, false},
    {"customers", "mapping of customers", load_set_customers, 0, 0, 0, false},
    {"teams", "mapping of teams", load_set_teams, 0, 0, 0, false},
    {"rules", "list of mappings", load_set_routing_rules, 0, 0, 0, false},
    {"queue", "mapping", load_set_queue, offsetof(struct config, queue), 0, 0, false},
    {"model_limits", "list of mappings", load_set_model_limits, 0, 0, 0, false},
    {"durability", "duration or strict", load_set_durability, 0, 0, 0, false},
    {"on_disconnect", "cancel or finish", load_set_on_disconnect, 0, 0, 0, false},
    {"limits", "mapping", load_set_limits, 0, 0, 0, false},
    {"log", "mapping", load_set_log, 0, 0, 0, false},
    {"drain_timeout", "duration", load_set_duration, offsetof(struct config, drain_ms), 0, DAY_MS,
     false},
    {"user", "name", set_user, 0, 0, 0, false},
};
static const struct load_table table_root = {"", root_keys, ARRAY_LEN(root_keys)};

const struct load_table *const load_tables[] = {
    &table_root,
    &table_listener,
    &table_tls,
    &table_admin,
    &table_provider,
    &table_provider_key,
    &table_timeout,
    &table_model,
    &table_target,
    &table_virtual_key,
    &table_limits,
    &table_log,
    &table_aws,
    &table_gcp,
    &table_azure,
    &table_known,
    &table_price,
    &table_price_tier,
    &table_price_service,
    &table_customer,
    &table_team,
    &table_budget,
    &table_rate_limit,
    &table_key_provider,
    &table_model_limit,
    &table_model_timeout,
    &table_rule,
    &table_hedge,
    &table_queue,
    &table_capacity,
    &table_model_throughput,
    &table_shadow,
};
const size_t load_tables_n = ARRAY_LEN(load_tables);

void load_root(struct load *l, const struct node *root)
{
    struct load_at at = {NULL, root, STR_NONE, 0};

    if (root == NULL || node_is_null(root))
        return; /* an empty file is a file of defaults */
    if (root->type != NODE_MAPPING) {
        findings_add(l->findings, root->line,
                     "a configuration is a mapping such as `listen: [127.0.0.1:8080]`, this is %s",
                     node_type_name(root));
        return;
    }
    load_object(l, &at, &table_root, l->config);
}
