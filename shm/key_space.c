#include "shm/key_space.h"

#include <stdlib.h>

#include "server/base/alloc.h"
#include "shm/key_index.h"

static void push(struct key_stack *s, uint32_t number)
{
    if (s->n == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 64;
        s->numbers = xrealloc(s->numbers, s->room, sizeof(*s->numbers));
    }
    s->numbers[s->n++] = number;
}

static uint32_t class_for(size_t bytes)
{
    uint32_t order = 0;

    while ((size_t)KEY_BLOB_UNIT << order < bytes)
        order++;
    return order;
}

static bool take_entry(struct key_space *s, uint32_t *out)
{
    uint32_t high = KEY_LOAD(s->p->keys_high);

    if (s->entries.n > 0) {
        *out = s->entries.numbers[--s->entries.n];
        return true;
    }
    if (high >= KEYS_MAX)
        return false;
    KEY_STORE(s->p->keys_high, high + 1);
    *out = high;
    return true;
}

static bool take_blob(struct key_space *s, uint32_t order, uint32_t *out)
{
    uint32_t high = KEY_LOAD(s->p->blobs_high);

    if (s->blobs[order].n > 0) {
        *out = s->blobs[order].numbers[--s->blobs[order].n];
        return true;
    }
    if (high > KEY_BLOBS - (1u << order))
        return false;
    KEY_STORE(s->p->blobs_high, high + (1u << order));
    *out = high;
    return true;
}

bool key_space_take(struct key_space *s, size_t bytes, struct key_place *out)
{
    struct key_place place = {0, KEY_BLOB_INLINE, 0};

    must(bytes <= KEY_BLOB_MAX);
    if (!take_entry(s, &place.entry))
        return false;
    if (bytes > sizeof(uint64_t) * KEY_INLINE_WORDS) {
        place.blob_class = class_for(bytes);
        if (!take_blob(s, place.blob_class, &place.blob)) {
            push(&s->entries, place.entry);
            return false;
        }
    }
    *out = place;
    return true;
}

void key_space_give(struct key_space *s, struct key_place place)
{
    push(&s->entries, place.entry);
    if (place.blob != KEY_BLOB_INLINE)
        push(&s->blobs[place.blob_class], place.blob);
}

/* --- finding the gaps of a region that was taken over --- */

struct used_blob {
    uint32_t blob, units;
};

static int by_place(const void *a, const void *b)
{
    uint32_t x = ((const struct used_blob *)a)->blob;
    uint32_t y = ((const struct used_blob *)b)->blob;

    return (x > y) - (x < y);
}

/* A gap as the fewest blobs that fill it. */
static void give_gap(struct key_space *s, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t order = KEY_BLOB_CLASSES - 1;

        while (1u << order > to - from)
            order--;
        push(&s->blobs[order], from);
        from += 1u << order;
    }
}

void key_space_init(struct key_space *s, struct published_shared *p)
{
    uint32_t high = KEY_LOAD(p->keys_high);
    struct used_blob *used;
    uint32_t n = 0;
    uint32_t end = 0;

    *s = (struct key_space){.p = p};
    if (high > KEYS_MAX)
        high = KEYS_MAX;
    used = xcalloc(high, sizeof(*used));
    for (uint32_t entry = high; entry-- > 0;) {
        const struct key_entry *e = &p->entries[entry];

        if (KEY_LOAD(e->id) == 0)
            push(&s->entries, entry);
        else if (KEY_LOAD(e->blob) != KEY_BLOB_INLINE)
            used[n++] = (struct used_blob){KEY_LOAD(e->blob), 1u << KEY_LOAD(e->blob_class)};
    }
    qsort(used, n, sizeof(*used), by_place);
    for (uint32_t i = 0; i < n; i++) {
        if (used[i].blob > end)
            give_gap(s, end, used[i].blob);
        if (used[i].blob + used[i].units > end)
            end = used[i].blob + used[i].units;
    }
    KEY_STORE(p->blobs_high, end);
    free(used);
}

void key_space_fini(struct key_space *s)
{
    free(s->entries.numbers);
    for (uint32_t i = 0; i < KEY_BLOB_CLASSES; i++)
        free(s->blobs[i].numbers);
    *s = (struct key_space){.p = NULL};
}
