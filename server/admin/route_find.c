/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/route_find.h"

#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/worker/balance.h"
#include "shm/weights.h"

#define TARGET_WHOLE 1000u /* a target's weight is in thousandths */
#define KEYS_ALONE 1000u   /* likewise a key's, where there is no other target */
#define NAMES_MAX 1024     /* compared with a wrong one */
#define SHOWN_MAX 100      /* bytes of it in an answer */
#define TOLD_MAX 8

static struct str name_of(const struct route_list *l, const struct pub_provider *p)
{
    return pub_text(l->v, p->name);
}

static const struct pub_provider *provider_of(const struct route_list *l, uint32_t i)
{
    return pub_provider(l->v, l->items[i].route->provider);
}

/* --- gathering --- */

static void begin_set(struct route_list *l, uint32_t part)
{
    l->sets[l->n_sets++] = (struct route_set){.part = part};
}

static uint64_t sum_of_keys(const struct pub_route *routes, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += routes[i].weight;
    return max_u64(sum, 1);
}

/* `keys`: of all the target's routes, among which its weight is dealt out. */
static void add(struct route_list *l, const struct pub_route *route, uint64_t target_weight,
                uint64_t keys, uint32_t caller_share)
{
    struct listed_route *it = &l->items[l->n];
    struct route_set *set = &l->sets[l->n_sets - 1];
    struct weight row = {.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};

    if (l->n == l->v->image->n_routes) /* a name may have a target twice */
        return;
    l->n++;
    /* a row whose writer died inside it: as the workers take it when they have never seen it */
    if (!weights_read(&l->ex->admin->regions->weights, route->row, &row))
        row = (struct weight){.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};
    it->route = route;
    it->set = l->n_sets - 1;
    it->caller_share = caller_share;
    it->declared = target_weight * route->weight * KEYS_ALONE / keys;
    it->now = balance_share(&row, it->declared, 0, l->mono_ms);
    set->declared += it->declared;
    set->now += it->now;
}

static void add_all(struct route_list *l)
{
    for (uint32_t i = 0; i < l->v->image->n_routes; i++) {
        const struct pub_route *route = pub_route(l->v, i);
        const struct pub_route *before = i > 0 ? pub_route(l->v, i - 1) : NULL;

        if (before == NULL || before->provider != route->provider ||
            !str_eq(pub_text(l->v, before->model), pub_text(l->v, route->model)))
            begin_set(l, PART_WHOLE);
        add(l, route, TARGET_WHOLE, KEYS_ALONE, 0);
    }
}

static void add_routes(struct route_list *l, const struct pub_route *routes, uint32_t n)
{
    begin_set(l, PART_WHOLE);
    for (uint32_t i = 0; i < n; i++)
        add(l, routes + i, TARGET_WHOLE, KEYS_ALONE, 0);
}

/* Those for a provider's model; a provider serves what it does not name by its routes for any. */
static void add_of_provider(struct route_list *l, const struct pub_provider *p, struct str model)
{
    uint32_t n = 0;
    const struct pub_route *routes = pub_find_routes(l->v, p, model, &n);

    if (n > 0)
        add_routes(l, routes, n);
}

static void add_target(struct route_list *l, const struct pub_target *t, struct str star)
{
    struct str model = pub_text(l->v, t->model);
    const struct pub_route *routes = t->n_routes > 0 ? pub_route(l->v, t->first_route) : NULL;
    ptrdiff_t at = star.len > 0 ? str_index(model, '*') : -1;
    uint32_t n = t->n_routes;

    if (at >= 0) {
        struct str parts[] = {{model.p, (size_t)at}, star, str_skip(model, (size_t)at + 1)};

        routes = pub_find_routes(l->v, pub_provider(l->v, t->provider),
                                 arena_concat(l->ex->arena, parts, 3), &n);
    }
    for (uint32_t i = 0; i < n; i++)
        add(l, routes + i, t->weight, sum_of_keys(routes, n), t->side != 0 ? t->share : 0);
}

/* Each side is a set: targets of one stand together, those without a side are all one. */
static void add_model(struct route_list *l, const struct pub_model *m, struct str star)
{
    uint32_t left = PART_WHOLE;
    uint32_t last = 0;

    begin_set(l, 0);
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(l->v, m->first_target + i);

        if (t->side == 0)
            add_target(l, t, star);
    }
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(l->v, m->first_target + i);

        if (t->side == 0)
            continue;
        if (t->side != last) {
            begin_set(l, (uint32_t)min_u64(t->share, left));
            left -= l->sets[l->n_sets - 1].part;
        }
        last = t->side;
        add_target(l, t, star);
    }
    l->sets[0].part = left;
    for (uint32_t i = 0; i < l->n_sets; i++) {
        l->now += l->sets[i].now;
        l->spare += l->sets[i].now == 0 ? l->sets[i].part : 0;
    }
}

/* As resolution does (server/worker/names.c): exact, pattern, what providers declare. */
static const struct pub_model *find_model(const struct pub_view *v, struct str name,
                                          struct str *star)
{
    const struct pub_model *exact = pub_find_model(v, name);
    const struct pub_model *pattern;

    if (exact != NULL && (exact->flags & PUB_MODEL_DECLARED) == 0)
        return exact;
    pattern = v->image->n_patterns > 0 ? pub_match_model(v, name, star) : NULL;
    return pattern != NULL ? pattern : exact;
}

/* A bare name that no model has: whoever calls one so, or has it by the catalogue. */
static void add_bare(struct route_list *l, struct str name)
{
    const struct cat_model *known = cat_find_any(pub_catalogue(l->v), name);

    for (uint32_t i = 0; i < l->v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(l->v, i);
        struct str vendor = str_of(vendor_get(p->vendor)->name);
        struct str id = known != NULL ? pub_served(l->v, p, vendor, known, name) : STR_NONE;
        uint32_t n = 0;
        const struct pub_route *routes = pub_find_routes(l->v, p, name, &n);

        if (n > 0 && str_eq(pub_text(l->v, routes->model), name))
            add_routes(l, routes, n);
        else if (id.len > 0)
            add_of_provider(l, p, id);
    }
}

static void add_named(struct route_list *l, struct str name)
{
    struct str star = STR_NONE;
    const struct pub_model *m = find_model(l->v, name, &star);
    ptrdiff_t slash = str_index(name, '/');
    const struct pub_provider *p = NULL;

    if (m != NULL) {
        add_model(l, m, star);
        return;
    }
    if (slash > 0)
        p = pub_find_provider(l->v, (struct str){name.p, (size_t)slash});
    if (p != NULL)
        add_of_provider(l, p, str_skip(name, (size_t)slash + 1));
    else
        add_bare(l, name);
}

static void keep_provider(struct route_list *l, const struct pub_provider *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        if (provider_of(l, i) == p)
            l->items[n++] = l->items[i];
    }
    l->n = n;
}

/* --- what would have been right --- */

static struct str shown(struct str s)
{
    return (struct str){s.p, min_u64(s.len, SHOWN_MAX)};
}

static bool refuse_provider(struct route_list *l, struct str provider)
{
    const char **names = arena_alloc(l->ex->arena, NAMES_MAX * sizeof(*names));
    struct str all = STR_NONE;
    const char *nearest;
    size_t n = 0;

    for (uint32_t i = 0; i < l->v->image->n_providers && n < NAMES_MAX; i++) {
        struct str name = name_of(l, pub_provider(l->v, i));
        struct str parts[] = {all, n > 0 ? STR(", ") : STR_NONE, n < TOLD_MAX ? name : STR("...")};

        names[n] = arena_cstr(l->ex->arena, name);
        if (n++ <= TOLD_MAX)
            all = arena_concat(l->ex->arena, parts, 3);
    }
    nearest = str_nearest(shown(provider), names, n);
    if (nearest != NULL)
        exchange_error(l->ex, 404, "not_found", "provider",
                       "there is no provider \"%.*s\"; did you mean \"%s\"?",
                       STR_ARGS(shown(provider)), nearest);
    else
        exchange_error(l->ex, 404, "not_found", "provider",
                       "there is no provider \"%.*s\"; there are: %.*s", STR_ARGS(shown(provider)),
                       STR_ARGS(all));
    return false;
}

static bool refuse_model(struct route_list *l, struct str model)
{
    const struct pub_view *v = l->v;
    const char **names = arena_alloc(l->ex->arena, NAMES_MAX * sizeof(*names));
    const char *nearest;
    size_t n = 0;

    for (uint32_t i = 0; i < v->image->n_models && n < NAMES_MAX; i++)
        names[n++] = arena_cstr(l->ex->arena, pub_text(v, pub_model(v, i)->name));
    for (uint32_t i = 0; i < v->image->n_routes && n < NAMES_MAX; i++)
        names[n++] = arena_cstr(l->ex->arena, pub_text(v, pub_route(v, i)->model));
    nearest = str_nearest(shown(model), names, n);
    exchange_error(l->ex, 404, "not_found", "model",
                   nearest != NULL ? "no route serves a model \"%.*s\"; did you mean \"%s\"?"
                                   : "no route serves a model \"%.*s\": it is neither a name that "
                                     "clients may use nor one that a provider here is known to "
                                     "have; provider/model shows who would be asked for it%s",
                   STR_ARGS(shown(model)), nearest != NULL ? nearest : "");
    return false;
}

/* Both are there, but not together; `served` are those that would do. */
static bool refuse_pair(struct route_list *l, struct str provider, struct str model)
{
    struct str all = STR_NONE;
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n && n < TOLD_MAX; i++) {
        struct str name = name_of(l, provider_of(l, i));
        struct str parts[] = {all, n > 0 ? STR(", ") : STR_NONE, name};

        if (i > 0 && provider_of(l, i) == provider_of(l, i - 1))
            continue;
        all = arena_concat(l->ex->arena, parts, 3);
        n++;
    }
    exchange_error(l->ex, 404, "not_found", "model",
                   "provider \"%.*s\" has no route for \"%.*s\"; it is served by: %.*s",
                   STR_ARGS(provider), STR_ARGS(shown(model)), STR_ARGS(all));
    return false;
}

/* --- --- */

static bool has_provider(const struct route_list *l, const struct pub_provider *p)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (provider_of(l, i) == p)
            return true;
    }
    return false;
}

static void clear(struct route_list *l)
{
    l->n = l->n_sets = l->spare = 0;
    l->now = 0;
}

/*
 * Of one provider: as its part of the name, else as what it calls so itself. Is the name one of others
 * alone, its routes for any model are no answer.
 */
static bool find_of_provider(struct route_list *l, const struct pub_provider *p, struct str model)
{
    uint32_t n = 0;
    const struct pub_route *routes;

    if (has_provider(l, p)) {
        keep_provider(l, p);
        return true;
    }
    routes = pub_find_routes(l->v, p, model, &n);
    if (n == 0 || (l->n > 0 && !str_eq(pub_text(l->v, routes->model), model)))
        return l->n > 0 ? refuse_pair(l, name_of(l, p), model) : refuse_model(l, model);
    clear(l);
    add_routes(l, routes, n);
    return true;
}

bool route_find(struct route_list *l, struct str provider, struct str model)
{
    size_t room = (size_t)l->v->image->n_routes + l->v->image->n_targets + 2;
    const struct pub_provider *p = NULL;

    l->items = arena_alloc(l->ex->arena, room * sizeof(*l->items));
    l->sets = arena_alloc(l->ex->arena, room * sizeof(*l->sets));
    clear(l);
    if (provider.len > 0 && (p = pub_find_provider(l->v, provider)) == NULL)
        return refuse_provider(l, provider);
    if (model.len == 0) {
        add_all(l);
        if (p != NULL)
            keep_provider(l, p);
        return true;
    }
    add_named(l, model);
    if (p != NULL)
        return find_of_provider(l, p, model);
    return l->n > 0 || refuse_model(l, model);
}

double route_declared_share(const struct route_list *l, const struct listed_route *it)
{
    const struct route_set *set = &l->sets[it->set];

    if (set->declared == 0)
        return 0;
    return (double)it->declared / (double)set->declared * (double)set->part / PART_WHOLE;
}

double route_share(const struct route_list *l, const struct listed_route *it)
{
    const struct route_set *set = &l->sets[it->set];
    double share = 0;

    if (set->now > 0)
        share = (double)it->now / (double)set->now * (double)set->part;
    if (l->now > 0)
        share += (double)it->now / (double)l->now * (double)l->spare;
    return share / PART_WHOLE;
}
