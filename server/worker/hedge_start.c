/*
 * hedge_start - whether a second call may be made, after how long, and on which route.
 */
#include "server/base/alloc.h"
#include "server/worker/candidates.h"
#include "server/worker/hedge.h"
#include "server/worker/route.h"
#include "server/worker/sign.h"
#include "server/worker/worker.h"
#include "shm/weights.h"

#define WHOLE 100000u   /* 100 % in thousandths of a percent: one hedge */
#define MODELS_KEPT 512 /* models with hedges whose allowance is remembered */
#define PROBES 8

/* --- when --- */

/* Between two percentiles that are known the line between them: a little late, for tails bend upwards. */
static uint64_t between(uint32_t percentile, uint32_t from, uint32_t from_us, uint32_t to,
                        uint32_t to_us)
{
    if (to_us < from_us)
        return to_us;
    return from_us + (uint64_t)(to_us - from_us) * (percentile - from) / (to - from);
}

uint64_t hedge_wait_us(const struct attempt *a, const struct weight *row)
{
    uint32_t p = a->hedge_percentile;

    if (p == 0)
        return (uint64_t)a->hedge_ms * 1000;
    if (row->first_byte_n < HEDGE_SAMPLES_MIN ||
        (uint64_t)row->first_byte_n * (100 - min_u64(p, 100)) < HEDGE_BEYOND_MIN * 100)
        return 0;
    if (p >= 95)
        return between(p, 95, row->first_byte_p95_us, 99, row->first_byte_p99_us);
    if (p >= 90)
        return between(p, 90, row->first_byte_p90_us, 95, row->first_byte_p95_us);
    return between(p, 50, row->first_byte_p50_us, 90, row->first_byte_p90_us);
}

/* --- how often --- */

/* By a hash of the model's name, so that it outlives reloads. */
struct allowance {
    uint64_t model; /* 0: free */
    uint32_t saved; /* thousandths of a percent of a hedge */
};

/* Process-wide, of fixed size: made by the first request of a model with hedges. */
static struct allowance *allowances;

static uint64_t hash_of(struct str s)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    return h | 1;
}

/* Its own place, or one that is free, or somebody else's: who comes into that has saved nothing. */
static struct allowance *allowance_of(struct str model)
{
    uint64_t hash = hash_of(model);
    struct allowance *last = NULL;

    if (allowances == NULL)
        allowances = xcalloc(MODELS_KEPT, sizeof(*allowances));
    for (uint64_t i = 0; i < PROBES; i++) {
        last = &allowances[(hash / 2 + i) % MODELS_KEPT];
        if (last->model == hash)
            return last;
        if (last->model == 0)
            break;
    }
    *last = (struct allowance){.model = hash};
    return last;
}

void hedge_save(struct str model, uint32_t share)
{
    struct allowance *a = allowance_of(model);

    a->saved = (uint32_t)min_u64((uint64_t)a->saved + share, (uint64_t)HEDGE_SAVED_MAX * WHOLE);
}

bool hedge_may_spend(struct str model)
{
    return allowance_of(model)->saved >= WHOLE;
}

void hedge_spend(struct str model)
{
    struct allowance *a = allowance_of(model);

    a->saved -= (uint32_t)min_u64(a->saved, WHOLE);
}

/* --- where --- */

typedef bool wanted_fn(struct request *r, const struct candidates *found, size_t i);

static bool is_ready(struct request *r, const struct candidates *found, size_t i)
{
    struct weight row;

    if (!sign_is_ready(r->worker, pub_key(&r->worker->view, found->routes[i]->key)))
        return false;
    if (!weights_read(&r->worker->in->regions.weights, found->items[i].row, &row))
        return false; /* being written, or its writer is dead: no need to guess */
    return row.state <= ROUTE_DEGRADED && row.retry_at_ms <= loop_now_ms(r->worker->loop);
}

/* What makes one target slow is likely to make its other keys slow as well. */
static bool is_of_another_target(struct request *r, const struct candidates *found, size_t i)
{
    const struct pub_view *v = &r->worker->view;
    struct str provider = pub_text(v, pub_provider(v, found->routes[i]->provider)->name);

    return !str_eq(provider, r->attempt.provider) || !str_eq(found->models[i], r->attempt.model);
}

static bool has_any(struct request *r, const struct candidates *found, wanted_fn *is_wanted)
{
    for (size_t i = 0; i < found->n; i++) {
        if (is_wanted(r, found, i))
            return true;
    }
    return false;
}

static void keep_only(struct request *r, struct candidates *found, wanted_fn *is_wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < found->n; i++) {
        if (!is_wanted(r, found, i))
            continue;
        found->items[n] = found->items[i];
        found->routes[n] = found->routes[i];
        found->models[n++] = found->models[i];
    }
    found->n = n;
}

/* What the trouble of a second call would have told the client is not for it. */
static bool adopt(struct request *r, const struct pub_route *route, struct str model)
{
    const struct fail *fail = r->fail;
    struct str detail = r->fail_detail;
    struct str param = r->fail_param;
    const struct chat_error *error = r->fail_error;

    if (route_adopt(r, route, model) == STEP_NEXT)
        return true;
    money_untake(r);
    r->fail = fail;
    r->fail_detail = detail;
    r->fail_param = param;
    r->fail_error = error;
    return false;
}

bool hedge_choose(struct request *r)
{
    const struct fail *fail = r->fail;
    struct candidates found;
    struct refusal why;
    size_t i;

    if (r->n_attempts >= route_attempts_max(r))
        return false;
    if (route_resolve(r) != STEP_NEXT) { /* a newer configuration may not have it any more */
        r->fail = fail;
        return false;
    }
    candidates_gather(r, &found);
    keep_only(r, &found, is_ready);
    if (found.n == 0)
        return false;
    if (has_any(r, &found, is_of_another_target))
        keep_only(r, &found, is_of_another_target);
    if (!hedge_may_spend(r->course.name)) {
        stat_add(r->worker->slot, STAT_HEDGES_REFUSED, 1);
        return false;
    }
    i = balance_choose(r->worker, found.items, found.n, loop_now_ms(r->worker->loop));
    return money_take(r, found.routes[i], found.models[i], &why) == MONEY_HELD &&
           adopt(r, found.routes[i], found.models[i]);
}
