/*
 * admit - may this virtual key use this model? (Limits and budgets get their place here.)
 *
 * Runs in:  worker.   Reads: published.   Writes: nothing shared.
 * A key's globs are matched against the name the client used and against provider/model of what
 * stands behind it; one match is enough, and then only the targets that match are used. Requests
 * without a model count as "provider/endpoint" ("openai/files"). Does not: reserve anything yet.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ADMIT_H
#define WORKER_ADMIT_H

#include "server/worker/request.h"

/* May the request's key use this name, as a client would write it? */
bool admit_name(const struct request *r, struct str name);
bool admit_target(const struct request *r, struct str provider, struct str model);

#endif
