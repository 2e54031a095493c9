#include "shm/weights.h"

#include "shm/map.h"

static struct weights_shared *shared(const struct region *weights)
{
    must(weights->kind == REGION_WEIGHTS && weights->base != NULL);
    return weights->base;
}

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* A row whose lock never moved has not been published. */
static const struct weight never = {
    .weight = WEIGHT_FULL, .state = ROUTE_HEALTHY, .headroom = WEIGHT_FULL};

bool weights_glance(const struct region *weights, uint32_t row, struct weight_now *out)
{
    const struct weight_row *r;

    must(row < ROUTES_MAX);
    r = &shared(weights)->rows[row];
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n, weight, state, errors;
        uint64_t retry_at_ms;

        if (!seqlock_read_begin(&r->lock, &n))
            continue;
        weight = LOAD(r->weight);
        state = LOAD(r->state);
        errors = LOAD(r->error_permyriad);
        retry_at_ms = LOAD(r->retry_at_ms);
        if (seqlock_read_ok(&r->lock, n)) {
            out->weight = n != 0 ? weight : never.weight; /* (no copy of a struct: fifty times) */
            out->state = n != 0 ? state : never.state;
            out->error_permyriad = errors;
            out->retry_at_ms = retry_at_ms;
            return true;
        }
    }
    return false;
}

bool weights_read(const struct region *weights, uint32_t row, struct weight *out)
{
    const struct weight_row *r;

    must(row < ROUTES_MAX);
    r = &shared(weights)->rows[row];
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n;
        struct weight w;

        if (!seqlock_read_begin(&r->lock, &n))
            continue;
        if (n == 0) {
            *out = never;
            return true;
        }
        w.weight = LOAD(r->weight);
        w.state = LOAD(r->state);
        w.reason = LOAD(r->reason);
        w.first_byte_us = LOAD(r->first_byte_us);
        w.total_us = LOAD(r->total_us);
        w.error_permyriad = LOAD(r->error_permyriad);
        w.requests_per_min = LOAD(r->requests_per_min);
        w.changed_ms = LOAD(r->changed_ms);
        w.retry_at_ms = LOAD(r->retry_at_ms);
        w.samples = LOAD(r->samples);
        w.first_byte_n = LOAD(r->first_byte_n);
        w.first_byte_p50_us = LOAD(r->first_byte_p50_us);
        w.first_byte_p90_us = LOAD(r->first_byte_p90_us);
        w.first_byte_p95_us = LOAD(r->first_byte_p95_us);
        w.first_byte_p99_us = LOAD(r->first_byte_p99_us);
        w.headroom = LOAD(r->headroom);
        if (seqlock_read_ok(&r->lock, n)) {
            *out = w;
            return true;
        }
    }
    return false;
}

void weights_publish(struct region *weights, uint32_t row, const struct weight *w)
{
    struct weight_row *r;

    must(row < ROUTES_MAX);
    r = &shared(weights)->rows[row];
    seqlock_write_begin(&r->lock);
    STORE(r->weight, w->weight);
    STORE(r->state, w->state);
    STORE(r->reason, w->reason);
    STORE(r->first_byte_us, w->first_byte_us);
    STORE(r->total_us, w->total_us);
    STORE(r->error_permyriad, w->error_permyriad);
    STORE(r->requests_per_min, w->requests_per_min);
    STORE(r->changed_ms, w->changed_ms);
    STORE(r->retry_at_ms, w->retry_at_ms);
    STORE(r->samples, w->samples);
    STORE(r->first_byte_n, w->first_byte_n);
    STORE(r->first_byte_p50_us, w->first_byte_p50_us);
    STORE(r->first_byte_p90_us, w->first_byte_p90_us);
    STORE(r->first_byte_p95_us, w->first_byte_p95_us);
    STORE(r->first_byte_p99_us, w->first_byte_p99_us);
    STORE(r->headroom, w->headroom);
    seqlock_write_end(&r->lock);
}

uint64_t weights_stored(const struct region *weights, uint32_t slot)
{
    must(slot < SLOTS_MAX);
    return atomic_load_explicit(&shared(weights)->stored[slot], memory_order_acquire);
}

void weights_set_stored(struct region *weights, uint32_t slot, uint64_t seq)
{
    must(slot < SLOTS_MAX);
    /* release: the reader's copies were taken before the writer may use the room again */
    atomic_store_explicit(&shared(weights)->stored[slot], seq, memory_order_release);
}

uint64_t weights_beat_ms(const struct region *weights)
{
    return LOAD(shared(weights)->beat_ms);
}

void weights_set_beat(struct region *weights, uint64_t mono_ms)
{
    STORE(shared(weights)->beat_ms, mono_ms);
}
