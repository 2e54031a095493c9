/*
 * json_node - a tree of JSON as the nodes that the tables of keys read.
 *
 * Runs in:  master.   Reads, writes: nothing shared.
 * So what the API says is checked by the same code as the file. Lines are 0: findings name the path
 * alone. Does not: parse (server/base/json.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_JSON_NODE_H
#define CONF_JSON_NODE_H

#include "conf/findings.h"
#include "conf/yaml.h"
#include "server/base/arena.h"
#include "server/base/json.h"

/* NULL with a finding: a key twice in one object, a text with a NUL in it, too deep. */
struct node *json_node(struct arena *a, const struct json *json, struct findings *f);

#endif
