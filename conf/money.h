/*
 * money - budgets, limits, prices and whom they belong to, as a configuration or the API says it.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing.
 * The same shape everywhere: an entity of the API is the same JSON as its entry in the file, and one
 * loader checks both. Amounts are nano-dollars, prices pico-dollars per token.
 * Does not: know shared memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_MONEY_H
#define CONF_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"

#define CONF_BUDGETS_MAX 4        /* of one owner, each with another window */
#define CONF_LIMITS_MAX 4         /* of one owner, concurrency apart */
#define CONF_ACCOUNTS_MAX 8       /* of one owner, all of them */
#define CONF_KEY_PROVIDERS_MAX 64 /* of one key */
#define CONF_NETWORKS_MAX 64      /* of one key */
#define CONF_ALIASES_MAX 32       /* of one key */
#define CONF_TAGS_MAX 32          /* of one entity */
#define CONF_TAG_BYTES_MAX 64
#define CONF_NAME_MAX 128 /* bytes of a customer's, team's or key's name */
#define CONF_METADATA_MAX 4096
#define CONF_MODEL_GLOB_MAX 248               /* of `model_limits:` */
#define CONF_MONEY_MAX 1000000000000000000ull /* 1,000,000,000 dollars in nano-dollars */
#define CONF_TOKENS_MAX 1000000000000ull      /* 10^12: of a limit */

/* "1m" ... "1Y": the same order as enum window_period of shm/calendar.h. */
enum conf_period {
    CONF_1M,
    CONF_5M,
    CONF_1H,
    CONF_1D,
    CONF_1W,
    CONF_1MO,
    CONF_1Q,
    CONF_1Y,
    CONF_CUSTOM
};

#define CONF_PERIODS 8                                    /* of those with a name */
extern const char *const conf_period_names[CONF_PERIODS]; /* "1m", ..., "1Y" */

#define CONF_ROUTES 11
extern const char *const conf_route_names[CONF_ROUTES]; /* by bit, as in shm/scope.h */

#define CONF_OVERSHOOT_AUTO UINT64_MAX

/* { limit: 100, window: 1M, calendar: true, time_zone: Europe/Berlin, overshoot: none } */
struct conf_budget {
    uint64_t limit_nanousd;
    uint32_t window;    /* enum conf_period; default 1M; CONF_CUSTOM with length_ms: "7d", "30d" */
    uint64_t length_ms; /* of CONF_CUSTOM */
    bool calendar;      /* default false: it rolls from when it was made */
    const char *time_zone; /* default "UTC" */
    uint64_t
        overshoot_nanousd; /* default CONF_OVERSHOOT_AUTO; "none": 0; an amount, or "5%" of it */
};

enum conf_limit_kind { CONF_REQUESTS, CONF_TOKENS, CONF_TOKENS_IN, CONF_TOKENS_OUT };

struct conf_limit { /* { requests: 100, per: 1m } */
    uint32_t kind;  /* enum conf_limit_kind */
    uint64_t amount, length_ms;
};

struct conf_rules { /* of any owner */
    struct conf_budget *budgets;
    size_t n_budgets; /* `budget: 1000` is one of a month */
    struct conf_limit *limits;
    size_t n_limits;      /* `rate_limit: 100` is requests per minute */
    uint64_t concurrency; /* 0: no limit */
};

struct conf_customer {
    const char *name; /* unique among customers */
    struct conf_rules rules;
    bool blocked;
    const char *metadata; /* a JSON object as text, <= 4 KiB; NULL: none */
    const char *const *tags;
    size_t n_tags;
    struct conf_origin origin;
};

struct conf_team {
    const char *name;     /* unique among teams */
    const char *customer; /* NULL: none */
    struct conf_rules rules;
    bool blocked;
    const char *metadata;
    const char *const *tags;
    size_t n_tags;
    struct conf_origin origin;
};

struct conf_key_provider { /* in a virtual key's `providers:` */
    const char *provider;
    const char *const *models; /* globs on the upstream model; n_models 0: all */
    size_t n_models;
    const char *const *denied; /* likewise; n_denied 0: none */
    size_t n_denied;
    uint32_t weight; /* thousandths; default 1000 */
    struct conf_rules rules;
};

struct conf_network {
    uint8_t address[16]; /* IPv4 mapped into IPv6 */
    uint32_t bits;
};

/* What a virtual key has beside what conf_virtual_key says. */
struct conf_key_scope {
    const char *team, *customer; /* at most one of them; NULL: none */
    struct conf_rules rules;
    struct conf_key_provider *providers;
    size_t n_providers; /* 0: all */
    const char *const *denied_models;
    size_t n_denied;
    uint32_t routes; /* SCOPE_* bits of shm/scope.h; 0: all */
    struct conf_network *networks;
    size_t n_networks;            /* 0: from everywhere */
    const char *const *mcp_tools; /* globs */
    size_t n_mcp_tools;
    const char *const *tags;
    size_t n_tags;
    const char *const *aliases; /* pairs: a name that its user may write, and what it then means */
    size_t n_aliases;           /* texts, two of each */
    const char *metadata;
};

struct conf_model_limit { /* an entry of `model_limits:` */
    const char *model;    /* a glob on provider/model */
    struct conf_rules rules;
    struct conf_origin origin;
};

#endif
