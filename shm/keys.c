#include "shm/keys.h"

#include <string.h>

#include "shm/key_index.h"

struct published_shared *key_region(const struct region *published)
{
    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    return published->base;
}

static uint32_t total_len(const struct key_texts *t)
{
    return t->name_len + t->models_len + t->hint_len + t->scope_len;
}

bool key_texts_are_sound(const struct key_texts *t)
{
    uint32_t units;

    if (t->name_len > KEY_NAME_MAX || total_len(t) > KEY_BLOB_MAX)
        return false;
    if (t->blob == KEY_BLOB_INLINE)
        return total_len(t) <= KEY_INLINE_WORDS * 8;
    if (t->blob_class >= KEY_BLOB_CLASSES || total_len(t) > KEY_BLOB_UNIT << t->blob_class)
        return false;
    units = 1u << t->blob_class;
    return t->blob <= KEY_BLOBS - units;
}

const _Atomic uint64_t *key_words(const struct published_shared *p, const struct key_entry *e,
                                  const struct key_texts *t)
{
    return t->blob == KEY_BLOB_INLINE ? e->words : p->blobs[t->blob];
}

/* One try's copy; false when what it read cannot be, which the lock will have told by then. */
static bool copy_entry(const struct published_shared *p, const struct key_entry *e, struct arena *a,
                       struct virtual_key *out)
{
    struct key_texts t = {.blob = KEY_LOAD(e->blob),
                          .blob_class = KEY_LOAD(e->blob_class),
                          .name_len = KEY_LOAD(e->name_len),
                          .models_len = KEY_LOAD(e->models_len),
                          .hint_len = KEY_LOAD(e->hint_len),
                          .scope_len = KEY_LOAD(e->scope_len)};
    const _Atomic uint64_t *from;
    uint64_t *words;
    uint32_t n;

    if (!key_texts_are_sound(&t))
        return false;
    n = (total_len(&t) + 7) / 8;
    words = arena_alloc(a, (size_t)n * 8);
    from = key_words(p, e, &t);
    for (uint32_t i = 0; i < n; i++)
        words[i] = KEY_LOAD(from[i]);
    out->flags = KEY_LOAD(e->flags);
    out->created_ms = KEY_LOAD(e->created_ms);
    out->expires_ms = KEY_LOAD(e->expires_ms);
    out->name = (struct str){(const char *)words, t.name_len};
    out->models = (struct str){out->name.p + t.name_len, t.models_len};
    out->hint = (struct str){out->models.p + t.models_len, t.hint_len};
    out->scope = (struct str){out->hint.p + t.hint_len, t.scope_len};
    out->owner = KEY_LOAD(e->owner);
    return true;
}

static struct key_hash entry_hash(const struct key_entry *e)
{
    struct key_hash h;

    for (int i = 0; i < 4; i++)
        h.w[i] = KEY_LOAD(e->hash[i]);
    return h;
}

enum key_read key_entry_read(const struct published_shared *p, uint32_t entry,
                             const struct key_hash *want, struct arena *a, struct virtual_key *out)
{
    const struct key_entry *e = &p->entries[entry];

    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        struct virtual_key k;
        struct key_hash h;
        bool is_other;
        bool ok;
        uint32_t n;

        if (!seqlock_read_begin(&e->lock, &n))
            continue;
        k.id = KEY_LOAD(e->id);
        h = entry_hash(e);
        is_other = k.id == 0 || (want != NULL && memcmp(&h, want, sizeof(h)) != 0);
        ok = is_other || copy_entry(p, e, a, &k);
        if (!seqlock_read_ok(&e->lock, n))
            continue;
        if (is_other || !ok)
            return KEY_READ_OTHER;
        memcpy(k.hash, &h, sizeof(k.hash));
        *out = k;
        return KEY_READ_OK;
    }
    return KEY_READ_BUSY;
}

/* One walk through the index that `word` tells of. */
static bool probe(const struct published_shared *p, uint64_t word, struct key_hash h,
                  struct arena *a, struct virtual_key *out)
{
    const _Atomic uint64_t *index = p->index[key_index_area(word)];
    uint64_t mask = key_index_mask(word);
    uint32_t again = SEQLOCK_TRIES;

    for (uint64_t i = 0; i <= mask; i++) {
        const _Atomic uint64_t *at = &index[(h.w[0] + i) & mask];
        uint64_t slot = atomic_load_explicit(at, memory_order_acquire);

        /* Its entry may be given to another key meanwhile; then the slot tells where ours went. */
        while (key_slot_may_be(slot, h) && key_slot_entry(slot) < KEYS_MAX) {
            uint64_t now;

            if (key_entry_read(p, key_slot_entry(slot), &h, a, out) == KEY_READ_OK)
                return true;
            now = atomic_load_explicit(at, memory_order_acquire);
            if (now == slot || again-- == 0)
                break;
            slot = now;
        }
        if (slot == KEY_SLOT_EMPTY)
            return false;
    }
    return false;
}

bool keys_find(const struct region *published, const uint8_t hash[SHA256_BYTES], struct arena *a,
               struct virtual_key *out)
{
    const struct published_shared *p = key_region(published);
    struct key_hash h = key_hash_of(hash);
    uint64_t word = atomic_load_explicit(&p->key_index, memory_order_acquire);

    for (int i = 0; i < SEQLOCK_TRIES && word != 0; i++) {
        uint64_t before = word;

        if ((word & 0xff) > KEY_INDEX_MAX_LOG2)
            return false;
        if (probe(p, word, h, a, out))
            return true;
        /* A miss counts only in an index that was the one in use all the time. */
        word = atomic_load_explicit(&p->key_index, memory_order_acquire);
        if (word == before)
            return false;
    }
    return false;
}

bool keys_at(const struct region *published, uint32_t at, struct arena *a, struct virtual_key *out)
{
    if (at >= keys_high(published))
        return false;
    return key_entry_read(key_region(published), at, NULL, a, out) == KEY_READ_OK;
}

bool keys_find_id(const struct region *published, uint64_t id, struct arena *a,
                  struct virtual_key *out)
{
    const struct published_shared *p = key_region(published);
    uint32_t high = keys_high(published);
    struct virtual_key k;

    for (uint32_t at = 0; id != 0 && at < high; at++) {
        if (KEY_LOAD(p->entries[at].id) != id ||
            key_entry_read(p, at, NULL, a, &k) != KEY_READ_OK || k.id != id)
            continue;
        *out = k;
        return true;
    }
    return false;
}

uint32_t keys_high(const struct region *published)
{
    uint32_t high = KEY_LOAD(key_region(published)->keys_high);

    return high < KEYS_MAX ? high : KEYS_MAX;
}

uint32_t keys_count(const struct region *published)
{
    return KEY_LOAD(key_region(published)->keys_count);
}
