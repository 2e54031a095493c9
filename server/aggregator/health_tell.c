/* What the figures come to: weights, states, and what is told of them. */
#include <math.h>

#include "server/aggregator/health_impl.h"

#define FADED 0.01 /* what is less is nothing */

static uint32_t whole(double x)
{
    return x >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)(x + 0.5);
}

static double ratio_of(double mine, double best)
{
    return mine > 0 && best > 0 ? mine / best : 1;
}

static double slow_factor(const struct health *h, const struct row *r)
{
    const struct target *t = &h->targets[r->target];
    double ratio = fmax(ratio_of(figures_first(&r->figures), t->best_first),
                        ratio_of(figures_per_token(&r->figures), t->best_per_token));

    ratio = fmax(ratio, figures_slower(&r->figures));
    if (ratio <= HEALTH_SLOW_RATIO)
        return 1;
    return fmax(pow(HEALTH_SLOW_RATIO / ratio, HEALTH_SLOW_POWER), HEALTH_SLOW_FLOOR);
}

static double error_factor(double share)
{
    double excess = fmax(share - HEALTH_ERROR_NOISE, 0);

    return fmax(pow(1 - excess, HEALTH_ERROR_POWER), HEALTH_ERROR_FLOOR);
}

/* Of its own limits and its key's; those of a lane are its own. */
static double headroom_of(const struct health *h, const struct row *r, uint64_t now_ms)
{
    return fmin(headroom_share(&r->headroom, now_ms),
                headroom_share(&h->keys[r->key].capacity, now_ms));
}

/* What rests because its provider said so. */
static void judge_rest(const struct health *h, const struct row *r, uint64_t now_ms,
                       struct weight *w)
{
    uint64_t key_until_ms = h->keys[r->key].rest_until_ms;
    uint64_t until_ms = max_u64(r->figures.retry_at_ms, key_until_ms > now_ms ? key_until_ms : 0);

    w->retry_at_ms =
        r->figures.state == ROUTE_OPEN ? max_u64(r->figures.open_until_ms, until_ms) : until_ms;
    if (until_ms != 0 && r->figures.state == ROUTE_HEALTHY) {
        w->state = ROUTE_DEGRADED;
        w->reason = SAMPLE_RATE_LIMITED;
    }
}

static void judge(const struct health *h, const struct row *r, uint64_t now_ms, struct weight *w)
{
    const struct figures *f = &r->figures;
    const struct key *key = &h->keys[r->key];
    double share = figures_bad_share(f);
    double factor = error_factor(share) * slow_factor(h, r) * figures_ramp(f, now_ms);
    double headroom = headroom_of(h, r, now_ms);

    w->headroom = whole(headroom * WEIGHT_FULL);
    w->state = f->state;
    w->changed_ms = f->state_ms;
    w->reason = f->state == ROUTE_HEALTHY ? 0 : f->reason;
    judge_rest(h, r, now_ms, w);
    if (key->refused_ms != 0 && f->state != ROUTE_OPEN) {
        w->state = now_ms < key->until_ms ? ROUTE_OPEN : ROUTE_HALF_OPEN;
        w->reason = SAMPLE_KEY_REFUSED;
        w->changed_ms = now_ms < key->until_ms ? key->refused_ms : key->until_ms;
        if (now_ms < key->until_ms)
            w->retry_at_ms = max_u64(w->retry_at_ms, key->until_ms);
    }
    if (r->is_spared && w->state == ROUTE_OPEN && f->retry_at_ms == 0) {
        w->state = ROUTE_HALF_OPEN;
        w->retry_at_ms = 0;
    }
    if (w->state == ROUTE_OPEN)
        w->weight = 0;
    else if (w->state == ROUTE_HALF_OPEN)
        w->weight = HEALTH_PROBE_WEIGHT;
    else
        w->weight = whole(factor * headroom_factor(headroom) * WEIGHT_FULL);
    w->error_permyriad = whole(share * 10000);
}

static bool will_change(const struct health *h, const struct row *r)
{
    const struct figures *f = &r->figures;

    return f->attempts > 0 || f->state != ROUTE_HEALTHY || f->retry_at_ms != 0 ||
           h->keys[r->key].refused_ms != 0 || headroom_of(h, r, f->faded_ms) < 1 ||
           figures_ramp(f, f->faded_ms) < 1;
}

/* Not memcmp: there is padding. */
static bool is_same(const struct weight *a, const struct weight *b)
{
    return a->weight == b->weight && a->state == b->state && a->reason == b->reason &&
           a->first_byte_us == b->first_byte_us && a->total_us == b->total_us &&
           a->error_permyriad == b->error_permyriad && a->requests_per_min == b->requests_per_min &&
           a->changed_ms == b->changed_ms && a->retry_at_ms == b->retry_at_ms &&
           a->samples == b->samples && a->headroom == b->headroom && latency_is_same(a, b);
}

static bool tell(struct health *h, uint32_t number, uint64_t now_ms, health_row_fn *fn, void *ctx)
{
    struct row *r = &h->rows[number];
    struct figures *f = &r->figures;
    struct weight w = {.samples = r->samples};
    struct weight was = r->told;

    figures_fade(f, now_ms);
    if (f->attempts < FADED)
        f->attempts = f->good = f->bad = f->total_sum = f->total_n = f->quick_good = f->quick_bad =
            f->first_sum = f->first_n = f->token_sum = f->token_n = 0;
    figures_move_on(f, now_ms);
    judge(h, r, now_ms, &w);
    w.first_byte_us = f->first_n > 0 ? whole(f->first_sum / f->first_n) : 0;
    w.total_us = f->total_n > 0 ? whole(f->total_sum / f->total_n) : 0;
    /* a sum that fades by half in HALF_LIFE stands for HALF_LIFE / ln 2 of traffic */
    w.requests_per_min = whole(f->attempts * 60000.0 * 0.6931471805599453 / HEALTH_HALF_LIFE_MS);
    latency_tell(r->latency, now_ms, &was, &w);
    if (!is_same(&w, &was)) {
        r->told = w;
        fn(ctx, number, &was, &w);
    }
    return will_change(h, r);
}

static void take_best(double *best, double mine)
{
    if (mine > 0 && (*best <= 0 || mine < *best))
        *best = mine;
}

/*
 * At most half of a target's routes are shut out for their faults while others are well: these
 * would have to carry everything. What is open beyond that goes on being probed.
 */
static void spare_some(struct health *h)
{
    for (size_t i = 0; i < h->n_used; i++)
        h->targets[h->rows[h->used[i]].target].n_open +=
            h->rows[h->used[i]].figures.state == ROUTE_OPEN;
    for (size_t i = 0; i < h->n_used; i++) {
        struct row *r = &h->rows[h->used[i]];
        struct target *t = &h->targets[r->target];

        r->is_spared = r->figures.state == ROUTE_OPEN && t->n_open < t->n &&
                       t->n_shut >= (t->n > 1 ? t->n / 2 : 1);
        t->n_shut += r->figures.state == ROUTE_OPEN && !r->is_spared;
    }
}

/* What rows are compared with: the best of their siblings, and how many of those are shut. */
static void look_at_targets(struct health *h, uint64_t now_ms)
{
    for (size_t i = 0; i < h->n_targets; i++)
        h->targets[i] = (struct target){.id = h->targets[i].id};
    for (size_t i = 0; i < h->n_used; i++) {
        struct row *r = &h->rows[h->used[i]];
        struct figures *f = &r->figures;
        struct target *t = &h->targets[r->target];

        t->n++;
        if (f->attempts <= 0)
            continue;
        figures_fade(f, now_ms);
        if (figures_are_shut(f))
            continue;
        take_best(&t->best_first, figures_first(f));
        take_best(&t->best_per_token, figures_per_token(f));
    }
    spare_some(h);
}

bool health_tick(struct health *h, uint64_t now_ms, bool all, health_row_fn *fn, void *ctx)
{
    bool changing = false;

    all = all || h->all_are_dirty;
    if (all)
        look_at_targets(h, now_ms);
    for (size_t i = 0; i < h->n_dirty; i++) {
        struct row *r = &h->rows[h->dirty[i]];

        r->is_dirty = false;
        if (!all && r->identity != 0 && tell(h, h->dirty[i], now_ms, fn, ctx))
            changing = true;
    }
    h->n_dirty = 0;
    for (size_t i = 0; all && i < h->n_used; i++) {
        if (tell(h, h->used[i], now_ms, fn, ctx))
            changing = true;
    }
    if (all)
        h->all_are_dirty = false;
    h->is_urgent = false;
    return changing;
}

uint32_t health_tick_lanes(struct health *h, uint64_t now_ms, lane_fn *fn, void *ctx)
{
    return lane_book_tick(h->lanes, now_ms, fn, ctx);
}
