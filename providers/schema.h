/*
 * schema - JSON Schemas for vendors that take a part of JSON Schema only.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Tools' parameters and answers' formats; never what is inside tool results. What need not change is
 * handed back as it stood (no copy, not one byte changed); what is written anew keeps the order of
 * its keys, so that the same schema gives the same bytes. What is done to which keyword, and from
 * which reference, is in providers/README.md, "Schemas". Every input is hostile: a schema that
 * grows past SCHEMA_BYTES_MAX or SCHEMA_NODES_MAX while its references are put in becomes {} there.
 * Does not: check that a schema makes sense.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_SCHEMA_H
#define PROVIDERS_SCHEMA_H

#include "providers/chat.h"
#include "providers/loss.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define SCHEMA_NODES_MAX 5000       /* schemas written, after references are put in */
#define SCHEMA_BYTES_MAX (1u << 20) /* of the result */
#define SCHEMA_DEPTH_MAX 64         /* levels of schemas in schemas */

enum schema_subset {
    SCHEMA_GEMINI,          /* parametersJsonSchema and responseJsonSchema */
    SCHEMA_OPENAI_STRICT,   /* strict: true, of functions and response_format */
    SCHEMA_BEDROCK,         /* Converse's toolSpec.inputSchema.json */
    SCHEMA_NOVA,            /* the same of Amazon's own models: bare at the top */
    SCHEMA_ANTHROPIC_STRICT /* strict tools and output_config.format */
};

/*
 * `raw` as the vendor takes it: itself, or a copy in the arena. `name` goes into loss->changed when
 * what the schema says was changed (not for what is said in other words). What is no JSON object
 * comes back as it is.
 */
struct str schema_normalise(const struct chat_codec *c, struct str raw, enum schema_subset subset,
                            struct chat_loss *loss, struct str name);

/* Gemini's own Schema (upper-case types, nullable, snake_case) as JSON Schema. */
struct str schema_from_gemini(const struct chat_codec *c, const struct json *schema);

#endif
