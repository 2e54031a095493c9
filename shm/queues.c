#include "shm/queues.h"

#include "shm/live.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

void queues_reset(struct queues_live *q)
{
    if (LOAD(q->wants) != 0)
        STORE(q->wants, 0);
    for (uint32_t i = 0; i < QUEUES_MAX; i++) {
        if (LOAD(q->queues[i].waiting) != 0)
            STORE(q->queues[i].waiting, 0);
    }
}

static struct queues_live *of(const struct region *live, uint32_t slot)
{
    return &live_slot(live, slot)->queues;
}

static void add(const struct region *live, uint32_t slot, uint32_t queue, uint32_t n)
{
    struct queue_live *q;

    must(queue < QUEUES_MAX);
    q = &of(live, slot)->queues[queue];
    STORE(q->waiting, LOAD(q->waiting) + n);
}

bool queues_enter(const struct region *live, uint32_t slot, uint32_t queue, uint32_t at_most)
{
    add(live, slot, queue, 1);
    /* Two who enter at once see each other, or the later one sees the earlier: never too many. */
    atomic_thread_fence(memory_order_seq_cst);
    if (queues_waiting(live, queue) <= at_most)
        return true;
    add(live, slot, queue, (uint32_t)-1);
    return false;
}

void queues_leave(const struct region *live, uint32_t slot, uint32_t queue, bool has_passed)
{
    add(live, slot, queue, (uint32_t)-1);
    if (has_passed)
        live_add(&of(live, slot)->queues[queue].passed, 1);
}

void queues_want(const struct region *live, uint32_t slot, const uint32_t *accounts, uint32_t n)
{
    struct queues_live *q = of(live, slot);
    uint64_t wants = 0;

    for (uint32_t i = 0; i < QUEUES_WANTS_MAX; i++) {
        uint32_t account = i < n ? accounts[i] : 0;

        wants |= account != 0 ? queues_bit(account) : 0;
        if (LOAD(q->accounts[i]) != account)
            STORE(q->accounts[i], account);
    }
    STORE(q->wants, wants);
}

void queues_took(const struct region *live, uint32_t slot, uint64_t virtual_time)
{
    live_add(&of(live, slot)->turn, virtual_time);
}

void queues_begin(const struct region *live, uint32_t slot)
{
    struct queues_live *own = of(live, slot);
    uint32_t n = live_slots(live);
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < n; i++) {
        if (i != slot && LOAD(of(live, i)->wants) != 0)
            least = min_u64(least, LOAD(of(live, i)->turn));
    }
    if (least == UINT64_MAX)
        return;
    STORE(own->turn, min_u64(max_u64(LOAD(own->turn), least), least + QUEUES_TURN_MOST));
}

static uint64_t wanted_but(const struct region *live, uint32_t slot)
{
    uint32_t n = live_slots(live);
    uint64_t wants = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (i != slot)
            wants |= LOAD(of(live, i)->wants);
    }
    return wants;
}

uint64_t queues_wanted(const struct region *live)
{
    return wanted_but(live, UINT32_MAX);
}

static bool has(const struct queues_live *q, uint32_t account)
{
    if ((LOAD(q->wants) & queues_bit(account)) == 0)
        return false;
    for (uint32_t i = 0; i < QUEUES_WANTS_MAX; i++) {
        if (LOAD(q->accounts[i]) == account)
            return true;
    }
    return false;
}

bool queues_is_wanted(const struct region *live, uint32_t account)
{
    uint32_t n = live_slots(live);

    for (uint32_t i = 0; i < n; i++) {
        if (has(of(live, i), account))
            return true;
    }
    return false;
}

uint64_t queues_wanted_elsewhere(const struct region *live, uint32_t slot)
{
    return wanted_but(live, slot);
}

bool queues_is_later(const struct region *live, uint32_t slot, uint64_t wants)
{
    uint64_t turn = LOAD(of(live, slot)->turn);
    uint32_t n = live_slots(live);

    for (uint32_t i = 0; i < n; i++) {
        const struct queues_live *other = of(live, i);

        if (i != slot && (LOAD(other->wants) & wants) != 0 && LOAD(other->turn) < turn)
            return true;
    }
    return false;
}

uint32_t queues_waiting(const struct region *live, uint32_t queue)
{
    uint32_t n = live_slots(live);
    uint32_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += LOAD(of(live, i)->queues[queue].waiting);
    return sum;
}

uint64_t queues_passed(const struct region *live, uint32_t queue)
{
    uint32_t n = live_slots(live);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += LOAD(of(live, i)->queues[queue].passed);
    return sum;
}
