/* Who chooses: our own code, three that others use, and one that knows everything. */
#include <math.h>
#include <string.h>

#include "tests/sim/sim.h"

#define EWMA_TAU_US 10e6

const char *const sim_policy_names[SIM_POLICIES] = {"adaptive", "static", "least in flight",
                                                    "P2C EWMA", "oracle"};

/* worker.c's: the simulator's own state, so that a run repeats itself. */
uint64_t worker_random(struct worker *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static bool may_try(const struct sim *s, size_t i, uint32_t tried)
{
    return s->routes[i].exists && (tried >> i & 1) == 0;
}

static int adaptive(struct sim *s, uint32_t worker, uint32_t tried)
{
    struct balance_item items[SIM_ROUTES];
    size_t n = 0;

    for (uint32_t i = 0; i < SIM_ROUTES; i++) {
        if (may_try(s, i, tried))
            items[n++] =
                (struct balance_item){.row = i, .weight = (uint64_t)(s->day->weights[i] * 1000)};
    }
    if (n == 0)
        return -1;
    return (int)items[balance_choose(&s->workers[worker], items, n, s->now_us / 1000)].row;
}

static int weighted(struct sim *s, const double *shares)
{
    double total = 0;
    double at;
    int last = -1;

    for (size_t i = 0; i < SIM_ROUTES; i++)
        total += shares[i];
    at = sim_random(s) * total;
    for (int i = 0; i < SIM_ROUTES; i++) {
        if (shares[i] <= 0)
            continue;
        last = i;
        if (at < shares[i])
            return i;
        at -= shares[i];
    }
    return last;
}

static int by_weight(struct sim *s, uint32_t tried)
{
    double shares[SIM_ROUTES];

    for (size_t i = 0; i < SIM_ROUTES; i++)
        shares[i] = may_try(s, i, tried) ? s->day->weights[i] : 0;
    return weighted(s, shares);
}

static int least_in_flight(struct sim *s, uint32_t worker, uint32_t tried)
{
    double shares[SIM_ROUTES] = {0};
    double least = INFINITY;

    for (size_t i = 0; i < SIM_ROUTES; i++) {
        double load = (s->local[worker].in_flight[i] + 1) / s->day->weights[i];

        if (!may_try(s, i, tried) || load > least)
            continue;
        if (load < least)
            memset(shares, 0, sizeof(shares));
        least = load;
        shares[i] = s->day->weights[i];
    }
    return weighted(s, shares);
}

static double ewma_cost(const struct sim *s, uint32_t worker, int i)
{
    const struct sim_local *l = &s->local[worker];

    return l->ewma_us[i] * (l->in_flight[i] + 1) / s->day->weights[i];
}

static int two_by_ewma(struct sim *s, uint32_t worker, uint32_t tried)
{
    int a = by_weight(s, tried);
    int b = by_weight(s, tried);

    if (a < 0)
        return a;
    return ewma_cost(s, worker, b) < ewma_cost(s, worker, a) ? b : a;
}

/* By weight among those that are well now; else whoever is least slow. */
static int oracle(struct sim *s, uint32_t tried)
{
    double shares[SIM_ROUTES] = {0};
    bool some = false;

    for (size_t i = 0; i < SIM_ROUTES; i++) {
        const struct sim_route *r = &s->routes[i];

        if (!may_try(s, i, tried) || r->refuses || r->error_share > 0 || r->slower > 1.2 ||
            (r->capacity > 0 && s->tokens[i] < 1))
            continue;
        shares[i] = s->day->weights[i];
        some = true;
    }
    return some ? weighted(s, shares) : by_weight(s, tried);
}

int sim_choose(struct sim *s, uint32_t worker, uint32_t tried)
{
    switch (s->policy) {
    case SIM_ADAPTIVE:
        return adaptive(s, worker, tried);
    case SIM_STATIC:
        return by_weight(s, tried);
    case SIM_LEAST:
        return least_in_flight(s, worker, tried);
    case SIM_EWMA:
        return two_by_ewma(s, worker, tried);
    default:
        return oracle(s, tried);
    }
}

/* Finagle's peak: up at once, down by and by. */
static void note_latency(struct sim_local *l, uint64_t now_us, const struct sim_end *e)
{
    double took = (double)e->total_us;
    double *ewma = &l->ewma_us[e->route];
    double keep = exp(-(double)(now_us - l->ewma_at_us[e->route]) / EWMA_TAU_US);

    l->ewma_at_us[e->route] = now_us;
    *ewma = took > *ewma ? took : *ewma * keep + took * (1 - keep);
}

void sim_tell(struct sim *s, const struct sim_end *e)
{
    bool is_answer = e->outcome == SAMPLE_OK;
    struct sample sample = {.version = SAMPLE_VERSION,
                            .outcome = (uint8_t)e->outcome,
                            .slot = (uint16_t)e->worker,
                            .generation = 1,
                            .row = e->route,
                            .first_byte_us = is_answer ? (uint32_t)(e->total_us / 2) : 0,
                            .total_us = (uint32_t)e->total_us,
                            .tokens_out = is_answer ? 50 : 0,
                            .http_status = is_answer                           ? 200
                                           : e->outcome == SAMPLE_CONNECT      ? 0
                                           : e->outcome == SAMPLE_RATE_LIMITED ? 429
                                                                               : 500,
                            .retry_after_ms = e->outcome == SAMPLE_RATE_LIMITED ? 2000 : 0,
                            .sent_ms = (uint32_t)(s->now_us / 1000)};

    if (s->routes[e->route].tells && s->routes[e->route].capacity > 0) {
        double most = s->routes[e->route].capacity * s->routes[e->route].window_s;

        sample.flags = SAMPLE_REQUESTS_TOLD;
        sample.requests = (struct sample_headroom){(uint32_t)s->tokens[e->route], (uint32_t)most};
        sample.requests_reset_ds =
            (uint16_t)((most - s->tokens[e->route]) / s->routes[e->route].capacity * 10 + 1);
    }
    note_latency(&s->local[e->worker], s->now_us, e);
    if (s->policy == SIM_ADAPTIVE)
        must(health_sample(s->health, &sample, s->now_us / 1000) == HEALTH_TAKEN);
}
