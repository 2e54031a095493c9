/*
 * schema_walk - a schema on its way to a vendor: what the files of schema.h share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Does not: serve anyone else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_SCHEMA_WALK_H
#define PROVIDERS_SCHEMA_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/schema.h"
#include "providers/schema_tree.h"
#include "server/base/json.h"

#define REFS_MAX 32 /* references inside references */

/* Bits of enum schema_subset. */
#define G (1u << SCHEMA_GEMINI)
#define O (1u << SCHEMA_OPENAI_STRICT)
#define A (1u << SCHEMA_ANTHROPIC_STRICT)
#define B (1u << SCHEMA_BEDROCK | 1u << SCHEMA_NOVA)

struct normaliser {
    const struct chat_codec *c;
    enum schema_subset subset;
    const struct json *root;
    uint32_t n_nodes;
    bool is_lossy;
    const struct json *refs[REFS_MAX]; /* whose references are being put in */
    uint32_t n_refs;
};

static inline bool schema_is_for(const struct normaliser *w, uint32_t subsets)
{
    return (subsets >> w->subset & 1) != 0;
}

/*
 * Members of `node`, its references and compositions put in; siblings of a reference go first. True:
 * not as they were. The targets stay in w->refs until the caller is through with the members.
 */
bool schema_gather(struct normaliser *w, const struct json *node, struct tree_list *l,
                   uint32_t depth);

#endif
