/*
 * store_walk - what the two halves of the store share: rows (store.c) and numbers
 * (store_numbers.c).
 *
 * Runs in:  master only.   Reads, writes: the open store.
 * Does not: know LMDB, which only store.c sees; belong to anybody outside of conf/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_STORE_WALK_H
#define CONF_STORE_WALK_H

#include "conf/store.h"

struct store_walk {
    enum store_table table;
    struct str prefix; /* rows whose keys start with it, in order */
    store_row_fn *fn;
    void *ctx;
    bool drop; /* delete the rows that fn refuses; else its refusal ends the walk */
};
BF_MUST_CHECK int store_walk(struct store *s, const struct store_walk *w, struct error *err);

const char *store_path(const struct store *s);
bool store_is_writing(const struct store *s);

/* The numbers that the open transaction knows to be in use; forgotten when it ends. */
struct numbers;
struct numbers **store_numbers(struct store *s);
void numbers_free(struct numbers **list);

#endif
