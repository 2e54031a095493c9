#include "server/aggregator/figures.h"

#include <math.h>

#include "server/aggregator/health.h"

void figures_fade(struct figures *f, uint64_t at_ms)
{
    double factor;
    double quick;

    if (at_ms <= f->faded_ms)
        return;
    if (f->attempts <= 0) {
        f->faded_ms = at_ms;
        return;
    }
    factor = exp2(-(double)(at_ms - f->faded_ms) / HEALTH_HALF_LIFE_MS);
    quick = exp2(-(double)(at_ms - f->faded_ms) / HEALTH_QUICK_MS);
    f->faded_ms = at_ms;
    f->attempts *= factor;
    f->good *= factor;
    f->bad *= factor;
    f->total_sum *= factor;
    f->total_n *= factor;
    f->quick_good *= quick;
    f->quick_bad *= quick;
    f->first_sum *= quick;
    f->first_n *= quick;
    f->token_sum *= quick;
    f->token_n *= quick;
}

double figures_bad_share(const struct figures *f)
{
    double share = f->bad / (f->good + f->bad + HEALTH_PRIOR);
    double quick = f->quick_bad / (f->quick_good + f->quick_bad + HEALTH_PRIOR);

    return fmax(share, quick);
}

double figures_ramp(const struct figures *f, uint64_t now_ms)
{
    uint64_t since_ms = now_ms - min_u64(f->well_ms, now_ms);

    if (f->well_ms == 0 || since_ms >= HEALTH_SLOW_START_MS)
        return 1;
    return fmax((double)since_ms / HEALTH_SLOW_START_MS, 0.1);
}

double figures_first(const struct figures *f)
{
    return f->first_n < HEALTH_SLOW_SAMPLES ? 0 : f->first_sum / f->first_n;
}

double figures_per_token(const struct figures *f)
{
    /* a few tokens say more of the network than of the model */
    return f->token_n < HEALTH_TOKENS_LEAST ? 0 : f->token_sum / f->token_n;
}

double figures_slower(const struct figures *f)
{
    double first = figures_first(f);

    if (first <= 0 || f->usual_n < HEALTH_USUAL_SAMPLES)
        return 1;
    return first / (f->usual_sum / f->usual_n);
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
    f->bad = f->quick_bad = 0; /* else the old faults would open it again at the next one */
    f->open_ms = 0;
    f->well_ms = now_ms;
    set_state(f, ROUTE_HEALTHY, now_ms);
}

/* Faded now and then: its half-life is long. */
static void note_usual(struct figures *f, double first_us, uint64_t now_ms)
{
    uint64_t past_ms = f->usual_ms == 0 ? 0 : now_ms - min_u64(f->usual_ms, now_ms);
    double part = 1;

    if (past_ms >= HEALTH_USUAL_STEP_MS) {
        double factor = exp2(-(double)past_ms / HEALTH_USUAL_MS);

        f->usual_sum *= factor;
        f->usual_n *= factor;
    }
    if (f->usual_ms == 0 || past_ms >= HEALTH_USUAL_STEP_MS)
        f->usual_ms = now_ms;
    /* A brown-out must not become usual while it is still one: what is far off counts a tenth. */
    if (f->usual_n >= HEALTH_USUAL_SAMPLES && first_us > 2 * f->usual_sum / f->usual_n)
        part = 0.1;
    f->usual_sum += part * first_us;
    f->usual_n += part;
}

void figures_good(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms)
{
    f->good += 1;
    f->quick_good += 1;
    f->pauses = 0;
    f->total_sum += s->total_us;
    f->total_n += 1;
    if (s->first_byte_us > 0) {
        f->first_sum += s->first_byte_us;
        f->first_n += 1;
        note_usual(f, s->first_byte_us, now_ms);
    }
    if (s->first_byte_us > 0 && s->total_us > s->first_byte_us && s->tokens_out > 1) {
        f->token_sum += s->total_us - s->first_byte_us;
        f->token_n += s->tokens_out;
    }
    figures_answer(f, begun_ms, now_ms);
}

void figures_silent(struct figures *f, const struct sample *s)
{
    if (f->first_n <= 0 || s->total_us <= f->first_sum / f->first_n)
        return;
    f->first_sum += s->total_us;
    f->first_n += 1;
}

bool figures_fault(struct figures *f, const struct sample *s, uint64_t begun_ms, uint64_t now_ms)
{
    double seen;
    bool is_probe;
    bool is_too_much;

    f->bad += 1;
    f->quick_bad += 1;
    f->run++;
    f->reason = s->outcome;
    seen = f->good + f->bad;
    is_probe = f->state == ROUTE_HALF_OPEN && begun_ms >= f->state_ms;
    is_too_much = f->run >= HEALTH_OPEN_RUN ||
                  (seen >= HEALTH_OPEN_SAMPLES && f->bad / seen > HEALTH_OPEN_SHARE);
    if (!is_probe && (!is_too_much || figures_are_shut(f)))
        return false;
    open_up(f, now_ms);
    return true;
}

uint64_t figures_pause(uint32_t pauses)
{
    return min_u64(HEALTH_PAUSE_MS << (pauses < 8 ? pauses : 8), HEALTH_PAUSE_MAX_MS);
}

void figures_rest(struct figures *f, uint64_t until_ms)
{
    if (f->pauses < 8)
        f->pauses++;
    f->retry_at_ms = max_u64(f->retry_at_ms, until_ms);
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
