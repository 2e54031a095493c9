/*
 * litellm_body - what a body written for LiteLLM says, and what of it means nothing here.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * Each route has a table of all fields that LiteLLM takes. Those without a meaning here are taken
 * and named in the answer ("ignored"), so that no limit is believed to hold that does not. A name
 * that LiteLLM does not have either is refused: a misspelt max_budget must not make a key without one.
 * Does not: ask the master.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_BODY_H
#define ADMIN_LITELLM_BODY_H

#include <stddef.h>

#include "server/admin/exchange.h"
#include "server/admin/writer.h"
#include "server/base/base.h"
#include "server/base/json.h"

enum litellm_kind {
    LITELLM_TEXT,
    LITELLM_TEXTS,
    LITELLM_BOOL,
    LITELLM_MONEY,
    LITELLM_COUNT,
    LITELLM_OBJECT,
    LITELLM_LIST,
    LITELLM_KEPT,   /* any value: stored and shown, nothing else */
    LITELLM_IGNORED /* any value: named in the answer */
};

struct litellm_field {
    const char *name;
    enum litellm_kind kind;
};

struct litellm_fields {
    const struct litellm_field *rows;
    size_t n;
};

/* The body as an object with these fields, each null or of its kind; an empty body is {}. NULL:
 * answered with a 400. */
BF_MUST_CHECK const struct json *litellm_body(struct exchange *ex, struct litellm_fields fields);
/* NULL when it is absent or null. */
const struct json *litellm_get(const struct json *body, const char *name);
/* The member "ignored": the names of what was said to no effect. Empty values say nothing. */
void litellm_write_ignored(struct writer *w, const struct json *body, struct litellm_fields fields);

/* A text field, not empty and at most `max` bytes without control characters; false: answered. */
BF_MUST_CHECK bool litellm_text(struct exchange *ex, const struct json *body, const char *name,
                                size_t max, struct str *out);
void litellm_bad(struct exchange *ex, const char *name, const char *what);
void litellm_missing(struct exchange *ex, const char *name);

#endif
