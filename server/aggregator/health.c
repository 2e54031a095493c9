#include "server/aggregator/health.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/aggregator/figures.h"
#include "server/aggregator/latency.h"
#include "server/base/alloc.h"

#define SAMPLE_AGE_MAX_MS 600000u /* older ones, or ones from the future, count as of now */
#define FADED 0.01                /* what is less is nothing */

struct row {
    uint64_t identity;   /* 0: no route has this row */
    uint32_t generation; /* in which this identity came */
    uint32_t key, target;
    uint64_t samples;
    bool is_dirty;
    bool is_spared; /* open, but enough of its siblings are */
    struct figures figures;
    struct latency *latency; /* NULL: nothing was heard of its first bytes */
    struct weight told;
};

struct key { /* a provider key */
    uint64_t id;
    uint64_t refused_ms; /* when it was refused last; 0: it is well */
    uint64_t until_ms, backoff_ms;
};

struct target {
    uint64_t id;
    double best_first;          /* microseconds, of the quickest sibling; 0: not known */
    double best_per_token;      /* likewise */
    uint32_t n, n_open, n_shut; /* routes, those that their faults opened, and not spared */
};

struct health {
    struct row *rows;  /* ROUTES_MAX; only touched ones take memory */
    uint32_t rows_end; /* behind the last one that ever had a route */
    uint32_t *used;    /* rows that have a route */
    size_t n_used;
    uint32_t *dirty; /* with samples since the last tick */
    size_t n_dirty;
    struct key *keys; /* sorted by id */
    size_t n_keys;
    struct target *targets; /* sorted by id */
    size_t n_targets;
    bool all_are_dirty;
};

struct health *health_create(void)
{
    struct health *h = xcalloc(1, sizeof(*h));

    h->rows = xcalloc(ROUTES_MAX, sizeof(*h->rows));
    h->dirty = xcalloc(ROUTES_MAX, sizeof(*h->dirty));
    h->used = xcalloc(ROUTES_MAX, sizeof(*h->used));
    return h;
}

void health_free(struct health *h)
{
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < h->rows_end; i++)
        free(h->rows[i].latency);
    free(h->rows);
    free(h->used);
    free(h->dirty);
    free(h->keys);
    free(h->targets);
    free(h);
}

/* --- which routes there are --- */

/* struct key and struct target both begin with their id. */
static int by_id(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

/* Sorts, and keeps one of each id. Returns how many there are. */
static size_t sort_unique(void *items, size_t n, size_t size)
{
    uint8_t *at = items;
    size_t kept = 0;

    qsort(items, n, size, by_id);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && by_id(at + (kept - 1) * size, at + i * size) == 0)
            continue;
        memmove(at + kept * size, at + i * size, size);
        kept++;
    }
    return kept;
}

static void take_keys(struct health *h, const struct health_route *routes, size_t n)
{
    struct key *keys = xcalloc(n + 1, sizeof(*keys));

    for (size_t i = 0; i < n; i++)
        keys[i].id = routes[i].key;
    n = sort_unique(keys, n, sizeof(*keys));
    for (size_t i = 0; i < n && h->n_keys > 0; i++) {
        const struct key *old = bsearch(&keys[i], h->keys, h->n_keys, sizeof(*keys), by_id);

        if (old != NULL)
            keys[i] = *old;
    }
    free(h->keys);
    h->keys = keys;
    h->n_keys = n;
}

static void take_targets(struct health *h, const struct health_route *routes, size_t n)
{
    free(h->targets);
    h->targets = xcalloc(n + 1, sizeof(*h->targets));
    for (size_t i = 0; i < n; i++)
        h->targets[i].id = routes[i].target;
    h->n_targets = sort_unique(h->targets, n, sizeof(*h->targets));
}

static void take_row(struct health *h, uint32_t generation, const struct health_route *r)
{
    struct row *row = &h->rows[r->row];
    const struct key key = {.id = r->key};
    const struct target target = {.id = r->target};
    const struct key *k = bsearch(&key, h->keys, h->n_keys, sizeof(key), by_id);
    const struct target *t = bsearch(&target, h->targets, h->n_targets, sizeof(target), by_id);

    must(k != NULL && t != NULL);
    h->rows_end = r->row < h->rows_end ? h->rows_end : r->row + 1;
    if (row->identity != r->identity) {
        free(row->latency);
        /* What was told stays: the region still says it, and the difference is told. */
        *row = (struct row){.identity = r->identity,
                            .generation = generation,
                            .is_dirty = row->is_dirty,
                            .told = row->told};
    }
    row->key = (uint32_t)(k - h->keys);
    row->target = (uint32_t)(t - h->targets);
}

void health_configure(struct health *h, uint32_t generation, const struct health_route *routes,
                      size_t n)
{
    bool *stays = xcalloc(ROUTES_MAX, sizeof(*stays));

    take_keys(h, routes, n);
    take_targets(h, routes, n);
    for (size_t i = 0; i < n; i++)
        stays[routes[i].row] = true;
    for (size_t i = 0; i < h->n_used; i++) {
        if (!stays[h->used[i]])
            h->rows[h->used[i]].identity = 0;
    }
    h->n_used = 0;
    for (size_t i = 0; i < n; i++) {
        take_row(h, generation, &routes[i]);
        if (stays[routes[i].row]) {
            h->used[h->n_used++] = routes[i].row;
            stays[routes[i].row] = false; /* a row that comes twice is listed once */
        }
    }
    h->all_are_dirty = true;
    free(stays);
}

void health_seed(struct health *h, uint32_t number, const struct weight *told)
{
    struct row *r = &h->rows[number];

    must(number < ROUTES_MAX);
    r->told = *told;
    r->samples = told->samples;
    latency_seed(&r->latency, told);
    if (told->reason == SAMPLE_KEY_REFUSED || told->state > ROUTE_HALF_OPEN)
        return; /* the next attempt tells it anew */
    r->figures.state = told->state;
    r->figures.reason = told->reason;
    r->figures.state_ms = told->changed_ms;
    r->figures.retry_at_ms = told->retry_at_ms;
    r->figures.open_until_ms = told->retry_at_ms;
}

/* --- samples --- */

static void on_good(struct health *h, struct row *r, const struct sample *s, uint64_t begun_ms,
                    uint64_t now_ms)
{
    struct key *key = &h->keys[r->key];

    if (key->refused_ms != 0 && begun_ms > key->refused_ms) {
        *key = (struct key){.id = key->id};
        h->all_are_dirty = true;
    }
    figures_good(&r->figures, s, begun_ms, now_ms);
}

static void on_refused(struct health *h, struct row *r, uint64_t begun_ms, uint64_t now_ms)
{
    struct key *key = &h->keys[r->key];

    /* What was under way when it was refused says the same again; so do last resorts. */
    if (key->refused_ms != 0 && (begun_ms <= key->refused_ms || now_ms < key->until_ms))
        return;
    key->backoff_ms =
        key->refused_ms == 0 ? HEALTH_KEY_MS : min_u64(2 * key->backoff_ms, HEALTH_KEY_MAX_MS);
    key->refused_ms = now_ms;
    key->until_ms = now_ms + key->backoff_ms;
    h->all_are_dirty = true;
}

static void apply(struct health *h, struct row *r, const struct sample *s, uint64_t at_ms)
{
    uint64_t begun_ms = at_ms - min_u64(at_ms, s->total_us / 1000);

    switch ((enum sample_outcome)s->outcome) {
    case SAMPLE_OK:
        on_good(h, r, s, begun_ms, at_ms);
        break;
    case SAMPLE_CALLER_FAULT:
        figures_answer(&r->figures, begun_ms, at_ms);
        break;
    case SAMPLE_KEY_REFUSED:
        on_refused(h, r, begun_ms, at_ms);
        break;
    case SAMPLE_RATE_LIMITED:
        figures_rest(&r->figures, s, at_ms);
        break;
    case SAMPLE_UPSTREAM_ERROR:
    case SAMPLE_CONNECT:
    case SAMPLE_TIMEOUT:
    case SAMPLE_CUT:
        if (s->retry_after_s > 0)
            figures_rest(&r->figures, s, at_ms);
        figures_fault(&r->figures, s, begun_ms, at_ms);
        break;
    case SAMPLE_CLIENT_GONE:
    case SAMPLE_HEDGED:
    case SAMPLE_OUTCOMES:
        break;
    }
}

enum health_verdict health_sample(struct health *h, const struct sample *s, uint64_t now_ms)
{
    uint32_t age = (uint32_t)now_ms - s->sent_ms;
    uint64_t at_ms = now_ms - (age <= SAMPLE_AGE_MAX_MS ? min_u64(age, now_ms) : 0);
    struct row *r;

    if (!sample_valid(s) || s->row >= ROUTES_MAX)
        return HEALTH_BAD;
    r = &h->rows[s->row];
    /* Generations are compared as the low halves of a number that grows. */
    if (r->identity == 0 || (int32_t)(s->generation - r->generation) < 0)
        return HEALTH_STALE;
    at_ms = max_u64(at_ms, r->figures.faded_ms);
    figures_fade(&r->figures, at_ms);
    r->figures.attempts += 1;
    r->samples++;
    if (!r->is_dirty) {
        r->is_dirty = true;
        h->dirty[h->n_dirty++] = s->row;
    }
    apply(h, r, s, at_ms);
    latency_sample(&r->latency, s, at_ms);
    return HEALTH_TAKEN;
}

/* --- what is told --- */

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

    if (ratio <= HEALTH_SLOW_RATIO)
        return 1;
    return fmax(pow(HEALTH_SLOW_RATIO / ratio, HEALTH_SLOW_POWER), HEALTH_SLOW_FLOOR);
}

static double error_factor(double share)
{
    double excess = fmax(share - HEALTH_ERROR_NOISE, 0);

    return fmax(pow(1 - excess, HEALTH_ERROR_POWER), HEALTH_ERROR_FLOOR);
}

static void judge(const struct health *h, const struct row *r, uint64_t now_ms, struct weight *w)
{
    const struct figures *f = &r->figures;
    const struct key *key = &h->keys[r->key];
    double share = figures_bad_share(f);
    double factor = error_factor(share) * slow_factor(h, r) * figures_ramp(f, now_ms);

    w->state = f->state;
    w->changed_ms = f->state_ms;
    w->reason = f->state == ROUTE_HEALTHY ? 0 : f->reason;
    w->retry_at_ms =
        f->state == ROUTE_OPEN ? max_u64(f->open_until_ms, f->retry_at_ms) : f->retry_at_ms;
    if (f->retry_at_ms != 0 && f->state == ROUTE_HEALTHY) {
        w->state = ROUTE_DEGRADED;
        w->reason = SAMPLE_RATE_LIMITED;
    }
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
        w->weight = whole(factor * WEIGHT_FULL);
    w->error_permyriad = whole(share * 10000);
}

static bool will_change(const struct health *h, const struct row *r)
{
    const struct figures *f = &r->figures;

    return f->attempts > 0 || f->state != ROUTE_HEALTHY || f->retry_at_ms != 0 ||
           h->keys[r->key].refused_ms != 0 || figures_ramp(f, f->faded_ms) < 1;
}

/* Not memcmp: there is padding. */
static bool is_same(const struct weight *a, const struct weight *b)
{
    return a->weight == b->weight && a->state == b->state && a->reason == b->reason &&
           a->first_byte_us == b->first_byte_us && a->total_us == b->total_us &&
           a->error_permyriad == b->error_permyriad && a->requests_per_min == b->requests_per_min &&
           a->changed_ms == b->changed_ms && a->retry_at_ms == b->retry_at_ms &&
           a->samples == b->samples && latency_is_same(a, b);
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
    return changing;
}
