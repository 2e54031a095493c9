/*
 * config - a checked configuration in memory.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: YAML, the environment.   Writes: nothing.
 * Built new by config_load, checked as a whole, then used or thrown away: a configuration that is
 * seen outside conf/ is sound. Every texts' owner is the config's arena. Secrets are in `struct
 * secret_text`, which nothing formats.
 * Does not: log, know shared memory or vendors (the caller says which vendors exist).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

/* Bounds on what a file may declare; the shared regions have room for all of it. */
#define CONF_LISTENERS_MAX 64
#define CONF_WORKERS_MAX 64
#define CONF_PROVIDERS_MAX 1024
#define CONF_PROVIDER_KEYS_MAX 1024 /* of one provider */
#define CONF_HEADERS_MAX 32         /* of one provider */
#define CONF_MODELS_MAX 8192
#define CONF_MODEL_LIMITS_MAX 256
#define CONF_CATALOGUE_MAX 2048 /* models that a configuration adds or changes */
#define CONF_STREAMS_MAX 100    /* what h2o announces and enforces by itself */
#define CONF_ATTEMPTS_MAX 8     /* retries never amplify an outage */

/* What the accounts of a vendor may show beside a plain key. */
enum conf_cloud { CONF_CLOUD_NONE, CONF_CLOUD_AWS, CONF_CLOUD_GCP, CONF_CLOUD_AZURE };

/* A part of a vendor's address that differs between accounts: "{region}" in its root. */
struct conf_vendor_part {
    const char *name;     /* one of conf_part_names */
    const char *env;      /* comma-separated variables; NULL: none */
    const char *fallback; /* NULL: it must be said */
};
#define CONF_VENDOR_PARTS_MAX 2

enum {
    CONF_PART_RESOURCE,
    CONF_PART_REGION,
    CONF_PART_PROJECT,
    CONF_PART_LOCATION,
    CONF_PART_HOST,
    CONF_PART_ACCOUNT,
    CONF_PARTS
};
extern const char *const conf_part_names[CONF_PARTS];

/* A vendor as far as a configuration must know it; the table itself is providers/vendor.c. */
struct conf_vendor {
    const char *name;
    const char *key_env;        /* variables of its usual credential, comma-separated; NULL: none */
    const char *default_models; /* comma-separated names and globs it declares; NULL: none */
    bool needs_base_url;
    bool needs_key;    /* false: mock, local servers */
    bool is_mock;      /* needs nothing: offered also without a file */
    uint32_t dialects; /* those it speaks: bits by their index in conf_vendors.dialects */
    const char *root;  /* its address; looked at only when it has parts */
    struct conf_vendor_part parts[CONF_VENDOR_PARTS_MAX];
    const char *root_env; /* a variable that the whole address is in; NULL: none */
    enum conf_cloud cloud;
};

struct conf_vendors {
    const struct conf_vendor *items;
    size_t n;
    const char *const *dialects; /* names of wire formats; the first one is "" */
    size_t n_dialects;
};

/* A secret's text: no format function, wiped by config_free, never in an error. */
struct secret_text {
    struct str bytes;
    const char
        *source; /* "env.OPENAI_API_KEY" when it came from there, for the export; else NULL */
};

struct conf_origin {  /* for messages */
    const char *file; /* NULL: built in, or from the API */
    int line;
};

struct conf_tls {
    const char *certificate, *key; /* paths; NULL: no TLS */
};

struct conf_listener {
    const char *address; /* as written: "127.0.0.1:8080", "[::]:8443", "unix:/path" */
    struct conf_tls tls;
    struct conf_origin origin;
};

/* How a key of a provider is shown to it. */
enum conf_key_kind { CONF_KEY_VALUE, CONF_KEY_AWS, CONF_KEY_GCP, CONF_KEY_AZURE };

struct conf_aws { /* all empty: from the machine (container, instance) */
    struct secret_text access_key_id, secret_access_key, session_token; /* both or neither */
    struct secret_text external_id;
    const char *region;   /* NULL: the provider's */
    const char *profile;  /* of the shared credentials file; NULL: none */
    const char *role_arn; /* to assume with what the others give; NULL: none */
};

struct conf_gcp { /* no credentials: from the machine */
    const char *credentials_file;
    struct secret_text credentials; /* the JSON document: written, or from the file */
    const char *project, *location; /* NULL: the provider's */
};

struct conf_azure {
    const char *tenant_id, *client_id, *scope;
    struct secret_text client_secret;
    bool managed_identity; /* from the machine; client_id then names one of several */
};

struct conf_rate {
    uint64_t amount, per_ms; /* 0: nothing was said */
};

struct conf_capacity { /* what a key can take, as its operator knows */
    struct conf_rate requests, tokens;
};

struct conf_provider_key {
    const char *name; /* unique within the provider */
    enum conf_key_kind kind;
    struct secret_text value;
    struct conf_aws aws;
    struct conf_gcp gcp;
    struct conf_azure azure;
    uint32_t weight;           /* thousandths; default 1000 */
    const char *const *models; /* globs on the upstream model; n_models 0: all */
    size_t n_models;
    const char *const *tags;
    size_t n_tags;
    struct conf_capacity capacity;
    struct conf_origin origin;
};

struct conf_header {
    const char *name, *value;
    const char *source; /* "env.TEAM_HEADER" when the value came from there; else NULL */
};

/* Budgets, limits and who has them: money.h. */
struct conf_rules;
struct conf_key_scope;
struct conf_customer;
struct conf_team;
struct conf_model_limit;
struct conf_rule;

struct conf_provider {
    const char *name; /* unique; no '/' in it */
    uint32_t vendor;  /* index into conf_vendors */
    const char *vendor_name;
    const char *base_url; /* NULL: the vendor's */
    const char
        *parts[CONF_PARTS];  /* of the vendor's address, as the file says; NULL: it does not */
    const char *root;        /* the vendor's with its parts filled in; NULL: it has none */
    const char *api_version; /* Azure: deployments in the path, with this version; NULL: v1 */
    const char *dialect;     /* the only one to use; NULL: any that the vendor has */
    uint32_t dialect_index;
    const char *proxy;   /* NULL: none */
    const char *ca_file; /* NULL: the system's */
    bool tls_verify;
    bool http2; /* default true: negotiated by ALPN */
    bool h2c;   /* HTTP/2 with prior knowledge on http:// */
    uint64_t connect_ms, first_byte_ms, between_bytes_ms, total_ms; /* 0: none */
    struct conf_provider_key
        *keys; /* at least one: a vendor that needs none gets an empty "default" */
    size_t n_keys;
    const char *const *models; /* declared names and globs; default: the vendor's */
    size_t n_models;
    struct conf_header *headers; /* added to each call */
    size_t n_headers;
    struct conf_rules *rules; /* for everybody who uses it; NULL: none */
    struct conf_origin origin;
};

struct conf_target {
    const char
        *name; /* as it is written: "openai/gpt-4o", or another name of `models:` (groups.h) */
    const char *provider, *model; /* split at its first '/'; NULL: it has none */
    uint32_t weight;              /* thousandths */
    uint32_t share; /* thousandths of a percent of the callers; 0: its weight decides */
    const char *const *tags;
    size_t n_tags;
    uint32_t concurrency; /* calls at the same time, whoever asks; 0: no limit */
    struct conf_origin origin;
};

/* When a route has not begun to answer, another one is asked as well. */
struct conf_hedge {
    uint64_t after_ms;   /* 0: after the percentile */
    uint32_t percentile; /* of the route's own times to the first byte: 50..99; 0: none */
    uint32_t at_most;    /* thousandths of a percent of the model's requests; 0: never */
    int line;
};
/* Who may wait for a place when everything that could serve a request is full. */
struct conf_queue {
    uint32_t at_most; /* requests at the same time; 0: nobody waits */
    uint64_t wait_ms; /* for one of them */
    int line;
};
#define CONF_QUEUE_AT_MOST 100
#define CONF_QUEUE_WAIT_MS 5000
#define CONF_QUEUES_MAX 511 /* models with a queue of their own */
#define CONF_CONCURRENCY_MAX 1000000

/* A second target gets copies of some requests; their answers are only compared. */
struct conf_shadow {
    const char *provider, *model;
    uint32_t share;      /* thousandths of a percent of the model's requests; 0: none */
    uint64_t timeout_ms; /* how long one may take */
    int line;
};

/* What of a request tells its sender or session: one of a header, a field of the body, the key. */
enum conf_caller_kind { CONF_CALLER_NONE, CONF_CALLER_KEY, CONF_CALLER_HEADER, CONF_CALLER_BODY };
struct conf_caller {
    uint32_t kind;    /* enum conf_caller_kind */
    const char *name; /* of the header, in lower case, or of the field */
};

struct conf_model { /* an entry of `models:` */
    const char *name;
    struct conf_target *targets;
    size_t n_targets;
    const char *const *fallbacks; /* asked in this order when no target could answer */
    size_t n_fallbacks;
    uint64_t first_byte_ms, between_bytes_ms; /* 0: as the provider's */
    struct conf_hedge hedge;
    struct conf_shadow shadow;
    struct conf_caller sticky;            /* by whom shares are dealt out; default: the key */
    struct conf_caller affinity;          /* whose requests stay on one route; default: none */
    struct conf_queue queue;              /* at_most 0: everybody's */
    const char *const *context_fallbacks; /* asked when the prompt was too long */
    size_t n_context_fallbacks;
    const char *const *filter_fallbacks; /* ... when a content filter refused it */
    size_t n_filter_fallbacks;
    uint32_t at_least; /* tokens per second of a stream, in thousandths; 0: no floor */
    uint64_t over_ms;  /* ... over so long */
    struct conf_origin origin;
};

/* Whose requests go first when there is not room for all; their order is that of their weight. */
enum conf_key_priority {
    CONF_KEY_NORMAL, /* zero: what says nothing */
    CONF_KEY_HIGH,
    CONF_KEY_LOW,
    CONF_KEY_PRIORITIES
};
extern const char *const conf_key_priorities[CONF_KEY_PRIORITIES];

struct conf_virtual_key {
    const char *name;          /* unique */
    uint8_t hash[32];          /* SHA-256 of the key; the key itself is not kept */
    const char *hint;          /* "sk-bf-...x7Qa"; empty for sha256: values */
    const char *const *models; /* globs on provider/model or a name; n_models 0: all */
    size_t n_models;
    uint64_t expires_ms; /* real time; 0: never */
    bool active;
    bool strict;                  /* what can be translated in part only is refused */
    uint32_t priority;            /* enum conf_key_priority */
    struct conf_key_scope *scope; /* NULL: nothing beside this is said */
    struct conf_origin origin;
};

/* What a model can do: bits by their index in conf_can_names. */
#define CONF_CANS 12
extern const char *const conf_can_names[CONF_CANS];

struct conf_known_id {
    const char *vendor, *id;
    int line;
};

struct conf_known { /* an entry of `catalogue:`: what it does not say stays as it was */
    const char *name;
    const char *title, *maker;
    uint32_t can; /* when has_can */
    bool has_can;
    uint32_t context, max_output; /* tokens; 0: not told */
    uint32_t released, knowledge; /* yyyymmdd, with 00 for what is not told; 0: not told */
    struct conf_known_id *ids;
    size_t n_ids;
};

struct conf_limits {
    uint64_t body_max_bytes;     /* a client's request body; default 32 MiB */
    uint64_t relay_max_bytes;    /* held per request between upstream and client; default 256 KiB */
    uint64_t buffered_max_bytes; /* request bodies of one worker, all together; default 1 GiB */
    uint32_t connections;        /* per worker; default 10000 */
    uint32_t streams;            /* per HTTP/2 connection; default 100 */
    uint32_t streams_per_second; /* new ones per HTTP/2 connection; default 1000 */
    uint32_t resets;             /* aborted streams per connection and second; default 100 */
    uint32_t attempts;           /* upstream calls for one request; default 3 */
    uint32_t retry_ratio;        /* thousandths of a percent of the requests; default 10 % */
    uint32_t in_flight;          /* requests of one worker at the same time; 0: no limit */
    uint64_t header_ms;          /* a request's head must be there; default 10 s */
    uint64_t body_ms;            /* a request's body must be there; default 60 s */
    uint64_t idle_ms;            /* keep-alive; default 75 s */
    struct conf_origin origin;
};

struct conf_log {
    uint64_t max_records; /* default 1,000,000 */
    uint64_t max_age_ms;  /* default 30 d */
    const char *level;    /* error, warn, info, debug; default info */
};

/* What happens to a request whose model nobody has told the price of. */
enum conf_unknown_price { CONF_PRICE_ALLOW, CONF_PRICE_REFUSE };

struct conf_price;

struct config {
    struct arena *arena;
    struct conf_listener *listeners;
    size_t n_listeners;
    uint32_t workers;               /* 0: auto, one per core */
    bool require_key;               /* the default is already worked out */
    bool http2;                     /* of clients; default true */
    uint64_t drain_ms;              /* default 10 min */
    const char *user;               /* to drop root to; default "bowfin" */
    struct secret_text admin_token; /* empty: generated into the state directory */
    struct conf_origin admin_origin;
    struct conf_limits limits;
    struct conf_log log;
    struct conf_provider *providers;
    size_t n_providers;
    struct conf_model *models;
    size_t n_models;
    struct conf_queue queue; /* of models that have none of their own */
    struct conf_virtual_key *keys;
    size_t n_keys;
    struct conf_customer *customers;
    size_t n_customers;
    struct conf_team *teams;
    size_t n_teams;
    struct conf_rule *rules; /* routing.h */
    size_t n_rules;
    struct conf_model_limit *model_limits;
    size_t n_model_limits;
    uint64_t durability_ms;       /* what a power failure may cost; default 1 s */
    bool durability_strict;       /* on disk before an answer ends */
    bool finish_on_disconnect;    /* an upstream call goes on without its client */
    struct conf_known *catalogue; /* beside what is built in */
    size_t n_catalogue;
    const char *catalogue_file; /* where it was read from; NULL: the configuration itself */
    struct conf_price *prices;  /* beside what is built in; conf/price.h */
    size_t n_prices;
    const char *prices_file; /* where they were read from; NULL: the configuration itself */
    struct conf_price *price_default; /* of what nobody knows; NULL: none */
    uint32_t unknown_price;           /* enum conf_unknown_price; default CONF_PRICE_ALLOW */
    uint32_t budget_status;           /* of an answer when a budget is used up; 402, 429 or 400 */
    bool is_zero_config;              /* no file was given or found */
    const char *const *warnings;      /* "FILE:LINE: text" of what is hardly meant so */
    size_t n_warnings;
};

/* What the command line adds to a file. */
struct conf_overrides {
    const char *const *listen; /* replaces the file's listeners when n_listen > 0 */
    size_t n_listen;
    uint32_t workers; /* 0: not given */
};

/*
 * Load and check a file (path NULL: zero-config: loopback listener, providers from the usual
 * environment variables and always `mock`). 0 and *out (config_free), or -1 and every finding on a
 * line of its own in *err: "FILE:LINE: message", with the nearest valid key for an unknown one.
 * Nothing is kept on failure.
 */
BF_MUST_CHECK int config_load(const char *path, const struct conf_overrides *overrides,
                              const struct conf_vendors *vendors, struct config **out,
                              struct error *err);
void config_free(struct config *c); /* takes NULL; wipes the secrets */

/* The value of an environment variable, or NULL. */
typedef const char *conf_env_fn(const char *name);

/* A text instead of a file, and an environment of one's own: for tests and fuzzing. */
struct conf_source {
    const char *name; /* for messages; NULL: zero-config, `text` is not looked at */
    struct str text;
    conf_env_fn *env; /* NULL: the process's */
};
BF_MUST_CHECK int config_load_text(const struct conf_source *source,
                                   const struct conf_overrides *overrides,
                                   const struct conf_vendors *vendors, struct config **out,
                                   struct error *err);

/* "host:port", "[v6]:port", ":port", "unix:/path": is it loopback (or a Unix socket)? */
bool config_address_is_loopback(const char *address);

#endif
