/*
 * set - have these bytes been seen before, and where?
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Open addressing over SipHash with a random key, so that no file makes it slow.
 * Does not: copy the bytes (they must outlive the set), remove.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_SET_H
#define CONF_SET_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct set_slot {
    uint32_t hash;
    uint32_t item; /* its number + 1; 0: free */
};

struct set_item {
    struct str key;
    int line;
};

/* Slots are small, because they are hit at random; the items lie in the order of their coming. */
struct set {
    struct set_slot *slots; /* heap */
    struct set_item *items; /* heap, half as many */
    size_t cap, n;
    uint64_t seed[2];
};

void set_init(struct set *s, size_t expected);
void set_fini(struct set *s);
/* Adds `key`; returns 0, or the line it was first added with (>= 1) and changes nothing. */
int set_add(struct set *s, struct str key, int line);

#endif
