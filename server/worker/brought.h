/*
 * brought - the fallbacks that a client brings in its body.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * "fallbacks" on the top level of a JSON body, in any dialect, is ours: a list of names, or the objects
 * that users of other gateways write: {"provider", "model"} for one name, {"gpt-4o": ["a", "b"]} for those of
 * one model. It is cut out of the body, of which every other byte stays. null is as if it were not
 * there, [] that not even the model's own are wanted. Does not: resolve names (course.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_BROUGHT_H
#define WORKER_BROUGHT_H

#include "server/worker/request.h"

/* After the body was scanned; scans what is left of it anew. One branch when there are none. */
enum step_result brought_take(struct request *r);

#endif
