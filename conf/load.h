/*
 * load - from a tree of YAML nodes to struct config, by tables of keys.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: the environment (env.NAME).   Writes: nothing
 * shared.
 * A table lists the keys of one mapping: name, setter, place, bounds. The same tables drive the
 * messages about unknown keys and the test that compares them with conf/README.md.
 * Only included inside conf/ and by its tests. Does not: look at more than one value at a time
 * (check.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"
#include "conf/findings.h"
#include "conf/yaml.h"
#include "server/base/buf.h"

#define TEXT_MAX 8192     /* any text; a credential or a header's value is the longest */
#define NAME_MAX_BYTES 64 /* of a provider or a provider's key: they are metric labels */
#define MODEL_MAX_BYTES 256
#define LIST_ITEMS_MAX 1024 /* models of one key or provider */

struct load {
    struct config *config;
    struct arena *arena; /* the config's */
    conf_env_fn *env;    /* NULL: texts mean what they say, "env." included */
    const struct conf_vendors *vendors;
    struct findings *findings;
    bool has_require_key; /* the file says it; else the listeners decide */
    bool has_providers;   /* else those of the environment, as without a file */
    struct buf *defaults; /* a line for each default that was taken; NULL: nobody asks */
};

/* Where a value stands: steps from the root, turned into "providers.openai.keys[1]" on demand. */
struct load_at {
    const struct load_at *up; /* NULL at the root */
    const struct node *node;
    struct str name; /* a mapping's key; else `index` */
    size_t index;
};

struct load_key;
typedef void load_set_fn(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object);

struct load_key {
    const char *name;
    const char *type; /* as conf/README.md calls it */
    load_set_fn *set;
    size_t offset; /* in the object, of what `set` writes */
    uint64_t min, max;
    bool is_required;
};

struct load_table {
    const char *path; /* as conf/README.md writes it: "providers.<name>.timeout" */
    const struct load_key *keys;
    size_t n;
};

/* Every table, for the README test. */
extern const struct load_table *const load_tables[];
extern const size_t load_tables_n;

/* Fill l->config from the root (NULL: an empty file). What is wrong is in l->findings. */
void load_root(struct load *l, const struct node *root);

/* --- load.c: the walk --- */

/* Set each member of the mapping through the table. */
void load_object(struct load *l, const struct load_at *at, const struct load_table *table,
                 void *object);
/* Findings at this place; "PATH " is put before the text. */
void load_fail(struct load *l, const struct load_at *at, const char *fmt, ...) BF_PRINTF(3, 4);
/* "PATH must be WHAT, is VALUE". */
void load_must_be(struct load *l, const struct load_at *at, const char *what);
bool load_is_type(struct load *l, const struct load_at *at, enum node_type type, const char *what);
const char *load_path(struct load *l, const struct load_at *at);
/* A scalar with env.NAME resolved, in the arena; *source (may be NULL) is the reference or NULL. */
bool load_text(struct load *l, const struct load_at *at, struct str *out, const char **source);
struct conf_origin load_origin(const struct load *l, const struct node *node);
static inline struct load_at load_down(const struct load_at *up, const struct node *node)
{
    return (struct load_at){up, node, node->key, 0};
}

/* --- load_values.c: setters that many tables share --- */

load_set_fn load_set_text;     /* const char *; not empty */
load_set_fn load_set_bool;     /* bool */
load_set_fn load_set_u32;      /* uint32_t within min..max */
load_set_fn load_set_u64;      /* uint64_t */
load_set_fn load_set_duration; /* uint64_t milliseconds within min..max; 0 as well when min is 0 */
load_set_fn load_set_size;     /* uint64_t bytes */
load_set_fn load_set_weight;   /* uint32_t thousandths */
load_set_fn load_set_time;     /* uint64_t milliseconds since 1970 */
load_set_fn load_set_secret;   /* struct secret_text */
load_set_fn load_set_date;     /* uint32_t yyyymmdd, with 00 for what is not told */
load_set_fn load_set_texts;    /* const char *const *models with size_t n_models right behind */

/* 1..max bytes of A-Z a-z 0-9 . _ - ; a finding otherwise. */
bool load_name_is_good(struct load *l, const struct load_at *at, struct str name, size_t max);

/* A mapping in a file of its own, handed to `load`; findings in it have its name before them. */
void load_other_file(struct load *l, const struct load_at *at, const char *path,
                     void (*load)(struct load *l, const struct load_at *at), const char *what);

/* What a provider is before anything is said of it. */
void conf_provider_init(struct conf_provider *p);

/* --- the tables' other files --- */

load_set_fn load_set_listen, load_set_admin, load_set_models, load_set_limits, load_set_log;
load_set_fn load_set_catalogue, load_set_workers, load_set_require_key, load_set_providers,
    load_set_virtual_keys;
load_set_fn load_set_prices, load_set_price_default, load_set_unknown_price, load_set_budget_status;
extern const struct load_table table_price, table_price_tier, table_price_service;
extern const struct load_table table_listener, table_tls, table_admin, table_limits, table_log,
    table_model, table_target, table_provider, table_timeout, table_provider_key, table_virtual_key,
    table_aws, table_gcp, table_azure, table_known;

#endif
