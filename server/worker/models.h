/*
 * models - GET /v1/models and /v1/models/{id}: what this key may use.
 *
 * Runs in:  worker.   Reads: published.   Writes: nothing shared.
 * Listed: every name of `models:`, every exact name a provider declares, bare and as
 * "provider/model", and what the catalogue knows of a provider's vendor where its globs allow it.
 * With each stands what is known of it (model_entry.h). A single model is answered for whatever
 * would resolve, globs included. Does not: ask providers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_MODELS_H
#define WORKER_MODELS_H

#include "server/worker/request.h"

/* Answers: STEP_DONE, or STEP_FAIL. */
enum step_result models_answer(struct request *r);

#endif
