/*
 * parse - what a request is: endpoint, model, stream, the spans to splice.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * The URL decides the dialect; one scan of the body finds the rest. Does not: know which models
 * exist.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_PARSE_H
#define WORKER_PARSE_H

#include "server/worker/request.h"

#define MODEL_MAX 512 /* bytes of a model's name; real ones have up to 120 */

/* The first step's forerunners: is this path ours, does it take this method? STEP_NEXT or STEP_FAIL. */
enum step_result parse_path(struct request *r);
enum step_result parse_method(struct request *r);

/* Value of a query parameter as it stands there (not decoded); STR_NONE when absent. */
struct str query_find(struct str query, struct str name);
/* The query without the parameters that are meant for the gateway (and an Azure client's version, when
 * it is not for Azure); begins with '?' or is empty. */
struct str query_for_upstream(struct arena *a, struct str query, bool is_azure);

#endif
