/*
 * key_space - which entries and blobs of the key table are free.
 *
 * Runs in:  master, behind keys.h.   Writes: how many entries and blobs were ever used (region
 * published); the free lists are private memory and are found anew when a region is taken over.
 * Does not: touch entries; a blob may be given to another key as soon as its entry is free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_KEY_SPACE_H
#define SHM_KEY_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/map.h"

struct key_stack { /* of numbers */
    uint32_t *numbers;
    uint32_t n, room;
};

struct key_space {
    struct published_shared *p;
    struct key_stack entries;
    struct key_stack blobs[KEY_BLOB_CLASSES];
};

struct key_place {
    uint32_t entry;
    uint32_t blob; /* KEY_BLOB_INLINE: none */
    uint32_t blob_class;
};

/* Entries with an id are in use, and so are their blobs (which are sound). */
void key_space_init(struct key_space *s, struct published_shared *p);
void key_space_fini(struct key_space *s);
/* An entry with room for `bytes` of texts. False: full. */
BF_MUST_CHECK bool key_space_take(struct key_space *s, size_t bytes, struct key_place *out);
void key_space_give(struct key_space *s, struct key_place place);

#endif
