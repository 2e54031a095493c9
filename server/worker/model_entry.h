/*
 * model_entry - one model in a list of models, as each dialect's own list has it.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * What the catalogue knows stands in the vendor's own fields where it has some, and in an object
 * `bowfin` where that dialect's SDK takes fields that it does not know (all but Gemini's).
 * Does not: choose which models are shown (models.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_MODEL_ENTRY_H
#define WORKER_MODEL_ENTRY_H

#include "providers/chat.h"
#include "server/base/buf.h"
#include "server/base/str.h"
#include "shm/catalogue.h"

struct model_entry {
    struct str name, owner;
    const struct cat_head *catalogue;
    const struct cat_model *known; /* NULL: nothing is */
};

/* How a dialect writes its list: what stands before and behind, and one model. */
struct model_shape {
    const char *begin, *end;
    void (*put)(struct buf *b, const struct model_entry *e);
    const char *tail; /* of the list's path */
    bool names_ends;  /* tells its first and last one */
};

extern const struct model_shape model_shapes[DIALECTS];

#endif
