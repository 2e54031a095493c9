#include "server/master/workers.h"

#include "server/base/log.h"
#include "server/master/spawn.h"
#include "server/master/state.h"
#include "shm/live.h"

static bool is_current(const struct master *m, const struct child *c)
{
    return c->wanted && c->epoch == m->epoch;
}

static int start_one(struct master *m, struct error *err)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct child *c = &m->children[i];

        if (c->state != CHILD_NONE)
            continue;
        c->restarts = 0;
        c->throttle = (struct throttle){0};
        c->wanted = true;
        if (spawn_start(m, c, err) == 0)
            return 0;
        c->wanted = false;
        return -1;
    }
    return error_set(err,
                     "all %d slots have a worker, old ones that still drain included; reload "
                     "again when they are done",
                     SLOTS_MAX);
}

int workers_adjust(struct master *m, uint64_t now_ms, struct error *err)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        n += is_current(m, &m->children[i]);
    for (; n < m->settings.workers; n++) {
        if (start_one(m, err) != 0)
            return -1;
    }
    for (uint32_t i = SLOTS_MAX; i-- > 0 && n > m->settings.workers;) {
        if (is_current(m, &m->children[i])) {
            spawn_stop(&m->children[i], m->settings.drain_ms, now_ms);
            n--;
        }
    }
    return 0;
}

static bool has_acked(const struct master *m, const struct child *c)
{
    return live_slot(&m->regions.live, c->slot)->generation == m->generation;
}

bool workers_are_current(const struct master *m)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        const struct child *c = &m->children[i];

        if (c->wanted && (c->state != CHILD_READY || !has_acked(m, c)))
            return false;
    }
    return true;
}

bool workers_have_acked(const struct master *m, char who[32])
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        const struct child *c = &m->children[i];

        /* One that is just starting may be about to read the half that is current now. */
        if (spawn_is_running(c) && !has_acked(m, c)) {
            (void)spawn_name(c, who);
            return false;
        }
    }
    return true;
}

void workers_retire(struct master *m, uint64_t now_ms)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct child *c = &m->children[i];

        if (c->epoch != m->epoch && c->state != CHILD_NONE && c->state != CHILD_STOPPING)
            spawn_stop(c, m->settings.drain_ms, now_ms);
    }
}

void workers_give_up(struct master *m)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct child *c = &m->children[i];

        if (c->epoch == m->epoch)
            spawn_kill(c);
        else if (c->state == CHILD_READY)
            c->epoch = m->epoch; /* they serve on */
    }
}

uint32_t workers_running(const struct master *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        n += spawn_is_running(&m->children[i]);
    return n;
}
