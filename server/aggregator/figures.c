#include "server/aggregator/figures.h"

#include <math.h>

#include "server/aggregator/health.h"

void figures_fade(struct figures *f, uint64_t at_ms)
{
    double factor;

    if (at_ms <= f->faded_ms)
        return;
    if (f->attempts <= 0) {
        f->faded_ms = at_ms;
        return;
    }
    factor = exp2(-(double)(at_ms - f->faded_ms) / HEALTH_HALF_LIFE_MS);
    f->faded_ms = at_ms;
    f->attempts *= factor;
    f->good *= factor;
    f->bad *= factor;
    f->first_sum *= factor;
    f->first_n *= factor;
    f->total_sum *= factor;
    f->total_n *= factor;
}

double figures_bad_share(const struct figures *f)
{
    return f->bad / (f->good + f->bad + HEALTH_PRIOR);
}

static void set_state(struct figures *f, enum route_state state, uint64_t now_ms)
{
    if (f->state == state)
        return;
    f->state = state;
    f->state_ms = now_ms;
    f->probes = 0;
}

static void open_up(struct figures *f, uint64_t now_ms)
{
    f->open_ms = f->open_ms == 0 ? HEALTH_OPEN_MS : min_u64(2 * f->open_ms, HEALTH_OPEN_MAX_MS);
    f->open_until_ms = now_ms + f->open_ms;
    set_state(f, ROUTE_OPEN, now_ms);
}

bool figures_are_shut(const struct figures *f)
{
    return f->state == ROUTE_OPEN || f->state == ROUTE_HALF_OPEN;
}

void figures_answer(struct figures *f, uint64_t begun_ms, uint64_t now_ms)
{
    f->run = 0;
    if (!figures_are_shut(f) || begun_ms < f->state_ms || ++f->probes < HEALTH_PROBES)
        return;
    f->bad = 0; /* else the old faults would open it again at the next one */
    f->open_ms = 0;
    set_state(f, ROUTE_HEALTHY, now_ms);
}

void figures_good(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms)
{
    f->good += 1;
    f->pauses = 0;
    f->total_sum += s->total_us;
    f->total_n += 1;
    if (s->first_byte_us > 0) {
        f->first_sum += s->first_byte_us;
        f->first_n += 1;
    }
    figures_answer(f, begun_ms, now_ms);
}

void figures_fault(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms)
{
    double seen;
    bool is_probe;
    bool is_too_much;

    f->bad += 1;
    f->run++;
    f->reason = s->outcome;
    seen = f->good + f->bad;
    is_probe = f->state == ROUTE_HALF_OPEN && begun_ms >= f->state_ms;
    is_too_much = f->run >= HEALTH_OPEN_RUN ||
                  (seen >= HEALTH_OPEN_SAMPLES && f->bad / seen > HEALTH_OPEN_SHARE);
    if (is_probe || (is_too_much && !figures_are_shut(f)))
        open_up(f, now_ms);
}

void figures_rest(struct figures *f, const struct sample *s, uint64_t at_ms)
{
    uint64_t pause = min_u64((uint64_t)s->retry_after_s * 1000, HEALTH_RETRY_MAX_MS);

    if (pause == 0 && s->outcome == SAMPLE_RATE_LIMITED) {
        pause = min_u64((uint64_t)HEALTH_PAUSE_MS << f->pauses, HEALTH_PAUSE_MAX_MS);
        if (f->pauses < 8)
            f->pauses++;
    }
    f->retry_at_ms = max_u64(f->retry_at_ms, at_ms + pause);
}

void figures_move_on(struct figures *f, uint64_t now_ms)
{
    double share = figures_bad_share(f);

    if (f->retry_at_ms <= now_ms)
        f->retry_at_ms = 0;
    if (f->state == ROUTE_OPEN && now_ms >= f->open_until_ms)
        set_state(f, ROUTE_HALF_OPEN, now_ms);
    else if (f->state == ROUTE_HEALTHY && share >= HEALTH_DEGRADED_SHARE)
        set_state(f, ROUTE_DEGRADED, now_ms);
    else if (f->state == ROUTE_DEGRADED && share < HEALTH_HEALTHY_SHARE)
        set_state(f, ROUTE_HEALTHY, now_ms);
}
