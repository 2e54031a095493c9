/*
 * key_index - what readers and the writer of the key table have in common.
 *
 * Runs in:  master, workers, admin, behind keys.h: no other folder includes it.   Region: published.
 * An index is an array of 2^n slots, at most three quarters full: the upper half of a slot is a tag
 * of the key's hash, the lower half its entry number + 1. A new index is built in the area that is
 * not in use and switched with one store of the index word; the word never returns to an earlier
 * value, so a reader that missed and finds it unchanged has looked at a complete index.
 * Does not: allocate, write.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_KEY_INDEX_H
#define SHM_KEY_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "shm/keys.h"
#include "shm/map.h"

#define KEY_LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define KEY_STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

#define KEY_SLOT_EMPTY 0ull
#define KEY_SLOT_REMOVED UINT32_MAX /* in the lower half: go on looking */
#define KEY_ENTRY_NONE UINT32_MAX

/* A SHA-256 as the words in which it is stored and compared. */
struct key_hash {
    uint64_t w[4];
};

static inline struct key_hash key_hash_of(const uint8_t hash[SHA256_BYTES])
{
    struct key_hash h;

    memcpy(h.w, hash, sizeof(h.w));
    return h;
}

/* The index word: which area, log2 of its slots, and a count of switches. */
static inline uint64_t key_index_word(uint64_t switches, uint32_t area, uint32_t log2)
{
    return switches << 16 | (uint64_t)area << 8 | log2;
}

static inline uint32_t key_index_area(uint64_t word)
{
    return word >> 8 & 1;
}

static inline uint64_t key_index_mask(uint64_t word)
{
    return (1ull << (word & 0xff)) - 1;
}

static inline uint64_t key_slot_of(struct key_hash h, uint32_t entry)
{
    return (h.w[1] & 0xffffffff00000000ull) | (entry + 1);
}

static inline bool key_slot_may_be(uint64_t slot, struct key_hash h)
{
    return ((slot ^ h.w[1]) >> 32) == 0 && (uint32_t)slot != KEY_SLOT_REMOVED &&
           (uint32_t)slot != 0;
}

static inline uint32_t key_slot_entry(uint64_t slot)
{
    return (uint32_t)slot - 1;
}

struct published_shared *key_region(const struct region *published);

/* An entry's numbers, and its texts as offset and lengths: read, not yet believed. */
struct key_texts {
    uint32_t blob, blob_class;
    uint32_t name_len, models_len, hint_len, scope_len;
};

/* Do the texts lie where an entry's texts may lie? */
bool key_texts_are_sound(const struct key_texts *t);
/* The words where they lie; the texts are sound. */
const _Atomic uint64_t *key_words(const struct published_shared *p, const struct key_entry *e,
                                  const struct key_texts *t);

enum key_read { KEY_READ_OK, KEY_READ_OTHER, KEY_READ_BUSY };

/*
 * A consistent copy of an entry. OTHER: it is free, or `want` is given and its hash is another.
 * BUSY: its writer is in it, or died there.
 */
enum key_read key_entry_read(const struct published_shared *p, uint32_t entry,
                             const struct key_hash *want, struct arena *a, struct virtual_key *out);

#endif
