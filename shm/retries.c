#include "shm/retries.h"

#include "shm/map.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

#define SECOND_US 1000000u

struct retries *retries_of(const struct region *live)
{
    must(live->kind == REGION_LIVE && live->base != NULL);
    return &((struct live_shared *)live->base)->retries;
}

static bool swap(_Atomic uint64_t *field, uint64_t *from, uint64_t to)
{
    return atomic_compare_exchange_weak_explicit(field, from, to, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/* What of it was owed. */
static uint64_t pay(struct retries *b, uint64_t n)
{
    uint64_t debt = LOAD(b->debt);

    while (debt > 0 && n > 0) {
        uint64_t part = min_u64(debt, n);

        if (swap(&b->debt, &debt, debt - part))
            return part;
    }
    return 0;
}

void retries_request(struct retries *b, uint64_t ratio)
{
    uint64_t paid = pay(b, ratio);

    if (paid > 0)
        atomic_fetch_add_explicit(&b->paid, paid, memory_order_relaxed);
}

void retries_good(struct retries *b)
{
    (void)pay(b, RETRY_WHOLE); /* nothing may be owed */
    if (LOAD(b->lost) > 0)
        STORE(b->lost, 0);
}

/*
 * One retry a second is no storm: who asks seldom is not refused for what was long ago. The ratio's part counts in it,
 * so that a busy outage gets no more than the ratio.
 */
static void rest(struct retries *b, uint64_t now_us)
{
    uint64_t rested_us = LOAD(b->rested_us);
    uint64_t seconds = (now_us - min_u64(rested_us, now_us)) / SECOND_US;
    uint64_t due;

    if (rested_us == 0)
        (void)swap(&b->rested_us, &rested_us, now_us); /* else another worker has begun it */
    if (rested_us == 0 || seconds == 0 || !swap(&b->rested_us, &rested_us, now_us))
        return; /* ... or counts this one */
    due = min_u64(seconds, UINT32_MAX) * RETRY_WHOLE;
    due -= min_u64(due, atomic_exchange_explicit(&b->paid, 0, memory_order_relaxed));
    (void)pay(b, due);
}

/* A calm is over. Whoever else comes to that at the same time does the same. */
static void begin_free(struct retries *b, uint64_t now_us)
{
    STORE(b->debt_max, (uint64_t)RETRY_BURST * RETRY_WHOLE);
    STORE(b->free_until_us, now_us + RETRY_FREE_US);
}

bool retries_take(struct retries *b, uint64_t now_us)
{
    uint64_t debt;
    uint64_t most;

    rest(b, now_us);
    debt = LOAD(b->debt);
    do {
        if (debt == 0)
            begin_free(b, now_us);
        if (now_us >= LOAD(b->free_until_us) && debt + RETRY_WHOLE > LOAD(b->debt_max))
            return false;
    } while (!swap(&b->debt, &debt, debt + RETRY_WHOLE));
    most = LOAD(b->debt_max);
    while (most < debt + RETRY_WHOLE && !swap(&b->debt_max, &most, debt + RETRY_WHOLE))
        ; /* grows in the free second only */
    return true;
}

void retries_add(struct retries *b)
{
    atomic_fetch_add_explicit(&b->debt, RETRY_WHOLE, memory_order_relaxed);
}

void retries_give_back(struct retries *b)
{
    (void)pay(b, RETRY_WHOLE); /* it was paid already */
}

bool retries_may_trust(const struct retries *b)
{
    return LOAD(b->lost) < RETRY_LOST_MAX;
}

void retries_lost(struct retries *b)
{
    atomic_fetch_add_explicit(&b->lost, 1, memory_order_relaxed);
}
