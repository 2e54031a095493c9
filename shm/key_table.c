#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "server/base/alloc.h"
#include "shm/key_index.h"
#include "shm/key_map.h"
#include "shm/key_space.h"
#include "shm/keys.h"

/*
 * A key is changed by writing a new entry and pointing its index slot there, so that a reader finds
 * the old key or the new one at every instant, and what a killed master had not finished is an entry
 * that no slot points to.
 */
struct key_table {
    struct published_shared *p;
    struct key_map ids, names;
    struct key_space space;
    uint32_t filled; /* index slots that are not empty */
};

/* --- the entries, as their writer sees them --- */

static struct key_texts texts_of(const struct key_entry *e)
{
    return (struct key_texts){KEY_LOAD(e->blob),     KEY_LOAD(e->blob_class),
                              KEY_LOAD(e->name_len), KEY_LOAD(e->models_len),
                              KEY_LOAD(e->hint_len), KEY_LOAD(e->scope_len)};
}

static struct key_hash hash_of(const struct key_entry *e)
{
    struct key_hash h;

    for (int i = 0; i < 4; i++)
        h.w[i] = KEY_LOAD(e->hash[i]);
    return h;
}

static bool hash_equal(struct key_hash a, struct key_hash b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Ids may be small and consecutive. */
static uint32_t id_hash(uint64_t id)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15ull) >> 32);
}

static uint32_t name_hash(struct str name)
{
    uint32_t h = 0x811c9dc5u;

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (uint8_t)name.p[i]) * 0x01000193u;
    return h ^ h >> 15;
}

/* The name of an entry, in `buffer`. */
static struct str name_of(const struct key_table *t, uint32_t entry, uint64_t *buffer)
{
    const struct key_entry *e = &t->p->entries[entry];
    struct key_texts texts = texts_of(e);
    const _Atomic uint64_t *from = key_words(t->p, e, &texts);

    for (uint32_t i = 0; i * 8 < texts.name_len; i++)
        buffer[i] = KEY_LOAD(from[i]);
    return (struct str){(const char *)buffer, texts.name_len};
}

static uint32_t find_id(const struct key_table *t, uint64_t id)
{
    uint32_t hash = id_hash(id);
    uint32_t at = hash;
    uint32_t entry;

    do {
        entry = key_map_next(&t->ids, hash, &at);
    } while (entry != KEY_ENTRY_NONE && KEY_LOAD(t->p->entries[entry].id) != id);
    return entry;
}

static uint32_t find_name(const struct key_table *t, struct str name)
{
    uint64_t buffer[KEY_NAME_MAX / 8];
    uint32_t hash = name_hash(name);
    uint32_t at = hash;
    uint32_t entry;

    do {
        entry = key_map_next(&t->names, hash, &at);
    } while (entry != KEY_ENTRY_NONE && !str_eq(name_of(t, entry, buffer), name));
    return entry;
}

static void remember(struct key_table *t, uint32_t entry)
{
    uint64_t buffer[KEY_NAME_MAX / 8];

    key_map_put(&t->ids, id_hash(KEY_LOAD(t->p->entries[entry].id)), entry);
    key_map_put(&t->names, name_hash(name_of(t, entry, buffer)), entry);
}

static void forget(struct key_table *t, uint32_t entry)
{
    uint64_t buffer[KEY_NAME_MAX / 8];

    key_map_remove(&t->ids, id_hash(KEY_LOAD(t->p->entries[entry].id)), entry);
    key_map_remove(&t->names, name_hash(name_of(t, entry, buffer)), entry);
}

static bool has_name(const struct key_table *t, uint32_t entry, struct str name)
{
    uint64_t buffer[KEY_NAME_MAX / 8];
    const struct key_entry *e = &t->p->entries[entry];

    return KEY_LOAD(e->id) != 0 && KEY_LOAD(e->name_len) == name.len &&
           str_eq(name_of(t, entry, buffer), name);
}

static bool has_texts(const _Atomic uint64_t *from, const struct virtual_key *key)
{
    const struct str parts[] = {key->name, key->models, key->hint, key->scope};
    uint64_t word = 0;
    uint32_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t j = 0; j < parts[i].len; j++, n++) {
            if (n % 8 == 0)
                word = KEY_LOAD(from[n / 8]);
            if (memcmp((const char *)&word + n % 8, parts[i].p + j, 1) != 0)
                return false;
        }
    }
    return true;
}

static bool is_same(const struct key_table *t, uint32_t entry, const struct virtual_key *key)
{
    const struct key_entry *e = &t->p->entries[entry];
    struct key_texts texts = texts_of(e);

    return KEY_LOAD(e->flags) == key->flags && KEY_LOAD(e->expires_ms) == key->expires_ms &&
           texts.name_len == key->name.len && texts.models_len == key->models.len &&
           texts.hint_len == key->hint.len && texts.scope_len == key->scope.len &&
           hash_equal(hash_of(e), key_hash_of(key->hash)) &&
           has_texts(key_words(t->p, e, &texts), key);
}

static void write_texts(_Atomic uint64_t *to, const struct virtual_key *key)
{
    const struct str parts[] = {key->name, key->models, key->hint, key->scope};
    uint64_t word = 0;
    uint32_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t j = 0; j < parts[i].len; j++) {
            memcpy((char *)&word + n % 8, parts[i].p + j, 1);
            if (++n % 8 == 0)
                KEY_STORE(to[n / 8 - 1], word);
        }
    }
    if (n % 8 != 0)
        KEY_STORE(to[n / 8], word);
}

/* Nobody points to the entry yet; late readers of its last life see the lock move. */
static void write_entry(struct key_table *t, uint32_t entry, const struct virtual_key *key,
                        struct key_place place)
{
    struct key_entry *e = &t->p->entries[entry];
    struct key_hash h = key_hash_of(key->hash);

    seqlock_write_begin(&e->lock);
    KEY_STORE(e->id, key->id);
    for (int i = 0; i < 4; i++)
        KEY_STORE(e->hash[i], h.w[i]);
    KEY_STORE(e->flags, key->flags);
    KEY_STORE(e->created_ms, key->created_ms);
    KEY_STORE(e->expires_ms, key->expires_ms);
    KEY_STORE(e->blob, place.blob);
    KEY_STORE(e->blob_class, (uint16_t)place.blob_class);
    KEY_STORE(e->owner, key->owner);
    KEY_STORE(e->name_len, (uint16_t)key->name.len); /* check_key has bounded them */
    KEY_STORE(e->models_len, (uint16_t)key->models.len);
    KEY_STORE(e->hint_len, (uint16_t)key->hint.len);
    KEY_STORE(e->scope_len, (uint16_t)key->scope.len);
    write_texts(place.blob == KEY_BLOB_INLINE ? e->words : t->p->blobs[place.blob], key);
    seqlock_write_end(&e->lock);
}

static void free_entry(struct key_table *t, uint32_t entry)
{
    struct key_entry *e = &t->p->entries[entry];
    struct key_place place = {entry, KEY_LOAD(e->blob), KEY_LOAD(e->blob_class)};

    seqlock_write_begin(&e->lock);
    KEY_STORE(e->id, 0);
    seqlock_write_end(&e->lock);
    key_space_give(&t->space, place);
}

/* --- the index --- */

/* The slot that points to this entry, or the first one where a new key may go (entry NONE). */
static _Atomic uint64_t *find_slot(const struct key_table *t, struct key_hash h, uint32_t entry)
{
    uint64_t word = KEY_LOAD(t->p->key_index);
    _Atomic uint64_t *index = t->p->index[key_index_area(word)];
    uint64_t mask = key_index_mask(word);

    for (uint64_t i = 0; word != 0 && i <= mask; i++) {
        _Atomic uint64_t *at = &index[(h.w[0] + i) & mask];
        uint64_t slot = KEY_LOAD(*at);

        if (entry == KEY_ENTRY_NONE) {
            if (slot == KEY_SLOT_EMPTY || (uint32_t)slot == KEY_SLOT_REMOVED)
                return at;
            continue;
        }
        if (slot == key_slot_of(h, entry))
            return at;
        if (slot == KEY_SLOT_EMPTY)
            return NULL;
    }
    return NULL;
}

static uint32_t find_hash(const struct key_table *t, struct key_hash h)
{
    uint64_t word = KEY_LOAD(t->p->key_index);
    const _Atomic uint64_t *index = t->p->index[key_index_area(word)];
    uint64_t mask = key_index_mask(word);

    for (uint64_t i = 0; word != 0 && i <= mask; i++) {
        uint64_t slot = KEY_LOAD(index[(h.w[0] + i) & mask]);

        if (slot == KEY_SLOT_EMPTY)
            break;
        if (key_slot_may_be(slot, h) &&
            hash_equal(hash_of(&t->p->entries[key_slot_entry(slot)]), h))
            return key_slot_entry(slot);
    }
    return KEY_ENTRY_NONE;
}

/* Readers of an area that is emptied under them miss, and then see that the index word moved. */
static void empty_area(struct published_shared *p, uint32_t area)
{
    if (madvise(p->index[area], sizeof(p->index[area]), MADV_REMOVE) == 0)
        return;
    for (uint32_t i = 0; i < KEY_INDEX_SLOTS; i++)
        KEY_STORE(p->index[area][i], KEY_SLOT_EMPTY);
}

/* Build an index of all that the maps know, large enough for one more, and switch to it. */
static void rebuild_index(struct key_table *t)
{
    uint64_t old = KEY_LOAD(t->p->key_index);
    uint32_t area = old == 0 ? 0 : !key_index_area(old);
    uint32_t log2 = KEY_INDEX_MIN_LOG2;
    _Atomic uint64_t *index = t->p->index[area];
    uint64_t mask;

    while (log2 < KEY_INDEX_MAX_LOG2 && (1u << log2) < 2 * (t->ids.n + 1))
        log2++;
    mask = (1ull << log2) - 1;
    empty_area(t->p, area);
    for (uint32_t i = 0; i <= t->ids.mask; i++) {
        uint32_t entry = t->ids.slots[i].entry - 1;
        struct key_hash h;
        uint64_t at;

        if (t->ids.slots[i].entry == 0)
            continue;
        h = hash_of(&t->p->entries[entry]);
        at = h.w[0] & mask;
        while (KEY_LOAD(index[at]) != KEY_SLOT_EMPTY)
            at = (at + 1) & mask;
        KEY_STORE(index[at], key_slot_of(h, entry));
    }
    atomic_store_explicit(&t->p->key_index, key_index_word((old >> 16) + 1, area, log2),
                          memory_order_release);
    t->filled = t->ids.n;
    empty_area(t->p, !area);
}

static bool index_is_full(const struct key_table *t)
{
    uint64_t word = KEY_LOAD(t->p->key_index);
    uint64_t slots = key_index_mask(word) + 1;

    return word == 0 || t->filled >= slots - slots / 4;
}

static void point_to(struct key_table *t, _Atomic uint64_t *slot, struct key_hash h, uint32_t entry)
{
    if (KEY_LOAD(*slot) == KEY_SLOT_EMPTY)
        t->filled++;
    /* release: who finds the entry here finds it complete */
    atomic_store_explicit(slot, key_slot_of(h, entry), memory_order_release);
}

static void remove_slot(struct key_table *t, uint32_t entry)
{
    struct key_hash h = hash_of(&t->p->entries[entry]);
    _Atomic uint64_t *slot = find_slot(t, h, entry);

    must(slot != NULL);
    atomic_store_explicit(slot, KEY_SLOT_REMOVED, memory_order_release);
}

/* --- what keys.h offers --- */

static size_t total_len(const struct virtual_key *key)
{
    return key->name.len + key->models.len + key->hint.len + key->scope.len;
}

static int check_key(const struct key_table *t, const struct virtual_key *key, uint32_t old,
                     struct error *err)
{
    size_t total = total_len(key);
    uint32_t other;

    if (key->id == 0 || key->name.len == 0)
        return error_set(err, "a virtual key needs an id and a name");
    if (key->name.len > KEY_NAME_MAX)
        return error_set(err, "the name of a virtual key may have %d bytes, this has %zu",
                         KEY_NAME_MAX, key->name.len);
    if (key->models.len > KEY_BLOB_MAX || key->hint.len > KEY_BLOB_MAX ||
        key->scope.len > KEY_BLOB_MAX || total > KEY_BLOB_MAX)
        return error_set(err,
                         "virtual key %.*s: its name, models, providers and other lists may have "
                         "%d bytes together, these have %zu",
                         STR_ARGS(key->name), KEY_BLOB_MAX, total);
    other = find_name(t, key->name);
    if (other != KEY_ENTRY_NONE && other != old)
        return error_set(err, "virtual key %.*s: the name is taken", STR_ARGS(key->name));
    /* An old text becomes an alias before its key gets another one: it is good at every instant. */
    other = (key->flags & KEY_ALIAS) == 0 ? find_hash(t, key_hash_of(key->hash)) : KEY_ENTRY_NONE;
    if (other != KEY_ENTRY_NONE && other != old)
        return error_set(err, "virtual key %.*s: another key has the same value",
                         STR_ARGS(key->name));
    return 0;
}

int key_table_put(struct key_table *t, const struct virtual_key *key, struct error *err)
{
    uint32_t old = find_id(t, key->id);
    struct key_hash h = key_hash_of(key->hash);
    bool is_same_hash;
    struct key_place place;

    if (check_key(t, key, old, err) != 0)
        return -1;
    if (!key_space_take(&t->space, total_len(key), &place))
        return error_set(err, "virtual key %.*s: the table is full (%u keys)", STR_ARGS(key->name),
                         KEY_LOAD(t->p->keys_count));
    if (index_is_full(t))
        rebuild_index(t);
    write_entry(t, place.entry, key, place);
    is_same_hash = old != KEY_ENTRY_NONE && hash_equal(hash_of(&t->p->entries[old]), h);
    point_to(t, find_slot(t, h, is_same_hash ? old : KEY_ENTRY_NONE), h, place.entry);
    if (old != KEY_ENTRY_NONE) {
        if (!is_same_hash)
            remove_slot(t, old);
        forget(t, old);
        free_entry(t, old);
    }
    remember(t, place.entry);
    KEY_STORE(t->p->keys_count, t->ids.n);
    return 0;
}

bool key_table_remove(struct key_table *t, uint64_t id)
{
    uint32_t entry = id != 0 ? find_id(t, id) : KEY_ENTRY_NONE;

    if (entry == KEY_ENTRY_NONE)
        return false;
    remove_slot(t, entry);
    forget(t, entry);
    free_entry(t, entry);
    KEY_STORE(t->p->keys_count, t->ids.n);
    return true;
}

bool key_table_get(const struct key_table *t, uint64_t id, struct arena *a, struct virtual_key *out)
{
    uint32_t entry = id != 0 ? find_id(t, id) : KEY_ENTRY_NONE;

    return entry != KEY_ENTRY_NONE && key_entry_read(t->p, entry, NULL, a, out) == KEY_READ_OK;
}

bool key_table_has(const struct key_table *t, const struct virtual_key *key, uint32_t *at)
{
    uint32_t entry = *at + 1;

    if (key->name.len > KEY_NAME_MAX)
        return false;
    if (entry >= KEY_LOAD(t->p->keys_high) || !has_name(t, entry, key->name))
        entry = find_name(t, key->name);
    if (entry == KEY_ENTRY_NONE || !is_same(t, entry, key))
        return false;
    *at = entry;
    return true;
}

uint32_t key_table_owner(const struct key_table *t, uint32_t at)
{
    return at < KEY_LOAD(t->p->keys_high) ? KEY_LOAD(t->p->entries[at].owner) : 0;
}

bool key_table_id_of_name(const struct key_table *t, struct str name, uint64_t *out_id)
{
    uint32_t entry = name.len <= KEY_NAME_MAX ? find_name(t, name) : KEY_ENTRY_NONE;

    if (entry == KEY_ENTRY_NONE)
        return false;
    *out_id = KEY_LOAD(t->p->entries[entry].id);
    return true;
}

void key_table_each(const struct key_table *t, void (*fn)(void *ctx, uint64_t id), void *ctx)
{
    for (uint32_t i = 0; i <= t->ids.mask; i++) {
        if (t->ids.slots[i].entry != 0)
            fn(ctx, KEY_LOAD(t->p->entries[t->ids.slots[i].entry - 1].id));
    }
}

/* --- taking over --- */

/* Is this entry one that the last writer had finished, and the only one of its id and name? */
static bool is_whole(const struct key_table *t, uint32_t entry)
{
    uint64_t buffer[KEY_NAME_MAX / 8];
    const struct key_entry *e = &t->p->entries[entry];
    struct key_texts texts = texts_of(e);

    if ((KEY_LOAD(e->lock.n) & 1) != 0 || KEY_LOAD(e->id) == 0 || !key_texts_are_sound(&texts))
        return false;
    return find_slot(t, hash_of(e), entry) != NULL &&
           find_id(t, KEY_LOAD(e->id)) == KEY_ENTRY_NONE &&
           find_name(t, name_of(t, entry, buffer)) == KEY_ENTRY_NONE;
}

struct key_table *key_table_open(struct region *published)
{
    struct key_table *t = xcalloc(1, sizeof(*t));
    uint32_t high = keys_high(published);

    t->p = key_region(published);
    key_map_init(&t->ids);
    key_map_init(&t->names);
    if ((KEY_LOAD(t->p->key_index) & 0xff) > KEY_INDEX_MAX_LOG2)
        KEY_STORE(t->p->key_index, 0);
    for (uint32_t entry = 0; entry < high; entry++) {
        struct key_entry *e = &t->p->entries[entry];

        if (is_whole(t, entry)) {
            remember(t, entry);
        } else if (KEY_LOAD(e->id) != 0 || (KEY_LOAD(e->lock.n) & 1) != 0) {
            seqlock_write_begin(&e->lock);
            KEY_STORE(e->id, 0);
            seqlock_write_end(&e->lock);
        }
    }
    key_space_init(&t->space, t->p);
    if (high > 0)
        rebuild_index(t); /* without the slots of what was dropped */
    KEY_STORE(t->p->keys_count, t->ids.n);
    return t;
}

void key_table_close(struct key_table *t)
{
    if (t == NULL)
        return;
    key_map_fini(&t->ids);
    key_map_fini(&t->names);
    key_space_fini(&t->space);
    free(t);
}
