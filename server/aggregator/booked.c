#include "server/aggregator/booked.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/base.h"

#define FIRST_ROOM 256 /* a power of two */

struct booked {
    size_t n, room; /* room: of items; a power of two */
    struct booked_sum *items;
    uint32_t *index; /* 2 * room places: item + 1, 0 is free */
};

struct booked *booked_create(void)
{
    struct booked *b = xcalloc(1, sizeof(*b));

    b->room = FIRST_ROOM;
    b->items = xcalloc(b->room, sizeof(*b->items));
    b->index = xcalloc(2 * b->room, sizeof(*b->index));
    return b;
}

void booked_free(struct booked *b)
{
    if (b == NULL)
        return;
    free(b->index);
    free(b->items);
    free(b);
}

void booked_clear(struct booked *b)
{
    if (b->n == 0)
        return;
    memset(b->index, 0, 2 * b->room * sizeof(*b->index));
    b->n = 0;
}

/* Ids are numbers drawn at random or counted; windows are counted. */
static size_t place(const struct booked *b, struct booking key)
{
    uint64_t h = (key.account ^ (uint64_t)key.window << 40) * 0xff51afd7ed558ccdull;

    return (size_t)(h ^ h >> 32) & (2 * b->room - 1);
}

/* Where it is, or the free place where it would be. */
static uint32_t *look(const struct booked *b, struct booking key)
{
    size_t at = place(b, key);

    for (; b->index[at] != 0; at = (at + 1) & (2 * b->room - 1)) {
        const struct booked_sum *s = &b->items[b->index[at] - 1];

        if (s->key.account == key.account && s->key.window == key.window)
            break;
    }
    return &b->index[at];
}

static void grow(struct booked *b)
{
    must(b->room < UINT32_MAX / 4);
    b->room *= 2;
    b->items = xrealloc(b->items, b->room, sizeof(*b->items));
    free(b->index);
    b->index = xcalloc(2 * b->room, sizeof(*b->index));
    for (size_t i = 0; i < b->n; i++)
        *look(b, b->items[i].key) = (uint32_t)i + 1;
}

struct booked_sum *booked_at(struct booked *b, struct booking key)
{
    uint32_t *found = look(b, key);

    if (*found != 0)
        return &b->items[*found - 1];
    if (b->n == b->room) {
        grow(b);
        found = look(b, key);
    }
    b->items[b->n] = (struct booked_sum){.key = key};
    *found = (uint32_t)++b->n;
    return &b->items[b->n - 1];
}

const struct booked_sum *booked_find(const struct booked *b, struct booking key)
{
    uint32_t found = *look(b, key);

    return found != 0 ? &b->items[found - 1] : NULL;
}

void booked_add(struct booked *b, const struct record *r, uint64_t real_ms)
{
    for (uint32_t i = 0; i < r->n_bookings; i++) {
        struct booked_sum *s = booked_at(b, r->bookings[i]);

        s->added += min_u64(r->cost_nanousd, UINT64_MAX - s->added);
        s->last_ms = max_u64(s->last_ms, real_ms);
    }
}

void booked_forget(struct booked *b, const struct record *r)
{
    for (uint32_t i = 0; i < r->n_bookings; i++)
        booked_at(b, r->bookings[i])->forgotten += r->cost_nanousd;
}

size_t booked_count(const struct booked *b)
{
    return b->n;
}

const struct booked_sum *booked_item(const struct booked *b, size_t i)
{
    must(i < b->n);
    return &b->items[i];
}
