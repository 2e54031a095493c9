/*
 * known - an entry of `catalogue:` as a row of the catalogue.
 *
 * Runs in:  master, tools/catalogue, tests.   Reads, writes: nothing shared.
 * conf/, providers/ and shm/ do not know one another; this brings them together.
 * Does not: copy texts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_KNOWN_H
#define SERVER_KNOWN_H

#include "conf/config.h"
#include "providers/target.h"
#include "shm/catalogue.h"

/* In the order of conf_can_names. */
static const uint32_t known_flags[CONF_CANS] = {
    MODEL_CHAT,  MODEL_EMBED,  MODEL_RERANK,    MODEL_IMAGES,   MODEL_AUDIO,  MODEL_DOCUMENTS,
    MODEL_TOOLS, MODEL_SCHEMA, MODEL_REASONING, MODEL_ADAPTIVE, MODEL_EFFORT, MODEL_SYSTEM_TURNS,
};

/* MODEL_KNOWN goes with a list of abilities: what is not in it the model cannot do. */
static inline uint32_t known_flags_of(const struct conf_known *k)
{
    uint32_t flags = k->has_can ? MODEL_KNOWN : 0;

    for (size_t i = 0; i < CONF_CANS; i++)
        flags |= (k->can & (1u << i)) != 0 ? known_flags[i] : 0;
    return flags;
}

/* `ids` has room for k->n_ids. */
static inline struct cat_row known_row(const struct conf_known *k, struct cat_row_id *ids)
{
    for (size_t i = 0; i < k->n_ids; i++)
        ids[i] = (struct cat_row_id){k->ids[i].vendor, k->ids[i].id};
    return (struct cat_row){
        .name = k->name,
        .title = k->title,
        .maker = k->maker,
        .flags = known_flags_of(k),
        .context = k->context,
        .max_output = k->max_output,
        .knowledge = k->knowledge,
        .released = k->released,
        .ids = ids,
        .n_ids = k->n_ids,
    };
}

#endif
