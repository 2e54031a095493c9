/*
 * catalogue - what is known of models, as bytes: names, limits, abilities, and every vendor's ids.
 *
 * Runs in:  master (packs), everyone (reads).   Region: published, as a part of the image.
 * One run of bytes without pointers: made when the program is built (tools/catalogue) from
 * conf/catalogue.yaml, and packed anew by the master when a configuration adds to it. Looking up
 * costs a binary search. Does not: know what the flags mean (providers/target.h), or YAML.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_CATALOGUE_H
#define SHM_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define CATALOGUE_MODELS_MAX 4096
#define CATALOGUE_IDS_MAX 32768
#define CATALOGUE_BYTES_MAX (4u << 20)

/* Bytes in the text area. */
struct cat_text {
    uint32_t offset, len;
};

struct cat_model {
    struct cat_text name;  /* by which everything else knows it */
    struct cat_text title; /* for people; empty: none */
    struct cat_text maker; /* empty: not told */
    uint32_t flags;        /* MODEL_* of providers/target.h */
    uint32_t context;      /* tokens, in and out together; 0: unknown */
    uint32_t max_output;   /* tokens; 0: unknown */
    uint32_t knowledge;    /* yyyymmdd, with 00 for what is not told; 0: unknown */
    uint32_t released;     /* likewise */
    uint32_t first, n;     /* its ids in `by_model`, in the order they were written */
};

/* What a vendor calls it. */
struct cat_id {
    struct cat_text id, vendor;
    uint32_t model;
};

/* The first bytes; offsets are from here. */
struct cat_head {
    uint32_t bytes;
    uint32_t models, n_models; /* sorted by name */
    uint32_t ids, n_ids;       /* sorted by id, then vendor */
    uint32_t by_model;         /* uint32_t[n_ids]: indexes of ids */
    uint32_t text, text_bytes;
};

/* --- reading: `c` is sound (catalogue_is_sound, once); NULL: an empty catalogue --- */

bool catalogue_is_sound(const struct cat_head *c, size_t room);
struct str cat_text(const struct cat_head *c, struct cat_text t);
uint32_t cat_models(const struct cat_head *c);
const struct cat_model *cat_model(const struct cat_head *c, uint32_t index);
/* The i-th of a model's own ids, i < m->n. */
const struct cat_id *cat_model_id(const struct cat_head *c, const struct cat_model *m, uint32_t i);

/*
 * What a vendor's `id` is: as the vendor writes it, then without what accounts put around it (Bedrock's
 * "us." before it, OpenAI's "ft:" with what follows the second colon), then as the model's own name.
 * NULL: not known.
 */
const struct cat_model *cat_find(const struct cat_head *c, struct str vendor, struct str id);
/* By its own name, or an id of whatever vendor; NULL: not known. */
const struct cat_model *cat_find_any(const struct cat_head *c, struct str name);
/*
 * The id by which a vendor serves a model: `like`, when that is one of them (with whatever region
 * before it, for Bedrock), else the first that is written for it. Empty: it does not serve it.
 */
struct str cat_id_at(const struct cat_head *c, const struct cat_model *m, struct str vendor,
                     struct str like);

/* yyyymmdd as "2025-09-29", as far as it is told; 0: nothing. */
void cat_date(struct buf *b, uint32_t date);

/* --- packing (master, tools/catalogue) --- */

struct cat_row_id {
    const char *vendor, *id;
};

struct cat_row {
    const char *name, *title, *maker; /* the last two may be NULL */
    uint32_t flags, context, max_output, knowledge, released;
    const struct cat_row_id *ids;
    size_t n_ids;
};

/* -1: too many, or a name or (vendor, id) is there twice. The bytes are appended to `out`. */
BF_MUST_CHECK int catalogue_pack(const struct cat_row *rows, size_t n, struct buf *out,
                                 struct error *err);

#endif
