#include "server/aggregator/samples.h"

#include <stdlib.h>
#include <string.h>

#include "server/aggregator/health.h"
#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "shm/lanes.h"
#include "shm/published.h"
#include "shm/sample.h"
#include "shm/weights.h"

#define CONFIGURE_TRIES                                                                            \
    3 /* an image that is replaced while it is read, again and again? next time */

struct samples {
    const struct region *published;
    struct region *weights;
    struct agg_counters *counters;
    struct health *health;
    uint64_t generation; /* that health knows; 0: none */
};

struct samples *samples_create(const struct region *published, struct region *weights,
                               struct agg_counters *counters)
{
    struct samples *s = xcalloc(1, sizeof(*s));

    s->published = published;
    s->weights = weights;
    s->counters = counters;
    s->health = health_create();
    return s;
}

void samples_free(struct samples *s)
{
    if (s == NULL)
        return;
    health_free(s->health);
    free(s);
}

/* FNV-1a with the length in it, so that ("ab", "c") and ("a", "bc") differ. Names are ours. */
static uint64_t mix(uint64_t h, struct str s)
{
    h = (h ^ s.len) * 0x100000001b3ull;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    return h;
}

static struct health_route identify(const struct pub_view *v, const struct pub_route *route)
{
    struct str provider = pub_text(v, pub_provider(v, route->provider)->name);
    const struct pub_key *k = pub_key(v, route->key);
    struct str key = pub_text(v, k->name);
    struct str model = pub_text(v, route->model);
    uint64_t of_provider = mix(0xcbf29ce484222325ull, provider);
    uint64_t of_key = mix(of_provider, key);

    return (struct health_route){
        .row = route->row,
        .identity = mix(of_key, model) | 1, /* never 0 */
        .key = of_key,
        .target = mix(of_provider, model),
        .is_any = model.len == 0,
        .capacity = {k->capacity_requests, k->capacity_requests_ms, k->capacity_tokens,
                     k->capacity_tokens_ms},
    };
}

/* What a predecessor told before it died; new rows read as healthy. */
static void seed(struct samples *s, const struct health_route *routes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct weight told;

        if (!weights_read(s->weights, routes[i].row, &told))
            told = (struct weight){
                .headroom = WEIGHT_FULL}; /* it died in the row: told anew at the next tick */
        health_seed(s->health, routes[i].row, &told);
    }
    for (uint32_t place = 0; lanes_are_used(s->weights) && place < LANES_MAX; place++) {
        struct lane lane;

        if (lanes_read(s->weights, place, &lane))
            health_seed_lane(s->health, place, &lane);
    }
}

/* False: the image was replaced meanwhile, what was read may be half of another one. */
static bool try_configure(struct samples *s)
{
    struct health_route *routes;
    struct pub_view v;
    size_t n = 0;
    bool is_whole;

    if (!published_view(s->published, NULL, &v))
        return false;
    routes = xcalloc((size_t)v.image->n_routes + 1, sizeof(*routes));
    for (uint32_t i = 0; i < v.image->n_routes; i++) {
        struct health_route r = identify(&v, pub_route(&v, i));

        if (r.row < ROUTES_MAX)
            routes[n++] = r;
    }
    is_whole = published_generation(s->published) == v.generation;
    if (is_whole) {
        health_configure(s->health, (uint32_t)v.generation, routes, n);
        if (s->generation == 0)
            seed(s, routes, n);
        s->generation = v.generation;
    }
    free(routes);
    return is_whole;
}

static void follow(struct samples *s)
{
    uint64_t generation = published_generation(s->published);

    if (generation == 0 || generation == s->generation)
        return;
    for (int i = 0; i < CONFIGURE_TRIES; i++) {
        if (try_configure(s))
            return;
    }
}

void samples_feed(struct samples *s, const void *bytes, size_t len, uint64_t mono_ms)
{
    const uint8_t *at = bytes;

    follow(s);
    for (; len >= sizeof(struct sample);
         at += sizeof(struct sample), len -= sizeof(struct sample)) {
        struct sample sample;

        memcpy(&sample, at, sizeof(sample));
        switch (health_sample(s->health, &sample, mono_ms)) {
        case HEALTH_TAKEN:
            s->counters->samples++;
            break;
        case HEALTH_BAD:
            s->counters->bad_samples++;
            break;
        case HEALTH_STALE:
            s->counters->stale_samples++;
            break;
        }
    }
    if (len > 0)
        s->counters->bad_samples++;
}

/* --- publishing --- */

static const char *const state_names[] = {"healthy", "degraded", "open", "half-open"};

static void log_change(const struct samples *s, uint32_t row, const struct weight *w)
{
    const char *state = w->state < ARRAY_LEN(state_names) ? state_names[w->state] : "?";
    const char *reason = w->reason != 0 ? sample_outcome_name(w->reason) : "none";
    struct pub_view v;

    if (!published_view(s->published, NULL, &v) || v.generation != s->generation)
        return; /* the next configuration has other rows */
    for (uint32_t i = 0; i < v.image->n_routes; i++) {
        const struct pub_route *r = pub_route(&v, i);
        struct str provider;
        struct str key;
        struct str model;

        if (r->row != row)
            continue;
        provider = pub_text(&v, pub_provider(&v, r->provider)->name);
        key = pub_text(&v, pub_key(&v, r->key)->name);
        model = pub_text(&v, r->model);
        log_info("route_state",
                 "provider=%.*s key=%.*s model=%.*s state=%s reason=%s errors=%u.%02u%%",
                 STR_ARGS(provider), STR_ARGS(key), STR_ARGS(model), state, reason,
                 w->error_permyriad / 100, w->error_permyriad % 100);
        return;
    }
}

static void on_row(void *ctx, uint32_t row, const struct weight *was, const struct weight *now)
{
    struct samples *s = ctx;

    weights_publish(s->weights, row, now);
    if (was->state != now->state)
        log_change(s, row, now);
}

static void on_lane(void *ctx, uint32_t place, const struct lane *now)
{
    struct samples *s = ctx;

    lanes_publish(s->weights, place, now);
}

bool samples_are_urgent(const struct samples *s)
{
    return health_is_urgent(s->health);
}

bool samples_publish(struct samples *s, bool all, uint64_t mono_ms)
{
    bool changing;

    must(process_role() == ROLE_AGGREGATOR);
    follow(s);
    changing = health_tick(s->health, mono_ms, all, on_row, s);
    lanes_set_used(s->weights, health_tick_lanes(s->health, mono_ms, on_lane, s));
    weights_set_beat(s->weights, mono_ms);
    return changing;
}
