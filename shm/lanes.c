#include "shm/lanes.h"

#include "shm/map.h"

static struct weights_shared *shared(const struct region *weights)
{
    must(weights->kind == REGION_WEIGHTS && weights->base != NULL);
    return weights->base;
}

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

uint32_t lanes_place(uint32_t row, uint32_t model, uint32_t i)
{
    uint32_t h = (model ^ row * 0x9e3779b1u) * 0x85ebca6bu;

    return ((h ^ h >> 15) + i) % LANES_MAX;
}

bool lanes_are_used(const struct region *weights)
{
    return LOAD(shared(weights)->lanes_used) != 0;
}

bool lanes_read(const struct region *weights, uint32_t place, struct lane *out)
{
    const struct lane_row *l;

    must(place < LANES_MAX);
    l = &shared(weights)->lanes[place];
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n;
        struct lane lane;

        if (!seqlock_read_begin(&l->lock, &n))
            continue;
        lane.row = LOAD(l->row);
        lane.model = LOAD(l->model);
        lane.weight = LOAD(l->weight);
        lane.retry_at_ms = LOAD(l->retry_at_ms);
        if (seqlock_read_ok(&l->lock, n)) {
            *out = lane;
            return lane.model != 0;
        }
    }
    return false;
}

bool lanes_find(const struct region *weights, uint32_t row, uint32_t model, struct lane *out)
{
    const struct weights_shared *s = shared(weights);

    for (uint32_t i = 0; i < LANES_PROBED; i++) {
        uint32_t place = lanes_place(row, model, i);

        if (LOAD(s->lanes[place].model) != model || LOAD(s->lanes[place].row) != row)
            continue;
        if (lanes_read(weights, place, out) && out->model == model && out->row == row)
            return true;
    }
    return false;
}

void lanes_publish(struct region *weights, uint32_t place, const struct lane *lane)
{
    struct lane_row *l;

    must(place < LANES_MAX);
    l = &shared(weights)->lanes[place];
    seqlock_write_begin(&l->lock);
    STORE(l->row, lane->row);
    STORE(l->model, lane->model);
    STORE(l->weight, lane->weight);
    STORE(l->retry_at_ms, lane->retry_at_ms);
    seqlock_write_end(&l->lock);
}

void lanes_set_used(struct region *weights, uint32_t n)
{
    STORE(shared(weights)->lanes_used, n);
}
