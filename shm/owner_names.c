#include "shm/owner_names.h"

#include <string.h>

#include "shm/map.h"

static struct owner_name_row *row_at(const struct region *published, uint32_t index)
{
    struct published_shared *p = published->base;

    must(published->kind == REGION_PUBLISHED && p != NULL);
    return &p->owner_names[index];
}

bool owner_name_read(const struct region *published, uint32_t index, char out[OWNER_NAME_MAX],
                     size_t *out_len)
{
    const struct owner_name_row *row;

    if (index == ROW_NONE || index >= OWNERS_MAX)
        return false;
    row = row_at(published, index);
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint64_t words[OWNER_NAME_MAX / 8];
        uint32_t len;
        uint32_t n;

        if (!seqlock_read_begin(&row->lock, &n))
            continue;
        len = atomic_load_explicit(&row->len, memory_order_relaxed);
        for (size_t w = 0; w < ARRAY_LEN(words); w++)
            words[w] = atomic_load_explicit(&row->words[w], memory_order_relaxed);
        if (!seqlock_read_ok(&row->lock, n))
            continue;
        if (len == 0 || len > OWNER_NAME_MAX)
            return false;
        memcpy(out, words, len);
        *out_len = len;
        return true;
    }
    return false;
}

/* Not in the middle of a character. */
static size_t cut(struct str name)
{
    size_t len = name.len;

    if (len <= OWNER_NAME_MAX)
        return len;
    len = OWNER_NAME_MAX;
    while (len > 0 && ((unsigned char)name.p[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void owner_name_put(struct region *published, uint32_t index, struct str name)
{
    struct owner_name_row *row;
    uint64_t words[OWNER_NAME_MAX / 8] = {0};
    size_t len = cut(name);

    must(index != ROW_NONE && index < OWNERS_MAX);
    row = row_at(published, index);
    if (len > 0)
        memcpy(words, name.p, len);
    seqlock_write_begin(&row->lock);
    atomic_store_explicit(&row->len, (uint32_t)len, memory_order_relaxed);
    for (size_t w = 0; w < ARRAY_LEN(words); w++)
        atomic_store_explicit(&row->words[w], words[w], memory_order_relaxed);
    seqlock_write_end(&row->lock);
}
