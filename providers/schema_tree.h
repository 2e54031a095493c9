/*
 * schema_tree - parsed schemas that are partly written anew.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * What is new has an empty `raw` and its children; the rest is written as it stood. Nodes of a
 * parsed tree are never changed, only copied. Does not: know keywords.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_SCHEMA_TREE_H
#define PROVIDERS_SCHEMA_TREE_H

#include <stdbool.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

/* A list of children under way. */
struct tree_list {
    struct arena *arena;
    struct json *first, *last;
    uint32_t n;
};

/* A copy of `node`, under `key`, at the list's end. */
struct json *tree_add(struct tree_list *l, struct str key, const struct json *node);
struct json *tree_find(const struct tree_list *l, struct str key);
/* A new array or object of the list's children. */
const struct json *tree_node(const struct tree_list *l, enum json_type type);
/* A new scalar. `raw` outlives it. */
const struct json *tree_scalar(struct arena *a, enum json_type type, struct str raw);
/* An array or object of one child. */
const struct json *tree_only(struct arena *a, enum json_type type, const char *key,
                             const struct json *child);
bool tree_has_text(const struct json *array, const char *plain); /* one of its strings */
bool tree_is(const struct json *node, const char *plain);        /* that string */
void tree_write(const struct json *node, struct buf *out);

#endif
