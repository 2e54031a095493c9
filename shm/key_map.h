/*
 * key_map - the master's own maps from a key's id or name to its entry.
 *
 * Runs in:  master, behind keys.h.   Reads, writes: private memory only.
 * Open addressing with 8 bytes a slot (32 bits of hash, entry + 1). Several entries may have the
 * same 32 bits, so a search is a walk over candidates and the caller compares.
 * Does not: know what an entry is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_KEY_MAP_H
#define SHM_KEY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

struct key_map_slot {
    uint32_t hash;
    uint32_t entry; /* + 1; 0: empty */
};

struct key_map {
    struct key_map_slot *slots;
    uint32_t mask;
    uint32_t n;
};

void key_map_init(struct key_map *m);
void key_map_fini(struct key_map *m);
void key_map_put(struct key_map *m, uint32_t hash, uint32_t entry);
void key_map_remove(struct key_map *m, uint32_t hash, uint32_t entry); /* must be in it */
/* The next candidate; *at starts at `hash` and is moved on. UINT32_MAX: no more. */
uint32_t key_map_next(const struct key_map *m, uint32_t hash, uint32_t *at);

#endif
