#include "server/worker/candidates.h"

#include "providers/dialect.h"
#include "providers/vendor.h"
#include "server/worker/admit.h"
#include "server/worker/catalogue.h"
#include "server/worker/explain.h"
#include "server/worker/parse.h"
#include "server/worker/route.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"
#include "shm/scope.h"

#define NO_MODEL UINT32_MAX
#define SHARE_WHOLE 1000

static bool is_openai_family(enum dialect_id d)
{
    return d == DIALECT_OPENAI || d == DIALECT_RESPONSES;
}

const struct vendor_face *candidates_face(const struct request *r, const struct pub_provider *p,
                                          struct str model)
{
    const struct vendor *vendor = vendor_get(p->vendor);
    enum dialect_id dialect = r->path.dialect;
    const struct vendor_face *face = vendor_choose(vendor, p->dialect, dialect, model);
    struct str base[2];

    if (face == NULL)
        return NULL;
    if (translate_is_needed(r, vendor, face)) {
        if (!translate_can(r, vendor, face))
            return NULL;
    } else if (face->dialect != dialect &&
               /* OpenAI's files and the like are below one address for both of its dialects */
               !(is_openai_family(dialect) && is_openai_family(face->dialect))) {
        return NULL;
    }
    return vendor_face_base(vendor, p->dialect, face, pub_text(&r->worker->view, p->base_url), base)
               ? face
               : NULL;
}

bool route_can_ask(const struct request *r, const struct pub_provider *p, struct str model)
{
    return candidates_face(r, p, model) != NULL;
}

static bool was_tried(const struct request *r, uint32_t row)
{
    for (uint32_t i = 0; i < r->n_attempts; i++) {
        if (r->tried_rows[i] == row)
            return true;
    }
    return false;
}

static bool key_serves(const struct pub_view *v, const struct pub_key *key, struct str model)
{
    return key->models.len == 0 || model.len == 0 ||
           glob_list_match(pub_text(v, key->models), model);
}

/*
 * Without a model the endpoint stands in for it; where a named model says little about what the request
 * may do, the endpoint must be allowed as well.
 */
static bool target_is_allowed(const struct request *r, const struct pub_provider *p,
                              struct str model)
{
    struct str provider = pub_text(&r->worker->view, p->name);

    if (!scope_allows(r, provider, model))
        return false;
    if (r->key.models.len == 0)
        return true;
    if ((r->path.is_broad || r->course.name.len == 0) &&
        !admit_target(r, provider, str_of(r->path.endpoint)))
        return false;
    return r->course.name.len == 0 || r->course.allowed_by_name || admit_target(r, provider, model);
}

/* For whoever wants to know. `key` NULL: the target as a whole. */
static void leave_out(struct request *r, uint32_t provider, const struct pub_key *key,
                      struct str model, const char *why)
{
    if (r->explain != NULL)
        explain_leaves_out(r, pub_provider(&r->worker->view, provider), key, model, why);
}

/* The key's own share for a provider, in thousandths. */
static uint64_t scope_weight(const struct request *r, const struct pub_provider *p)
{
    const struct scope_provider *own = scope_provider_of(r, pub_text(&r->worker->view, p->name));

    return own != NULL ? own->weight : SHARE_WHOLE;
}

/*
 * All are thousandths up to a million, and the key's is a part of `keys`. The product's millionths: times a
 * published weight, and all of them together, it must stay below 2^64; what is not zero stays so.
 */
static uint64_t weight_of(uint64_t target, uint64_t key, uint64_t keys, uint64_t share)
{
    uint64_t product = target * share / SHARE_WHOLE * key;

    return product > 0 ? max_u64(product / keys, 1) : 0;
}

/* A target's weight is dealt out among the keys that serve it, however many they are. */
static uint64_t weight_of_keys(const struct pub_view *v, const struct pub_route *routes, uint32_t n,
                               struct str model)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (key_serves(v, pub_key(v, routes[i].key), model))
            sum += routes[i].weight;
    }
    return max_u64(sum, 1);
}

/* What a target gives to each of its routes. */
struct gathered {
    struct str model;
    uint64_t weight;
    uint64_t tags;
    bool is_alone; /* nobody beside it: its keys' weights are between themselves */
    bool is_spare; /* it is another side's turn: only when that has nothing left */
};

/* The routes of one target: its provider's keys that serve the model and were not tried. */
static void gather_routes(struct request *r, const struct pub_route *routes, uint32_t n_routes,
                          const struct gathered *g, struct candidates *out)
{
    const struct pub_view *v = &r->worker->view;
    uint32_t lane = balance_lane(r->worker, g->model);
    uint64_t share = n_routes > 0 ? scope_weight(r, pub_provider(v, routes[0].provider)) : 0;
    struct str model = g->model;
    uint64_t keys = g->is_alone ? SHARE_WHOLE : weight_of_keys(v, routes, n_routes, model);

    if (n_routes > 0 && candidates_face(r, pub_provider(v, routes[0].provider), model) == NULL) {
        out->is_unspoken = true;
        leave_out(r, routes[0].provider, NULL, model, "cannot be asked in this way");
        return;
    }
    for (uint32_t i = 0; i < n_routes && out->n < BALANCE_MAX; i++) {
        const struct pub_route *route = &routes[i];
        const struct pub_key *key = pub_key(v, route->key);
        uint64_t weight;

        if (route->row >= ROUTES_MAX || was_tried(r, route->row))
            continue;
        if (!key_serves(v, key, model)) {
            leave_out(r, route->provider, key, model, "this provider key is for other models");
            continue;
        }
        if (!wishes_allow(r, key, g->tags)) {
            out->is_unwished = true;
            leave_out(r, route->provider, key, model,
                      "the request asks for another provider key or tags");
            continue;
        }
        weight = weight_of(g->weight, route->weight, keys, share);
        out->items[out->n] = (struct balance_item){.row = route->row,
                                                   .weight = g->is_spare ? 0 : weight,
                                                   .spare = g->is_spare ? weight : 0,
                                                   .model = route->model.len == 0 ? lane : 0};
        out->tags[out->n] = g->tags | key->tags;
        out->routes[out->n] = route;
        out->models[out->n] = model;
        out->n++;
    }
}

static void gather_provider(struct request *r, const struct pub_provider *p, struct str name,
                            bool is_alone, struct candidates *out)
{
    uint32_t n_routes = 0;
    const struct pub_route *routes = pub_find_routes(&r->worker->view, p, name, &n_routes);

    if (target_is_allowed(r, p, name))
        gather_routes(r, routes, n_routes,
                      &(struct gathered){.model = name, .weight = 1000, .is_alone = is_alone}, out);
    else if (r->explain != NULL)
        explain_leaves_out(r, p, NULL, name, "the virtual key may not use it");
}

/*
 * A key that names its providers means that they share what it asks for: those of them that serve a
 * model of the catalogue stand in for one another, by their weights.
 */
static void gather_shared(struct request *r, struct candidates *out)
{
    const struct pub_view *v = &r->worker->view;
    const struct cat_model *m = cat_find_any(pub_catalogue(v), r->course.name);

    for (uint32_t i = 0; m != NULL && i < r->scope.n_providers; i++) {
        const struct pub_provider *p = pub_find_provider(v, r->scope.providers[i].name);
        struct str id = p != NULL ? catalogue_served(v, p, m, r->course.name) : STR_NONE;

        if (id.len > 0)
            gather_provider(r, p, id, false, out);
    }
}

/* A target's name of the model: with a star in it, what the pattern's star stands for stands there. */
static struct str target_name(const struct request *r, const struct pub_target *t)
{
    struct str name = pub_text(&r->worker->view, t->model);
    ptrdiff_t star;

    if (r->resolved.star.len == 0 || (star = str_index(name, '*')) < 0)
        return name;
    return arena_concat(
        r->arena,
        (struct str[]){{name.p, (size_t)star}, r->resolved.star, str_skip(name, (size_t)star + 1)},
        3);
}

static void gather_target(struct request *r, const struct pub_target *t, uint32_t side,
                          struct candidates *out)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_provider *p = pub_provider(v, t->provider);
    const struct pub_route *routes = t->n_routes > 0 ? pub_route(v, t->first_route) : NULL;
    struct str name = target_name(r, t);
    uint32_t n_routes = t->n_routes;

    if (r->resolved.star.len > 0) {
        if (name.len > MODEL_MAX)
            return;
        routes = pub_find_routes(v, p, name, &n_routes);
    }
    if (n_routes == 0)
        leave_out(r, t->provider, NULL, name, "no key of the provider serves it");
    else if (!target_is_allowed(r, p, name))
        leave_out(r, t->provider, NULL, name, "the virtual key may not use it");
    else
        gather_routes(r, routes, n_routes,
                      &(struct gathered){name, t->weight, t->tags, false, t->side != side}, out);
}

void candidates_gather(struct request *r, struct candidates *out)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *model;
    uint32_t side = 0;

    out->n = 0;
    out->affinity = 0;
    out->is_unspoken = out->is_unwished = false;
    if (r->explain != NULL)
        explain_gathers(r);
    if (r->resolved.model == NO_MODEL) {
        if (r->resolved.is_known && r->scope.n_providers > 1)
            gather_shared(r, out);
        else
            gather_provider(r, pub_provider(v, r->resolved.provider), r->resolved.name, true, out);
        return;
    }
    model = pub_model(v, r->resolved.model);
    if ((model->flags & PUB_MODEL_SHARED) != 0)
        side = caller_side(r, model, caller_of(r, model)->sticky);
    if (model->affinity.kind != PUB_CALLER_NONE)
        out->affinity = caller_of(r, model)->affinity;
    for (uint32_t i = 0; i < model->n_targets; i++)
        gather_target(r, pub_target(v, model->first_target + i), side, out);
}

typedef bool target_fn(const struct request *r, const struct pub_provider *p, struct str model);

/* Does it hold of the provider that the name stands for, or of one of the targets? */
static bool any_target(const struct request *r, target_fn *holds)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *model;

    if (r->resolved.model == NO_MODEL)
        return holds(r, pub_provider(v, r->resolved.provider), r->resolved.name);
    model = pub_model(v, r->resolved.model);
    for (uint32_t i = 0; i < model->n_targets; i++) {
        const struct pub_target *t = pub_target(v, model->first_target + i);

        if (holds(r, pub_provider(v, t->provider), target_name(r, t)))
            return true;
    }
    return false;
}

bool route_has_allowed(struct request *r)
{
    return any_target(r, target_is_allowed);
}

static bool is_of_scope(const struct request *r, const struct pub_provider *p, struct str model)
{
    (void)model;
    return scope_has_provider(r, pub_text(&r->worker->view, p->name));
}

bool route_has_provider(struct request *r)
{
    return any_target(r, is_of_scope);
}

bool route_has_untried(struct request *r)
{
    struct candidates found;

    candidates_gather(r, &found);
    return found.n > 0;
}

size_t candidates_choose(struct worker *w, const struct candidates *found, uint64_t mono_ms)
{
    return found->affinity != 0 ? balance_stick(w, found->items, found->n, found->affinity, mono_ms)
                                : balance_choose(w, found->items, found->n, mono_ms);
}

void candidates_drop(struct candidates *found, size_t which)
{
    uint32_t provider = found->routes[which]->provider;
    struct str model = found->models[which];
    size_t n = 0;

    for (size_t i = 0; i < found->n; i++) {
        if (found->routes[i]->provider == provider && str_eq(found->models[i], model))
            continue;
        found->items[n] = found->items[i];
        found->routes[n] = found->routes[i];
        found->tags[n] = found->tags[i];
        found->models[n++] = found->models[i];
    }
    found->n = n;
}
