/*
 * api_rules - routing rules that the API made: kept in the store, put beside the file's in the image.
 *
 * Runs in:  master.   Reads, writes: LMDB config (rules); private memory.
 * The configuration is not in memory any more when a rule is made, and is not needed: an image is the
 * old one with another list of rules behind it. Those of the file stay first among equals.
 * Does not: publish (rule_publish.c), decide whether a rule is a good one (rule_calls.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_API_RULES_H
#define MASTER_API_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "conf/routing.h"
#include "conf/store.h"
#include "server/base/arena.h"
#include "server/base/json.h"
#include "server/master/publish.h"

struct api_rule {
    uint64_t id;
    struct conf_rule rule;
};

struct api_rules {
    struct api_rule *items; /* arena */
    size_t n;
};

/* All of them. One that this version cannot read is logged and left out. */
BF_MUST_CHECK int api_rules_load(struct store *s, struct json_parser *json, struct arena *a,
                                 struct api_rules *out, struct error *err);
/* The image `from` with these beside the file's rules; image_fini is due. */
BF_MUST_CHECK int api_rules_image(const struct pub_image *from, const struct api_rules *rules,
                                  struct pub_image **out, struct error *err);

#endif
