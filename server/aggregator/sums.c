#include "server/aggregator/sums.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/arena.h"

struct sums {
    uint32_t max, n;
    struct sum *items;
    uint16_t *index; /* 2 * max places: item + 1, 0 is free */
    struct arena *texts;
};

struct sums *sums_create(uint32_t max)
{
    struct sums *s = xcalloc(1, sizeof(*s));

    must(max > 0 && max < UINT16_MAX && (max & (max - 1)) == 0);
    s->max = max;
    s->items = xcalloc(max, sizeof(*s->items));
    s->index = xcalloc(2 * (size_t)max, sizeof(*s->index));
    s->texts = arena_create(8192);
    return s;
}

void sums_free(struct sums *s)
{
    if (s == NULL)
        return;
    arena_free(s->texts);
    free(s->index);
    free(s->items);
    free(s);
}

static uint64_t hash_bytes(const uint8_t *p, size_t len)
{
    uint64_t h = 0x9e3779b97f4a7c15ull ^ len;
    uint64_t word;

    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    for (; len > 0; p++, len--)
        h = (h ^ *p) * 0x100000001b3ull;
    h ^= h >> 29;
    return h;
}

static struct str copy(struct sums *s, struct str text)
{
    return text.len > 0 ? arena_str(s->texts, text) : STR_NONE;
}

static struct sum *find_or_add(struct sums *s, struct str key, uint64_t hash)
{
    uint32_t mask = 2 * s->max - 1;
    uint32_t at = (uint32_t)hash & mask;

    for (; s->index[at] != 0; at = (at + 1) & mask) {
        struct sum *sum = &s->items[s->index[at] - 1];

        if (sum->hash == hash && str_eq(sum->key, key))
            return sum;
    }
    if (s->n == s->max)
        return NULL;
    s->items[s->n] = (struct sum){.key = copy(s, key), .hash = hash};
    s->index[at] = (uint16_t)(s->n + 1);
    return &s->items[s->n++];
}

bool sums_add(struct sums *s, const struct usage_key *key, struct str name,
              const struct usage_totals *totals)
{
    uint8_t bytes[USAGE_KEY_MAX];
    size_t len = usage_key_encode(key, bytes);
    struct sum *sum =
        find_or_add(s, (struct str){(const char *)bytes, len}, hash_bytes(bytes, len));

    if (sum == NULL)
        return false;
    name.len = min_u64(name.len, USAGE_NAME_MAX);
    if (name.len > 0 && !str_eq(sum->name, name))
        sum->name = copy(s, name);
    usage_totals_add(&sum->totals, totals);
    return true;
}

bool sums_is_full(const struct sums *s)
{
    return s->n == s->max;
}

size_t sums_count(const struct sums *s)
{
    return s->n;
}

const struct sum *sums_at(const struct sums *s, size_t i)
{
    must(i < s->n);
    return &s->items[i];
}

void sums_clear(struct sums *s)
{
    if (s->n == 0)
        return;
    memset(s->index, 0, 2 * (size_t)s->max * sizeof(*s->index));
    s->n = 0;
    arena_reset(s->texts);
}
