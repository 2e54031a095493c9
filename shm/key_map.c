#include "shm/key_map.h"

#include <stdlib.h>

#include "server/base/alloc.h"

#define SLOTS_FIRST 64

void key_map_init(struct key_map *m)
{
    *m = (struct key_map){xcalloc(SLOTS_FIRST, sizeof(struct key_map_slot)), SLOTS_FIRST - 1, 0};
}

void key_map_fini(struct key_map *m)
{
    free(m->slots);
    *m = (struct key_map){NULL, 0, 0};
}

static void place(struct key_map *m, struct key_map_slot slot)
{
    uint32_t i = slot.hash & m->mask;

    while (m->slots[i].entry != 0)
        i = (i + 1) & m->mask;
    m->slots[i] = slot;
}

static void grow(struct key_map *m)
{
    struct key_map_slot *old = m->slots;
    uint32_t n = m->mask + 1;

    m->slots = xcalloc((size_t)n * 2, sizeof(*m->slots));
    m->mask = n * 2 - 1;
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].entry != 0)
            place(m, old[i]);
    }
    free(old);
}

void key_map_put(struct key_map *m, uint32_t hash, uint32_t entry)
{
    if (m->n >= m->mask - m->mask / 4)
        grow(m);
    place(m, (struct key_map_slot){hash, entry + 1});
    m->n++;
}

void key_map_remove(struct key_map *m, uint32_t hash, uint32_t entry)
{
    uint32_t hole = hash & m->mask;

    while (m->slots[hole].entry != entry + 1) {
        must(m->slots[hole].entry != 0);
        hole = (hole + 1) & m->mask;
    }
    /* Move back what would not be found behind the hole. */
    for (uint32_t i = (hole + 1) & m->mask; m->slots[i].entry != 0; i = (i + 1) & m->mask) {
        uint32_t home = m->slots[i].hash & m->mask;

        if (((i - home) & m->mask) >= ((i - hole) & m->mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].entry = 0;
    m->n--;
}

uint32_t key_map_next(const struct key_map *m, uint32_t hash, uint32_t *at)
{
    for (;;) {
        struct key_map_slot slot = m->slots[*at & m->mask];

        if (slot.entry == 0)
            return UINT32_MAX;
        (*at)++;
        if (slot.hash == hash)
            return slot.entry - 1;
    }
}
