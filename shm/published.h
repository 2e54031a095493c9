/*
 * published - the configuration as the workers read it: two halves, flipped.
 *
 * Runs in:  master (writes), everyone (reads).   Region: published; the secrets apart in `secrets`.
 * An image is built in private memory (server/master/publish.c), checked, copied into the half that
 * is not current, and the generation is flipped with one release store. The other half may be
 * overwritten only when every living slot's `generation` (live.h) shows the current one. Readers
 * check the generation once per loop turn and copy what a request needs: nothing in a request
 * points into a half.
 * Does not: hold virtual keys (keys.h) or anything that changes by itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_PUBLISHED_H
#define SHM_PUBLISHED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/catalogue.h"
#include "shm/layout.h"
#include "shm/prices.h"
#include "shm/region.h"
#include "shm/rules.h"

#define PUBLISHED_HALF_BYTES                                                                       \
    (64u << 20)                       /* an image; PROVIDERS_MAX with long lists take some 20 MiB */
#define SECRETS_HALF_BYTES (8u << 20) /* PROVIDER_KEYS_MAX credentials of 1 KiB */

#define ATTEMPTS_MAX 8 /* of attempts_max: what a request has room to remember */

/* Bytes in the image's text area; `offset` is from that area's start. */
struct pub_text {
    uint32_t offset;
    uint32_t len;
};

struct pub_provider {
    struct pub_text name;
    struct pub_text base_url; /* of the forced, else its vendor's first face; no slash at its end */
    struct pub_text proxy;    /* empty: none */
    struct pub_text ca_file;  /* empty: the system's */
    struct pub_text models;   /* NUL-separated names and globs that it declares */
    struct pub_text headers;  /* "Name: value\0..." to add to each call */
    struct pub_text api_version;    /* Azure: deployments in the path; empty: the v1 API */
    uint32_t vendor;                /* index into the vendor table */
    uint32_t first_key, n_keys;     /* in pub_keys */
    uint32_t first_route, n_routes; /* in pub_routes; sorted by model, "" (any) first */
    uint32_t connect_ms, first_byte_ms, between_bytes_ms, total_ms; /* 0: none */
    uint32_t flags;                                                 /* PUB_PROVIDER_* */
    uint32_t id;      /* stable over reloads: counters and metrics */
    uint32_t dialect; /* enum dialect_id of chat.h: the only one to use; 0: any of its vendor's */
    uint32_t owner;   /* row of its budgets and limits, for everybody (owners.h); 0: none */
};
#define PUB_PROVIDER_INSECURE 1u /* do not verify TLS */
#define PUB_PROVIDER_HTTP1 2u    /* never HTTP/2 */
#define PUB_PROVIDER_H2C 4u      /* HTTP/2 with prior knowledge on http:// */

struct pub_key {
    struct pub_text name;
    struct pub_text models; /* NUL-separated globs on the upstream model; empty: all */
    uint32_t provider;
    uint32_t weight;                    /* thousandths; 0: only when nothing else is left */
    uint32_t secret_offset, secret_len; /* in the half of region secrets with the same number */
    uint32_t kind;                      /* enum pub_key_kind */
    uint32_t token;                     /* row of region tokens; stable over reloads */
    uint64_t token_for;                 /* which credential: a hash of its bytes; never 0 */
    struct pub_text region;             /* AWS: that requests are signed for */
    uint64_t tags;                      /* bits by the places in the image's tags */
    /* What it can take, as the operator says: so much in so many milliseconds; 0: nothing was said. */
    uint64_t capacity_requests, capacity_requests_ms, capacity_tokens, capacity_tokens_ms;
};
enum pub_key_kind {
    PUB_KEY_PLAIN,     /* the secret is what is shown */
    PUB_KEY_AWS,       /* the secret is a packed credential whose keys sign requests */
    PUB_KEY_TOKEN,     /* ... of the credential process's; the row has a bearer token */
    PUB_KEY_AWS_TOKEN, /* ... likewise; the row has keys that sign */
    PUB_KEY_KINDS
};

/* Target + provider key: what is balanced, judged and counted. */
struct pub_route {
    struct pub_text model; /* empty: any model without rows of its own */
    uint32_t provider;
    uint32_t key;
    uint32_t row;    /* stable over reloads: index of weights, route stats, in-flight */
    uint32_t weight; /* thousandths, the key's */
    uint32_t owner;  /* row of its provider's model's limits (owners.h); 0: none */
};

struct pub_target {
    uint32_t provider;
    uint32_t weight;                /* thousandths */
    struct pub_text model;          /* upstream name */
    uint32_t first_route, n_routes; /* its own rows, else the provider's any-model rows */
    uint64_t tags;                  /* likewise; those of its routes' keys are beside these */
    uint64_t salt;                  /* of its side: who is on one says nothing of another */
    uint32_t side;                  /* 0; else it is one of those that get a share of the callers */
    uint32_t share;                 /* of this side, thousandths of a percent */
};

/* What tells a request's sender or session. */
struct pub_caller {
    uint32_t kind;        /* enum pub_caller_kind */
    struct pub_text name; /* of the header, in lower case, or of the body's field */
};
enum pub_caller_kind { PUB_CALLER_NONE, PUB_CALLER_KEY, PUB_CALLER_HEADER, PUB_CALLER_BODY };

/* A name that clients may use: an alias or group of `models:`, or a bare declared model. Sorted. */
struct pub_model {
    struct pub_text name;
    uint32_t first_target, n_targets;
    uint32_t flags;
    uint32_t first_byte_ms, between_bytes_ms; /* 0: the provider's */
    struct pub_text fallbacks;                /* NUL-separated names */
    uint32_t hedge_ms, hedge_percentile;      /* when a second route is asked: one of the two */
    uint32_t hedge_share;       /* of its requests, in thousandths of a percent; 0: never */
    struct pub_caller sticky;   /* by whom shares are dealt out */
    struct pub_caller affinity; /* whose requests stay on one route */
    struct pub_text shadow_provider, shadow_model; /* who gets copies of its requests */
    uint32_t shadow_share; /* of how many, in thousandths of a percent; 0: none */
    uint32_t shadow_ms;    /* how long one may take */
    uint32_t queue;        /* number of its own queue, 1 .. QUEUES_MAX - 1; 0: everybody's */
    uint32_t queue_at_most, queue_wait_ms; /* of its own one */
    struct pub_text context_fallbacks, filter_fallbacks;
    uint32_t at_least, over_ms; /* tokens per second of a stream, in thousandths, over so long */
};
#define PUB_MODEL_DECLARED 1u /* from a provider's list, not from `models:` */
#define PUB_MODEL_STARRED 2u  /* a pattern: its targets' stars stand for what its own does */
#define PUB_MODEL_SHARED 4u   /* some of its targets have a share */

/* A pattern among the models. Sorted by where it begins, then by the length of its end. */
struct pub_pattern {
    struct pub_text begin, end; /* around the star */
    uint32_t model;
    uint32_t
        next; /* of the others that a name with this beginning may match: the best; or NO_PATTERN */
};
#define NO_PATTERN UINT32_MAX

/* A rule, in the order in which they are tried. */
struct pub_rule {
    struct pub_text name; /* empty: it has none */
    struct pub_text use;
    struct pub_text whose; /* name of the key, team or customer; empty: everybody's */
    uint32_t scope;        /* enum rule_scope */
    uint32_t priority;
    uint32_t program;     /* struct expr_program, on 8 bytes; 0: it always holds */
    struct pub_text when; /* the condition as it is written, for people */
    uint64_t id;          /* of one that the API made; 0: the file's */
};

/* The image's first bytes. All offsets are from here. */
struct pub_image {
    uint32_t bytes;
    uint32_t providers, n_providers; /* offset and count; providers in configuration order */
    uint32_t keys, n_keys;
    uint32_t routes, n_routes;
    uint32_t models, n_models; /* sorted by name */
    uint32_t targets, n_targets;
    uint32_t by_name; /* uint32_t[n_providers]: indexes sorted by name */
    uint32_t text, text_bytes;
    uint32_t catalogue; /* struct cat_head; 0: none */
    uint32_t prices;    /* struct price_head, on 8 bytes; 0: none */
    uint32_t rules, n_rules;
    uint32_t flags; /* PUB_* */
    uint32_t drain_ms;
    uint64_t body_max_bytes;     /* of a client's request */
    uint64_t relay_max_bytes;    /* held per request between upstream and client */
    uint64_t buffered_max_bytes; /* request bodies of one worker, all together */
    uint32_t connections_max;    /* per worker */
    uint32_t streams_max;        /* per HTTP/2 connection */
    uint32_t streams_per_s;      /* new ones per connection and second */
    uint32_t resets_max;         /* aborted streams per connection and second before it is cut */
    uint32_t header_ms, body_ms, idle_ms; /* slow headers, slow bodies, idle keep-alive */
    uint32_t attempts_max;                /* upstream calls for one request */
    uint32_t durability_ms;               /* usage is on disk by then */
    uint32_t patterns, n_patterns;
    struct pub_text tags;                  /* NUL-separated, by bit */
    uint32_t in_flight_max;                /* requests of one worker; 0: no limit */
    uint32_t queue_at_most, queue_wait_ms; /* everybody's queue; at_most 0: there is none */
    /* Where what the API's rules need begins, and the text without theirs; 0: there are none in it. */
    uint32_t base_bytes, base_text, base_text_bytes;
    uint32_t retry_ratio; /* thousandths of a percent */
    /* SHA-256 of the admin token, so that who has none sends the admin process nothing large */
    uint8_t admin_hash[32];
};
#define PUB_REQUIRE_KEY 1u
#define PUB_HTTP2_OFF 2u
#define PUB_API_OPEN_LOOPBACK 4u     /* management API without a token for loopback peers */
#define PUB_UNKNOWN_PRICE_REFUSED 8u /* a model that nobody has told the price of is refused */
#define PUB_DURABILITY_STRICT 16u    /* usage is on disk before an answer ends */
#define PUB_FINISH 32u      /* a call goes on when its client has gone; else it is cancelled */
#define PUB_BUDGET_429 64u  /* a used up budget is answered with this status; else 402 */
#define PUB_BUDGET_400 128u /* likewise */
#define PUB_QUEUES 256u     /* somebody may wait for a place */

/* --- reading (any process) --- */

/* A view of one half: valid until the caller acknowledges a newer generation. */
struct pub_view {
    uint64_t generation; /* 0: nothing was published yet */
    const struct pub_image *image;
    const uint8_t *secrets; /* the half's start, or NULL when this process has no secrets */
};

uint64_t published_generation(const struct region *published); /* one acquire load */
/*
 * The current half, its offsets checked against its size (once per generation, so keep the
 * view). False when nothing was published or the image is not sound. `secrets` may be NULL.
 */
BF_MUST_CHECK bool published_view(const struct region *published, const struct region *secrets,
                                  struct pub_view *out);

struct str pub_text(const struct pub_view *v, struct pub_text t);
const struct pub_provider *pub_provider(const struct pub_view *v, uint32_t index);
const struct pub_key *pub_key(const struct pub_view *v, uint32_t index);
/* The credential, in the region: copied by who sends it, never formatted. The view has secrets. */
struct str pub_secret(const struct pub_view *v, const struct pub_key *key);
const struct pub_route *pub_route(const struct pub_view *v, uint32_t index);
const struct pub_model *pub_model(const struct pub_view *v, uint32_t index);
const struct pub_target *pub_target(const struct pub_view *v, uint32_t index);
const struct cat_head *pub_catalogue(const struct pub_view *v); /* NULL: there is none */
const struct pub_rule *pub_rule(const struct pub_view *v, uint32_t index);
const struct expr_program *pub_program(const struct pub_view *v,
                                       const struct pub_rule *r); /* NULL: it always holds */
const struct price_head *pub_prices(const struct pub_view *v);    /* NULL: there is none */
/*
 * The id by which a provider of this vendor serves a model of the catalogue, for who asked for
 * `asked`; empty: it does not, or declares names and this is none of them.
 */
struct str pub_served(const struct pub_view *v, const struct pub_provider *p, struct str vendor,
                      const struct cat_model *m, struct str asked);
/* Binary searches; NULL when there is none. */
const struct pub_provider *pub_find_provider(const struct pub_view *v, struct str name);
const struct pub_model *pub_find_model(const struct pub_view *v, struct str name); /* no pattern */
/* The pattern that fits best, and what its star stands for: never nothing. */
const struct pub_model *pub_match_model(const struct pub_view *v, struct str name,
                                        struct str *star);
/* The rows for (provider, model): its own, else the any-model ones. Count in *n. */
const struct pub_route *pub_find_routes(const struct pub_view *v, const struct pub_provider *p,
                                        struct str model, uint32_t *n);

/* --- writing (master) --- */

/* The secrets beside the current half, for an image that needs the same ones. */
struct str published_secrets(const struct region *published, const struct region *secrets);
/*
 * Copy an image (and its secrets) into the half that is not current and flip. The caller has made
 * sure that all slots acknowledged the current generation. Returns the new generation; -1 when an
 * image is too large or unsound, nothing changed.
 */
BF_MUST_CHECK int64_t published_flip(struct region *published, struct region *secrets,
                                     const struct pub_image *image, struct str secret_bytes,
                                     struct error *err);

#endif
