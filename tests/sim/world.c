/* A day: requests arrive, attempts end, weights are published. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/weights.h"
#include "tests/sim/sim.h"

#define REQUESTS (SIM_SECONDS * SIM_RATE * 2) /* room: arrivals are drawn */
#define REFUSED_US 1000
#define ERROR_US 50000
#define THROTTLED_US 20000
#define BUCKET_S 1.0

struct request {
    uint64_t begun_us;
    uint64_t took_us; /* answered */
    uint32_t worker, tried, attempts;
    bool is_answered;
};

struct event { /* an attempt's end */
    uint64_t at_us;
    uint32_t request, route;
    enum sample_outcome outcome;
    uint64_t begun_us;
};

struct world {
    struct sim sim;
    struct request *requests;
    uint32_t n_requests;
    struct event *heap;
    size_t n_events;
    uint32_t (*shares)[SIM_ROUTES]; /* first attempts per second */
};

double sim_random(struct sim *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) / 9007199254740992.0;
}

static double normal(struct sim *s)
{
    double u = 1 - sim_random(s);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * sim_random(s));
}

/* --- events, by time --- */

static void push(struct world *w, const struct event *e)
{
    size_t at = w->n_events++;

    while (at > 0 && w->heap[(at - 1) / 2].at_us > e->at_us) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = *e;
}

static struct event pop(struct world *w)
{
    struct event first = w->heap[0];
    struct event last = w->heap[--w->n_events];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= w->n_events)
            break;
        if (child + 1 < w->n_events && w->heap[child + 1].at_us < w->heap[child].at_us)
            child++;
        if (w->heap[child].at_us >= last.at_us)
            break;
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = last;
    return first;
}

/* --- attempts --- */

static bool takes_token(struct sim *s, uint32_t route)
{
    if (s->routes[route].capacity <= 0)
        return true;
    if (s->tokens[route] < 1)
        return false;
    s->tokens[route] -= 1;
    return true;
}

static void attempt(struct world *w, uint32_t number)
{
    struct sim *s = &w->sim;
    struct request *r = &w->requests[number];
    struct event e = {.request = number, .begun_us = s->now_us, .outcome = SAMPLE_OK};
    int route = sim_choose(s, r->worker, r->tried);
    uint64_t took;

    if (route < 0)
        return;
    e.route = (uint32_t)route;
    if (r->attempts == 0 && s->now_us / 1000000 < SIM_SECONDS)
        w->shares[s->now_us / 1000000][route]++;
    r->tried |= 1u << route;
    r->attempts++;
    took = (uint64_t)(SIM_MEDIAN_US * s->routes[route].slower * exp(SIM_SPREAD * normal(s)));
    if (s->routes[route].refuses) {
        e.outcome = SAMPLE_CONNECT;
        took = REFUSED_US;
    } else if (!takes_token(s, e.route)) {
        e.outcome = SAMPLE_RATE_LIMITED;
        took = THROTTLED_US;
    } else if (sim_random(s) < s->routes[route].error_share) {
        e.outcome = SAMPLE_UPSTREAM_ERROR;
        took = ERROR_US;
    }
    e.at_us = s->now_us + took;
    s->local[r->worker].in_flight[route]++;
    live_enter(s->workers[r->worker].slot, e.route);
    push(w, &e);
}

static void end(struct world *w, const struct event *e)
{
    struct sim *s = &w->sim;
    struct request *r = &w->requests[e->request];
    struct sim_end told = {r->worker, e->route, e->outcome, e->begun_us, s->now_us - e->begun_us};

    s->local[r->worker].in_flight[e->route]--;
    live_leave(s->workers[r->worker].slot, e->route);
    sim_tell(s, &told);
    if (e->outcome == SAMPLE_OK) {
        r->is_answered = true;
        r->took_us = s->now_us - r->begun_us;
    } else if (r->attempts < SIM_ATTEMPTS) {
        attempt(w, e->request);
    }
}

/* --- time --- */

static void on_row(void *ctx, uint32_t row, const struct weight *was, const struct weight *now)
{
    (void)was;
    weights_publish(ctx, row, now);
}

static void tick(struct world *w)
{
    struct sim *s = &w->sim;

    if (s->policy == SIM_ADAPTIVE)
        (void)health_tick(s->health, s->now_us / 1000, s->now_us % 1000000 == 0, on_row,
                          &s->inherit[0].regions.weights);
}

static void look(struct sim *s, uint64_t step_us)
{
    s->day->look((double)s->now_us / 1e6, s->routes);
    for (size_t i = 0; i < SIM_ROUTES; i++) {
        double most = s->routes[i].capacity * fmax(s->routes[i].window_s, BUCKET_S);

        if (s->was_free[i] && s->routes[i].window_s > BUCKET_S)
            s->tokens[i] = most;
        s->was_free[i] = most <= 0;
        s->tokens[i] = fmin(most, s->tokens[i] + s->routes[i].capacity * (double)step_us / 1e6);
    }
}

static void advance(struct world *w, uint64_t to_us, uint64_t *next_tick_us)
{
    while (w->n_events > 0 || *next_tick_us <= to_us) {
        uint64_t event_us = w->n_events > 0 ? w->heap[0].at_us : UINT64_MAX;
        uint64_t next = event_us < *next_tick_us ? event_us : *next_tick_us;

        if (next > to_us)
            break;
        look(&w->sim, next - w->sim.now_us);
        w->sim.now_us = next;
        if (event_us <= *next_tick_us) {
            struct event e = pop(w);

            end(w, &e);
        } else {
            tick(w);
            *next_tick_us += SIM_TICK_US;
        }
    }
    look(&w->sim, to_us - w->sim.now_us);
    w->sim.now_us = to_us;
}

static void run(struct world *w)
{
    struct sim *s = &w->sim;
    uint64_t next_tick_us = 0;
    uint64_t at_us = 0;

    while (at_us < (uint64_t)SIM_SECONDS * 1000000 && w->n_requests < REQUESTS) {
        advance(w, at_us, &next_tick_us);
        w->requests[w->n_requests] =
            (struct request){.begun_us = at_us, .worker = w->n_requests % SIM_WORKERS};
        attempt(w, w->n_requests++);
        at_us += (uint64_t)(-log(1 - sim_random(s)) * 1e6 / SIM_RATE);
    }
    advance(w, UINT64_MAX / 2 < at_us ? at_us : (uint64_t)(SIM_SECONDS + 30) * 1000000,
            &next_tick_us);
}

/* --- figures --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void sum_requests(const struct world *w, struct sim_figures *out)
{
    const struct sim_day *day = w->sim.day;
    double *took = xcalloc(w->n_requests + 1, sizeof(*took));
    double bad[2] = {0}, settled[2] = {0};
    size_t n = 0, attempts = 0;
    double attempts_bad = 0;

    for (uint32_t i = 0; i < w->n_requests; i++) {
        const struct request *r = &w->requests[i];
        double t = (double)r->begun_us / 1e6;

        attempts += r->attempts;
        if (r->is_answered)
            took[n++] = (double)r->took_us / 1000;
        if (t >= day->begin && t < day->end)
            bad[r->is_answered ? 1 : 0]++, attempts_bad += r->attempts;
        if (t >= day->begin + 2 && t < day->end)
            settled[r->is_answered ? 1 : 0]++;
    }
    qsort(took, n, sizeof(*took), by_value);
    out->client_errors = 1 - (double)n / w->n_requests;
    out->errors_bad = bad[0] / fmax(bad[0] + bad[1], 1);
    out->errors_settled = settled[0] / fmax(settled[0] + settled[1], 1);
    out->p50_ms = took[n / 2];
    out->p99_ms = took[n * 99 / 100];
    out->attempts = (double)attempts / w->n_requests;
    out->attempts_bad = attempts_bad / fmax(bad[0] + bad[1], 1);
    free(took);
}

/* Route 0's part of the first attempts in [from, from + seconds), of what it should have. */
static double share_of(const struct world *w, int from, int seconds)
{
    const double *weights = w->sim.day->weights;
    double mine = 0, all = 0;

    for (int s = from; s < from + seconds && s < SIM_SECONDS; s++) {
        for (size_t i = 0; i < SIM_ROUTES; i++)
            all += w->shares[s][i];
        mine += w->shares[s][0];
    }
    return all > 0 ? mine / all / (weights[0] / (weights[0] + weights[1] + weights[2] + weights[3]))
                   : 0;
}

static void sum_shares(const struct world *w, struct sim_figures *out)
{
    const struct sim_day *day = w->sim.day;
    int begin = (int)day->begin, finish = (int)day->end;
    bool is_low = false;

    out->left_s = out->back_s = -1;
    out->swings = 0;
    for (int s = begin; s < finish; s++) {
        double share = share_of(w, s, 2);

        if (share < 0.25 && out->left_s < 0)
            out->left_s = s - begin;
        if (share < 0.25)
            is_low = true;
        else if (share > 0.75 && is_low) {
            is_low = false;
            out->swings++;
        }
    }
    for (int s = finish; s + 10 <= SIM_SECONDS && out->back_s < 0; s++) {
        if (fabs(share_of(w, s, 10) - 1) <= 0.1)
            out->back_s = s - finish;
    }
}

/* --- a day --- */

static void open_world(struct world *w, const struct sim_day *day, enum sim_policy policy)
{
    struct health_route routes[SIM_ROUTES];
    struct error err = ERROR_INIT;

    memset(w, 0, sizeof(*w));
    w->sim.day = day;
    w->sim.policy = policy;
    w->sim.random = 88172645463325252u;
    w->sim.health = health_create();
    for (uint32_t i = 0; i < SIM_ROUTES; i++) {
        routes[i] = (struct health_route){.row = i,
                                          .identity = 100 + i,
                                          .key = 200 + i,
                                          .target = day->has_models ? 300 + i : 300};
        for (uint32_t worker = 0; worker < SIM_WORKERS; worker++)
            w->sim.local[worker].ewma_us[i] = SIM_MEDIAN_US;
    }
    routes[0].capacity =
        (struct headroom_capacity){.requests = (uint64_t)day->declared, .requests_ms = 60000};
    health_configure(w->sim.health, 1, routes, SIM_ROUTES);
    must(region_create(REGION_WEIGHTS, 1, &w->sim.inherit[0].regions.weights, &err) == 0);
    must(region_create(REGION_LIVE, 1, &w->sim.inherit[0].regions.live, &err) == 0);
    for (uint32_t i = 0; i < SIM_WORKERS; i++) {
        w->sim.inherit[i] = w->sim.inherit[0];
        w->sim.inherit[i].slot = i;
        w->sim.workers[i].in = &w->sim.inherit[i];
        w->sim.workers[i].slot = live_slot(&w->sim.inherit[0].regions.live, i);
        w->sim.workers[i].random = 0x9e3779b97f4a7c15u + i;
    }
    w->requests = xcalloc(REQUESTS, sizeof(*w->requests));
    w->heap = xcalloc(REQUESTS, sizeof(*w->heap));
    w->shares = xcalloc(SIM_SECONDS + 1, sizeof(*w->shares));
}

void sim_run(const struct sim_day *day, enum sim_policy policy, struct sim_figures *out)
{
    static struct world w; /* large */

    open_world(&w, day, policy);
    run(&w);
    sum_requests(&w, out);
    sum_shares(&w, out);
    free(w.requests);
    free(w.heap);
    free(w.shares);
    health_free(w.sim.health);
    region_close(&w.sim.inherit[0].regions.weights);
    region_close(&w.sim.inherit[0].regions.live);
}
