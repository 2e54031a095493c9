#include "shm/limits.h"

#include <string.h>

#include "shm/map.h"

#define WORDS_OF_ONE (sizeof(struct model_limit) / 8)
static_assert(sizeof(struct model_limit) % 8 == 0, "copied as words");

static struct limits_shared *shared(const struct region *published)
{
    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    return &((struct published_shared *)published->base)->limits;
}

static void copy_words(struct model_limit *out, const struct limits_shared *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t words[WORDS_OF_ONE];

        for (size_t w = 0; w < WORDS_OF_ONE; w++)
            words[w] = atomic_load_explicit(&from->words[i][w], memory_order_relaxed);
        memcpy(&out[i], words, sizeof(words));
    }
}

void model_limits_refresh(const struct region *published, struct model_limits *copy)
{
    const struct limits_shared *from = shared(published);
    uint32_t now = atomic_load_explicit(&from->lock.n, memory_order_acquire);

    if (now == copy->version)
        return;
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n;
        uint32_t version;

        if (!seqlock_read_begin(&from->lock, &version))
            continue;
        n = atomic_load_explicit(&from->n, memory_order_relaxed);
        if (n > MODEL_LIMITS_MAX || !seqlock_read_ok(&from->lock, version))
            continue;
        /* The rows are written seldom: a copy that a writer ran into is simply made again. */
        copy_words(copy->items[!copy->half], from, n);
        if (seqlock_read_ok(&from->lock, version)) {
            copy->half = !copy->half;
            copy->n = n;
            copy->version = version;
            return;
        }
    }
}

void model_limits_put(struct region *published, const struct model_limit *items, uint32_t n)
{
    struct limits_shared *to = shared(published);

    must(n <= MODEL_LIMITS_MAX);
    seqlock_write_begin(&to->lock);
    atomic_store_explicit(&to->n, n, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t words[WORDS_OF_ONE];

        memcpy(words, &items[i], sizeof(words));
        for (size_t w = 0; w < WORDS_OF_ONE; w++)
            atomic_store_explicit(&to->words[i][w], words[w], memory_order_relaxed);
    }
    seqlock_write_end(&to->lock);
}
