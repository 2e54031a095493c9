#include "conf/set.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/base.h"
#include "server/base/crypto.h"

#define SET_FIRST 16

static uint64_t rotate(uint64_t v, int bits)
{
    return (v << bits) | (v >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 */
static uint32_t hash_of(const struct set *s, struct str key)
{
    uint64_t v[4] = {s->seed[0] ^ 0x736f6d6570736575ull, s->seed[1] ^ 0x646f72616e646f6dull,
                     s->seed[0] ^ 0x6c7967656e657261ull, s->seed[1] ^ 0x7465646279746573ull};
    uint64_t word;

    for (size_t at = 0;; at += 8) {
        size_t left = key.len - at;

        word = left < 8 ? (uint64_t)key.len << 56 : 0;
        if (left > 0)
            memcpy(&word, key.p + at, left < 8 ? left : 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    word = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(word ^ (word >> 32));
}

void set_init(struct set *s, size_t expected)
{
    size_t cap = SET_FIRST;

    while (cap < expected * 2)
        cap *= 2;
    s->slots = xcalloc(cap, sizeof(*s->slots));
    s->items = xcalloc(cap / 2, sizeof(*s->items));
    s->cap = cap;
    s->n = 0;
    crypto_random(s->seed, sizeof(s->seed));
}

void set_fini(struct set *s)
{
    free(s->slots);
    free(s->items);
    s->slots = NULL;
    s->items = NULL;
}

static void grow(struct set *s)
{
    size_t cap = s->cap * 2;
    struct set_slot *slots = xcalloc(cap, sizeof(*slots));

    for (size_t i = 0; i < s->cap; i++) {
        size_t at = s->slots[i].hash & (cap - 1);

        if (s->slots[i].item == 0)
            continue;
        while (slots[at].item != 0)
            at = (at + 1) & (cap - 1);
        slots[at] = s->slots[i];
    }
    free(s->slots);
    s->slots = slots;
    s->items = xrealloc(s->items, cap / 2, sizeof(*s->items));
    s->cap = cap;
}

int set_add(struct set *s, struct str key, int line)
{
    uint32_t hash = hash_of(s, key);
    size_t at;

    must(line > 0 && s->n < UINT32_MAX);
    if (s->n * 2 >= s->cap)
        grow(s);
    at = hash & (s->cap - 1);
    while (s->slots[at].item != 0) {
        const struct set_item *item = &s->items[s->slots[at].item - 1];

        if (s->slots[at].hash == hash && str_eq(item->key, key))
            return item->line;
        at = (at + 1) & (s->cap - 1);
    }
    s->items[s->n++] = (struct set_item){key, line};
    s->slots[at] = (struct set_slot){hash, (uint32_t)s->n};
    return 0;
}
