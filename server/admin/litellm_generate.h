/*
 * litellm_generate - a key made as LiteLLM makes one, and the parts that changing one shares.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * Does not: answer (the caller's function does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_GENERATE_H
#define ADMIN_LITELLM_GENERATE_H

#include "server/admin/litellm.h"

extern const struct litellm_fields litellm_key_fields;
extern const struct litellm_fields litellm_change_fields; /* of /key/update and /key/regenerate */
extern const char *const litellm_key_kept[];              /* for litellm_write_metadata */

struct generated {
    const struct json *entity, *defaults;
    struct str key; /* in clear; empty: it was imported by its hash */
    uint8_t hash[SHA256_BYTES];
    const struct json *body; /* of which it was made */
    void *ctx;
};
typedef void generate_fn(struct exchange *ex, const struct generated *made);

/* Make a key of a checked body. Uses ex->state; answers by itself when it must not be made. */
void litellm_generate(struct exchange *ex, const struct json *body, generate_fn *fn, void *ctx);
/* Members of the open object: "key" and the row. */
void litellm_write_generated(struct exchange *ex, struct writer *w, const struct generated *made);

/* Members of a key's body for the master, as far as the client's has them. False: answered. */
BF_MUST_CHECK bool litellm_write_routes(struct exchange *ex, struct writer *w,
                                        const struct json *body);
BF_MUST_CHECK bool litellm_write_expiry(struct exchange *ex, struct writer *w,
                                        const struct json *body);
/* None, or "all-team-models": those of the parent (NULL: none), and without a parent all. */
void litellm_write_models(struct writer *w, const struct json *models, const struct json *parent);
/* A key's user can be filtered by: it is one of its tags. */
void litellm_write_tags(struct exchange *ex, struct writer *w, const struct json *tags,
                        struct str user_id);
struct str litellm_user_tag(struct exchange *ex, struct str user_id);

#endif
