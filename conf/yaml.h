/*
 * yaml - YAML text as a bounded tree of nodes that know their lines; the door to libyaml.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Bounds: YAML_FILE_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX. An alias costs as many nodes as what it
 * stands for, so a bomb of aliases ends at the bound. A mapping's keys are unique texts. Refused
 * with a finding: a second document, tags other than !!str, merge keys, NUL in a text.
 * Does not: know types; a plain scalar stays its text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/findings.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/str.h"

#define YAML_FILE_MAX (64u << 20) /* 100,000 virtual keys with long model lists */
#define YAML_DEPTH_MAX 32         /* the file's own shape needs 7 */
#define YAML_NODES_MAX 2000000    /* 100,000 virtual keys take some 700,000 */
#define YAML_ANCHORS_MAX 256      /* they are searched one by one */

enum node_type { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
    enum node_type type;
    bool plain; /* a scalar without quotes: `null` and `true` mean something */
    int line, column;
    uint32_t n;      /* items or members */
    uint32_t weight; /* nodes in this subtree, itself included */
    int key_line;
    struct str key;  /* when the parent is a mapping */
    struct str text; /* of a scalar; NUL-terminated behind its length */
    struct node *child, *next;
};

/*
 * The root in the arena, *out NULL for an empty text. -1 when the text cannot be read to its end
 * (a finding says why); duplicate keys are findings too, but reading goes on.
 */
BF_MUST_CHECK int yaml_tree(struct arena *a, struct str text, struct findings *f,
                            struct node **out);

/* Nothing written behind the key, or `null`, or `~`. */
bool node_is_null(const struct node *node);
/* Is there a member of this name with something behind it? False for what is no mapping. */
bool node_has(const struct node *mapping, const char *name);
/* "a text", "a list", "a mapping": for messages. */
const char *node_type_name(const struct node *node);

#endif
