/*
 * admit - may this virtual key use this model, and has it room in its sliding limits?
 *
 * Runs in:  worker.   Reads: published.   Writes: counters (requests, tokens).
 * A key's globs are matched against the name the client used and against provider/model of what
 * stands behind it; one match is enough, and then only the targets that match are used. Requests
 * without a model count as "provider/endpoint" ("openai/files"). Deny lists and the key's providers (scope.h) come
 * before that. Limits of requests and tokens of the key, its team and its customer are taken here,
 * once for a request, however many attempts it makes. Does not: reserve money (money.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ADMIT_H
#define WORKER_ADMIT_H

#include "server/worker/parse.h"
#include "server/worker/request.h"
#include "server/worker/route.h"

/* "provider/model" in `room`; false: it is too long to be one. */
#define ADMIT_TARGET_MAX (PROVIDER_NAME_MAX + MODEL_MAX + 2)
bool admit_target_text(struct str provider, struct str model, char room[ADMIT_TARGET_MAX],
                       struct str *out);
/* May the request's key use this name, as a client would write it? */
bool admit_name(const struct request *r, struct str name);
bool admit_target(const struct request *r, struct str provider, struct str model);
/* ... the name whose turn it is, or something that stands behind it? */
bool admit_course(struct request *r);
/* It may not: STEP_FAIL, and what it may use. */
enum step_result admit_refuse(struct request *r);

/* course.c: the name that a request begins with. STEP_NEXT, or STEP_FAIL. */
enum step_result course_begin(struct request *r);

#endif
