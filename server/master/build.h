/*
 * build - the tables of an image while they grow (publish.c, routes.c).
 *
 * Runs in:  master.   Reads, writes: private memory.
 * Texts are offsets into `text`, as in the image.
 * Does not: outlive publish_build.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_BUILD_H
#define MASTER_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"
#include "conf/groups.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "server/master/publish.h"
#include "shm/published.h"

/* An exact upstream model of a provider: declared by it, or a target of `models:`. */
struct known {
    uint32_t provider;
    struct str model;
    bool is_declared;
    uint32_t owner; /* row of its limits; 0: none */
};

struct build {
    const struct publish_request *req;
    const struct config *conf;
    struct pub_provider *providers;
    struct pub_key *keys;
    struct pub_route *routes;
    struct pub_model *models;
    struct pub_target *targets;
    uint32_t *by_name;
    struct groups groups; /* of the configuration */
    struct pub_pattern *patterns;
    uint32_t n_patterns;
    struct pub_rule *rules;
    uint32_t n_rules;
    struct buf
        programs; /* of the rules: offsets are from its start until the image is put together */
    uint32_t n_keys, n_routes, n_models, n_targets;
    uint32_t n_queues;
    struct buf text, secrets, catalogue, prices;
    struct known *known; /* sorted by provider, then model; unique */
    size_t n_known;
    struct pub_text tags;
};

struct pub_text build_text(struct build *b, struct str s);
/* The provider's index; -1: there is none of that name. */
BF_MUST_CHECK int build_find_provider(const struct build *b, const char *name, uint32_t *out);
/* From the caller's function; an identity too long for the store goes by its hash. */
BF_MUST_CHECK int build_number(const struct build *b, const struct buf *identity, uint32_t limit,
                               uint32_t *out, struct error *err);

/* After the providers and keys: a row per provider key, for any model and for each exact one ... */
BF_MUST_CHECK int build_routes(struct build *b, struct error *err);
/* ... and the names that clients may use, with their targets. */
BF_MUST_CHECK int build_models(struct build *b, struct error *err);
/* Those of them that are patterns. patterns.c */
void build_patterns(struct build *b);
/* Rules in the order in which they are tried. rules.c */
BF_MUST_CHECK int build_rules(struct build *b, struct error *err);
/* NUL-separated. */
struct pub_text build_list(struct build *b, const char *const *items, size_t n);
/* What is known of models: as built in, with what the configuration says. catalogue.c */
BF_MUST_CHECK int build_catalogue(struct build *b, struct error *err);
/* What tokens cost, likewise. prices.c */
BF_MUST_CHECK int build_prices(struct build *b, struct error *err);

#endif
