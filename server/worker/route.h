/*
 * route - from a name to a route: target + provider key.
 *
 * Runs in:  worker.   Reads: published, weights (through balance).   Writes: nothing shared.
 * A name resolves, in this order: (1) an exact name of `models:` or one that a provider declares;
 * (2) "provider/model" with a configured provider; (3) a model of the catalogue, by its own name or
 * any vendor's id, that a provider's vendor has; (4) a glob that a provider declares. A request
 * without a model (files, stored responses, ...) goes to the provider that header x-bf-provider or
 * the query's provider= names, else to the first one in the configuration that is not the mock.
 * Resolved again when a newer configuration was published in between. Does not: send.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ROUTE_H
#define WORKER_ROUTE_H

#include "server/worker/request.h"

#define PROVIDER_NAME_MAX 128

/* Fill r->resolved. STEP_NEXT, or STEP_FAIL with a text that says what would be right. */
enum step_result route_resolve(struct request *r);
/* A route of the name whose turn it is, with room for it: r->attempt and r->money are its own. */
enum step_result route_by_name(struct request *r);
/* Is there a target that the key may use? (Asked when its name alone did not admit it.) */
bool route_has_allowed(struct request *r);
/* ... one of a provider that the key names, whatever the model? */
bool route_has_provider(struct request *r);
/* Is there a route of the name whose turn it is that was not tried? */
bool route_has_untried(struct request *r);
/* May another attempt be made, wherever? */
bool route_may_go_on(const struct request *r);
/* ... and is there a route that was not tried, or a fallback that has one? */
bool route_has_more(struct request *r);

/* How many attempts a request may make, over all names. */
uint32_t route_attempts_max(const struct request *r);
/* How long an attempt at this provider may take: the times of *out. */
void route_limits(const struct request *r, const struct pub_provider *p,
                  struct upstream_request *out);

/* r->attempt is for this route, with all that is sent. A hold was taken for it. */
enum step_result route_adopt(struct request *r, const struct pub_route *route, struct str model);

/* Can this provider be asked for the model in the client's way, translated if need be? */
bool route_can_ask(const struct request *r, const struct pub_provider *p, struct str model);

/* Both say STEP_FAIL with the nearest name that this key may use (suggest.c). */
enum step_result suggest_model(struct request *r);
enum step_result suggest_provider(struct request *r, struct str provider);
/* Nothing is left of what the client wished for (wishes.c): what there is. */
enum step_result wishes_fail(struct request *r);
/* No face of a provider is for the model: which ones they are for. */
enum step_result suggest_face(struct request *r, const struct pub_provider *p);

#endif
