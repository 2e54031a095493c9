/*
 * scope - what a virtual key may do beyond its list of models: routes, networks, providers, and what
 * it may not.
 *
 * Runs in:  worker.   Reads: the key's own row (shm/scope.h), copied by auth.   Writes: nothing shared.
 * Routes and networks are judged once, in auth; providers and deny lists with each target. Only what
 * is needed later is kept in the request's arena. Does not: know budgets or limits (payers.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SCOPE_H
#define WORKER_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"

struct request;
struct scope_provider;

/* What is kept of it. Zeroed: nothing is said, everything is allowed. */
struct key_scope {
    const struct scope_provider *providers; /* arena */
    uint32_t n_providers;                   /* 0: every provider */
    struct str denied;                      /* NUL-separated globs on provider/model or a name */
    struct str aliases;                     /* NUL-separated pairs */
};

/*
 * An old text of a rotated key is that key, by id and by name, in refusals, rules and records. To be
 * called before any of them is made.
 */
void scope_be_itself(struct request *r);

/*
 * The request's key has a scope: may it come from there and go here? NULL, and r->scope is filled in;
 * else why not, and *detail is in the arena.
 */
const struct fail *scope_enter(struct request *r, struct str *detail);
/* The route's bit (SCOPE_CHAT, ...) of a request, once its path is known. */
uint32_t scope_route(const struct request *r);

/* What a name means when this key's user writes it: its alias, else itself. */
struct str scope_alias(const struct request *r, struct str name);
/* Is this name, as a client writes it, denied? */
bool scope_denies_name(const struct request *r, struct str name);
/* May the key use this provider at all? */
bool scope_has_provider(const struct request *r, struct str provider);
/* ... and this model of it? */
bool scope_allows(const struct request *r, struct str provider, struct str model);
/* The key's own entry for a provider; NULL: it has none. */
const struct scope_provider *scope_provider_of(const struct request *r, struct str provider);

#endif
