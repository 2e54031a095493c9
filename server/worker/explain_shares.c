#include "server/worker/explain_shares.h"

#include "server/worker/candidates.h"
#include "server/worker/explain.h"
#include "server/worker/worker.h"
#include "shm/scope.h"

#define SIDES_WHOLE 100000u   /* shares are thousandths of a percent */
#define SHARE_SCALE 10000000u /* parts that one of them is divided into */

static const struct pub_model *model_of(const struct request *r)
{
    return r->resolved.model != UINT32_MAX ? pub_model(&r->worker->view, r->resolved.model) : NULL;
}

bool explain_is_random(const struct request *r)
{
    const struct pub_model *m = model_of(r);

    return m != NULL && (m->flags & PUB_MODEL_SHARED) != 0 && r->caller.is_random;
}

/* Candidates come target by target: which one, and where its own begin. */
struct place {
    uint32_t target;
    size_t begin;
};

/* The same provider, and the target's name, which may have a star in it. */
static bool is_of_target(const struct request *r, const struct candidates *found, size_t i,
                         const struct pub_target *t)
{
    return t->provider == found->routes[i]->provider &&
           glob_list_match(pub_text(&r->worker->view, t->model), found->models[i]);
}

/* A target has a row once: seen again, it is of a later target that is the same one. */
static bool has_row(const struct candidates *found, size_t i, const struct place *p)
{
    size_t j = p->begin;

    while (j < i && found->items[j].row != found->items[i].row)
        j++;
    return j < i;
}

/* NULL: the name is no model of `models:`. */
static const struct pub_target *target_of(const struct request *r, const struct candidates *found,
                                          size_t i, struct place *p)
{
    const struct pub_model *m = model_of(r);

    while (m != NULL && p->target < m->n_targets) {
        const struct pub_target *t = pub_target(&r->worker->view, m->first_target + p->target);

        if (is_of_target(r, found, i, t) && !has_row(found, i, p))
            return t;
        p->target++;
        p->begin = i;
    }
    return NULL;
}

static void find_sides(struct request *r, const struct candidates *found)
{
    struct explain_route *first = r->explain->name->routes;
    struct explain_route *route = first;
    struct place at = {0, 0};
    uint32_t sides[BALANCE_MAX];

    for (size_t i = 0; i < found->n; i++, route = route->next) {
        const struct pub_target *t = target_of(r, found, i, &at);

        sides[i] = t != NULL ? t->side : 0;
        route->side_share = sides[i] != 0 ? t->share : 0;
    }
    route = first;
    for (size_t i = 0; i < found->n; i++, route = route->next) {
        for (size_t j = 0; j < found->n; j++)
            route->side_routes += sides[j] == sides[i];
    }
}

/* As balance.c would share them, and `part` of the callers with it. */
static void add_shares(struct request *r, const struct candidates *found, uint64_t part)
{
    struct explain_name *n = r->explain->name;
    struct explain_route *route = n->routes;
    uint64_t shares[BALANCE_MAX];
    uint64_t total =
        balance_shares(r->worker, found->items, found->n, loop_now_ms(r->worker->loop), shares);

    if (total == 0)
        return;
    n->shares = (uint64_t)SIDES_WHOLE * SHARE_SCALE;
    for (size_t i = 0; i < found->n; i++, route = route->next)
        route->share += (uint64_t)((double)shares[i] / (double)total * (double)part * SHARE_SCALE);
}

/*
 * What is drawn and has no room by itself gives way to the others, in the same proportions. Where
 * nobody has a share, or a session has its own route, balance.c says which one it is.
 */
static void add_chances(struct request *r, const struct candidates *found, uint64_t part)
{
    struct explain_name *n = r->explain->name;
    uint64_t now_ms = loop_now_ms(r->worker->loop);
    struct candidates *left = arena_zalloc(r->explain->arena, sizeof(*left));
    struct explain_route *routes[BALANCE_MAX] = {NULL};
    struct explain_route *route = n->routes;
    uint64_t shares[BALANCE_MAX];
    uint64_t total;
    size_t n_left = 0;

    for (size_t i = 0; i < found->n; i++, route = route->next) {
        if (route->is_elsewhere || !route->has_token)
            continue;
        left->items[n_left] = found->items[i];
        routes[n_left++] = route;
    }
    if (n_left == 0)
        return;
    left->n = n_left;
    left->affinity = found->affinity;
    n->chances = (uint64_t)SIDES_WHOLE * SHARE_SCALE;
    total = balance_shares(r->worker, left->items, n_left, now_ms, shares);
    for (size_t i = 0; i < n_left && total > 0 && found->affinity == 0; i++)
        routes[i]->chance +=
            (uint64_t)((double)shares[i] / (double)total * (double)part * SHARE_SCALE);
    if (total > 0 && found->affinity == 0)
        return;
    route = routes[candidates_choose(r->worker, left, now_ms)];
    must(route != NULL);
    route->is_least_bad = route->is_least_bad || total == 0;
    route->chance += part * SHARE_SCALE;
}

static void add_side(struct request *r, uint32_t side, uint64_t part)
{
    struct candidates *found = arena_alloc(r->explain->arena, sizeof(*found));

    r->explain->side = side;
    candidates_gather(r, found);
    add_shares(r, found, part);
    add_chances(r, found, part);
}

/* The side without a share gets what is left. Targets of one side stand together. */
static void add_sides(struct request *r)
{
    const struct pub_model *m = model_of(r);
    uint64_t left = SIDES_WHOLE;
    uint32_t last = 0;

    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(&r->worker->view, m->first_target + i);
        uint64_t part = min_u64(t->share, left);

        if (t->side == 0 || t->side == last)
            continue;
        last = t->side;
        left -= part;
        add_side(r, t->side, part);
    }
    if (left > 0)
        add_side(r, 0, left);
}

void explain_shares(struct request *r, const struct candidates *found)
{
    struct explain_name *n = r->explain->name;

    n->is_dealt = !explain_is_random(r);
    n->has_session = found->affinity != 0;
    find_sides(r, found);
    if (n->is_dealt) {
        add_shares(r, found, SIDES_WHOLE);
        add_chances(r, found, SIDES_WHOLE);
    } else {
        add_sides(r);
    }
}
