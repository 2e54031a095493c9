/*
 * property_world - a configuration made up from a seed, and what its keys may use.
 *
 * Runs in:  replay tests.   Reads, writes: nothing shared.
 * Does not: run requests (property.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_PROPERTY_WORLD_H
#define REPLAY_PROPERTY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"

#define PROVIDERS 4
#define PROVIDER_KEYS 3
#define UPSTREAM_MODELS 4
#define GROUPS 5
#define TARGETS 4
#define FALLBACKS 3
#define KEYS 3
#define GLOBS 3
#define NAME_ROOM 32
#define ALIAS "mine"

struct made_list {
    char items[GLOBS][NAME_ROOM];
    uint32_t n;
};

struct made_target {
    uint32_t provider, model;
};

struct made_group {
    struct made_target targets[TARGETS];
    uint32_t n_targets;
    uint32_t inner, depth; /* a group inside it, GROUPS: none; of those below it */
    uint32_t share;        /* percent that its last target gets of the callers; 0: by weight */
    char fallbacks[FALLBACKS][NAME_ROOM];
    uint32_t n_fallbacks;
};

struct made_key {
    struct made_list models, denied;
    uint32_t providers;    /* bits; 0: all */
    char alias[NAME_ROOM]; /* what it means by ALIAS; empty: nothing */
};

struct made_provider {
    uint32_t n_keys;
    struct made_list models[PROVIDER_KEYS]; /* of each key: what it is for */
};

struct made {
    uint64_t random;
    uint32_t attempts, n_groups, n_keys, n_providers;
    struct made_provider providers[PROVIDERS];
    struct made_group groups[GROUPS];
    struct made_key keys[KEYS];
};

uint32_t made_below(struct made *m, uint32_t n); /* 0 .. n - 1 */
/* A name as a client, a rule or a list of fallbacks may write it: "g2", "p1/m3". */
void made_name(struct made *m, char out[NAME_ROOM]);
/* The configuration, and its YAML. `m->random` is the seed. */
void made_configure(struct made *m, struct buf *yaml);
/* May key number `key` (KEYS: none) be served by this model of this provider, by whatever name? */
bool made_may_use(const struct made *m, uint32_t key, struct made_target t);
/* Is the provider's key for this model? */
bool made_key_serves(const struct made *m, uint32_t provider, uint32_t key, uint32_t model);

#endif
