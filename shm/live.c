#include "shm/live.h"

#include <stdio.h>
#include <string.h>

#include "server/base/crypto.h"
#include "shm/map.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static struct live_shared *shared(const struct region *live)
{
    must(live->kind == REGION_LIVE && live->base != NULL);
    return live->base;
}

struct slot *live_slot(const struct region *live, uint32_t slot)
{
    must(slot < SLOTS_MAX);
    return &shared(live)->slots[slot];
}

uint32_t live_slots(const struct region *live)
{
    const struct live_shared *l = shared(live);
    uint32_t n = 0;

    while (n < SLOTS_MAX && LOAD(l->slots[n].state) != SLOT_FREE)
        n++;
    return n;
}

/* What is open now ends with the worker; what has been counted does not. */
static void reset_gauges(struct slot *s)
{
    for (uint32_t i = 0; i < STATS_N; i++) {
        if (stat_info((enum stat_id)i)->is_gauge)
            STORE(s->stats[i], 0);
    }
}

static void reset_routes(struct slot *s)
{
    for (uint32_t i = 0; i < ROUTES_MAX; i++) {
        if (LOAD(s->routes[i].in_flight) != 0)
            STORE(s->routes[i].in_flight, 0);
    }
}

void live_take(struct slot *s, uint32_t pid, uint64_t real_ms)
{
    reset_gauges(s);
    queues_reset(&s->queues);
    s->crash[0] = '\0';
    STORE(s->step, 0);
    STORE(s->request_hint, 0);
    STORE(s->generation, 0);
    STORE(s->started_ms, real_ms);
    outbox_open(&s->outbox);
    STORE(s->pid, pid);
    atomic_store_explicit(&s->state, SLOT_READY, memory_order_release);
}

void live_wipe(struct slot *s)
{
    reset_gauges(s);
    reset_routes(s);
    queues_reset(&s->queues);
    STORE(s->pid, 0);
    STORE(s->request_hint, 0); /* a successor that dies before live_take was not in it */
    STORE(s->generation, 0);
    atomic_store_explicit(&s->state, SLOT_DEAD, memory_order_release);
}

void live_retire(struct slot *s)
{
    live_wipe(s);
    atomic_store_explicit(&s->state, SLOT_RETIRED, memory_order_release);
}

void live_crash_text(struct slot *s, const char *text)
{
    size_t len = strnlen(text, CRASH_TEXT_MAX - 1);

    memcpy(s->crash, text, len);
    s->crash[len] = '\0';
}

bool live_where(const struct slot *s, uint32_t *out_step, char out[LIVE_HINT_LEN + 1])
{
    uint64_t hint = LOAD(s->request_hint);
    uint8_t bytes[sizeof(hint)];
    char hex[2 * sizeof(bytes) + 1];

    if (hint == 0)
        return false;
    memcpy(bytes, &hint, sizeof(hint));
    crypto_hex(bytes, sizeof(bytes), hex);
    *out_step = LOAD(s->step);
    (void)snprintf(out, LIVE_HINT_LEN + 1, "%.8s-%.4s-%.4s", hex, hex + 8, hex + 12);
    return true;
}

uint64_t live_stat_sum(const struct region *live, enum stat_id which)
{
    uint32_t n = live_slots(live);
    uint64_t sum = 0;

    must(which < STATS_N);
    for (uint32_t i = 0; i < n; i++)
        sum += LOAD(shared(live)->slots[i].stats[which]);
    return sum;
}
