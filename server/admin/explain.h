/*
 * explain - what the parts of POST /api/explain share: a body made up, an answer written down.
 *
 * Runs in:  admin.   Reads: published, weights, counters.   Writes: nothing shared.
 * Does not: decide; server/worker/explain_run.h does, by the steps of a worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include "server/admin/exchange.h"
#include "server/admin/writer.h"
#include "server/base/json.h"
#include "server/worker/explain_run.h"

#define EXPLAIN_TOKENS_MAX 2000000u /* a made up prompt has four bytes for each */

/* A request as it is described: what is not said is as with most requests. */
struct explain_wish {
    struct str model;
    uint64_t tokens;     /* of the prompt; 0: a short one */
    uint64_t max_tokens; /* 0: not told */
    uint64_t images;
    bool is_stream, has_tools;
};

/* Fill in method, path and (unless ask->body is there) body. False: there is no such endpoint. */
BF_MUST_CHECK bool explain_make(struct arena *a, struct str endpoint,
                                const struct explain_wish *wish, struct explain_ask *ask);
/* The endpoint of chats in a dialect; STR_NONE: there is no such dialect. */
struct str explain_endpoint(struct str dialect);
/* Has its URL the model in it, so that a body has none? */
bool explain_names_model(struct str endpoint);

/* Members of the open object; `key`: the entity as the master knows it, NULL: there is none. */
void explain_write(struct exchange *ex, struct writer *w, struct request *r,
                   const struct json *key);

/* explain_manners.c: what the name's model says beside its targets, as members of the open object. */
void explain_manners(struct writer *w, struct request *r, const struct explain_name *n);

/* Everybody's queue, where there is one. */
void explain_queue(struct writer *w, const struct pub_image *image);

#endif
