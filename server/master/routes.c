#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/build.h"

/* A name that clients may use, with where its targets come from. */
struct entry {
    struct str name;
    const struct conf_model *alias; /* NULL: declared by `provider` */
    uint32_t provider;
};

/* --- exact models, and a route for each with each key that may serve it --- */

static int compare_known(const void *left, const void *right)
{
    const struct known *a = left;
    const struct known *b = right;
    int order;

    if (a->provider != b->provider)
        return a->provider < b->provider ? -1 : 1;
    order = str_cmp(a->model, b->model);
    if (order != 0)
        return order;
    return (int)b->is_declared - (int)a->is_declared; /* the declared one is kept */
}

static void gather_known(struct build *b)
{
    const uint32_t *owners = b->req->target_owners;
    size_t at = 0; /* target, over all models */
    size_t n = 0;
    size_t kept = 0;

    for (uint32_t i = 0; i < b->conf->n_providers; i++)
        n += b->conf->providers[i].n_models;
    for (size_t i = 0; i < b->conf->n_models; i++)
        n += b->conf->models[i].n_targets;
    b->known = xcalloc(n + 1, sizeof(*b->known));
    n = 0;
    for (uint32_t i = 0; i < b->conf->n_providers; i++) {
        const struct conf_provider *p = &b->conf->providers[i];

        for (size_t j = 0; j < p->n_models; j++) {
            if (strchr(p->models[j], '*') == NULL)
                b->known[n++] = (struct known){i, str_of(p->models[j]), true, 0};
        }
    }
    for (size_t i = 0; i < b->conf->n_models; i++) {
        const struct conf_model *m = &b->conf->models[i];

        for (size_t j = 0; j < m->n_targets; j++) {
            const struct conf_target *t = &m->targets[j];
            uint32_t provider;

            /* Groups and patterns have no rows of their own. */
            if (t->provider != NULL && strchr(t->name, '*') == NULL &&
                build_find_provider(b, t->provider, &provider) == 0)
                b->known[n++] = (struct known){provider, str_of(t->model), false,
                                               owners != NULL ? owners[at] : 0};
            at++;
        }
    }
    qsort(b->known, n, sizeof(*b->known), compare_known);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || b->known[kept - 1].provider != b->known[i].provider ||
            !str_eq(b->known[kept - 1].model, b->known[i].model))
            b->known[kept++] = b->known[i];
        else if (b->known[kept - 1].owner == 0)
            b->known[kept - 1].owner = b->known[i].owner; /* one limit, whichever says it */
    }
    b->n_known = kept;
}

static bool key_allows(const struct conf_provider *p, uint32_t key, struct str model)
{
    if (p->keys[key].n_models == 0)
        return true;
    for (size_t i = 0; i < p->keys[key].n_models; i++) {
        if (glob_match(str_of(p->keys[key].models[i]), model))
            return true;
    }
    return false;
}

/* A row per key; `model` empty: any. `owner`: of the model's limits here, or 0. */
static int add_rows(struct build *b, uint32_t provider, struct str model, uint32_t owner,
                    struct error *err)
{
    const struct conf_provider *p = &b->conf->providers[provider];
    const struct pub_provider *pub = &b->providers[provider];

    for (uint32_t i = 0; i < pub->n_keys; i++) {
        struct pub_route *r;
        struct buf identity = BUF_INIT;
        int rc;

        if (model.len > 0 && !key_allows(p, i, model))
            continue;
        if (b->n_routes == ROUTES_MAX)
            return error_set(err, "more than %d routes (provider keys times exact models)",
                             ROUTES_MAX);
        r = &b->routes[b->n_routes++];
        r->model = build_text(b, model);
        r->provider = provider;
        r->key = pub->first_key + i;
        r->weight = b->keys[r->key].weight;
        r->owner = owner;
        buf_printf(&identity, "route/%s/%s/%.*s", p->name, p->keys[i].name, STR_ARGS(model));
        rc = build_number(b, &identity, ROUTES_MAX, &r->row, err);
        buf_fini(&identity);
        if (rc != 0)
            return -1;
    }
    return 0;
}

int build_routes(struct build *b, struct error *err)
{
    size_t at = 0;

    gather_known(b);
    for (uint32_t i = 0; i < b->conf->n_providers; i++) {
        b->providers[i].first_route = b->n_routes;
        if (add_rows(b, i, STR_NONE, 0, err) != 0)
            return -1;
        for (; at < b->n_known && b->known[at].provider == i; at++) {
            if (add_rows(b, i, b->known[at].model, b->known[at].owner, err) != 0)
                return -1;
        }
        b->providers[i].n_routes = b->n_routes - b->providers[i].first_route;
    }
    return 0;
}

/* --- names that clients may use --- */

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = str_cmp(a->name, b->name);

    if (order != 0)
        return order;
    if ((a->alias != NULL) != (b->alias != NULL))
        return a->alias != NULL ? -1 : 1; /* `models:` wins over a provider's list */
    return a->provider < b->provider ? -1 : a->provider > b->provider;
}

static struct str route_model(const struct build *b, const struct pub_route *r)
{
    return (struct str){b->text.data + r->model.offset, r->model.len};
}

/* The provider's rows for exactly this model; none when no key may serve it by name. */
static void find_rows(const struct build *b, const struct pub_provider *p, struct str model,
                      uint32_t *out_first, uint32_t *out_n)
{
    uint32_t low = p->first_route;
    uint32_t end = p->first_route + p->n_routes;
    uint32_t high = end;

    while (low < high) { /* they are sorted by model */
        uint32_t middle = low + (high - low) / 2;

        if (str_cmp(route_model(b, &b->routes[middle]), model) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_first = low;
    *out_n = 0;
    while (low + *out_n < end && str_eq(route_model(b, &b->routes[low + *out_n]), model))
        (*out_n)++;
}

static int add_target(struct build *b, uint32_t provider, struct str model,
                      const struct flat_target *flat, struct error *err)
{
    const struct pub_provider *p = &b->providers[provider];
    struct pub_target *t;

    if (b->n_targets == TARGETS_MAX)
        return error_set(err, "more than %d targets over all models", TARGETS_MAX);
    t = &b->targets[b->n_targets++];
    t->provider = provider;
    t->weight = flat->weight;
    t->tags = flat->tags;
    t->side = flat->side;
    t->salt = flat->salt;
    t->share = flat->share;
    t->model = build_text(b, model);
    find_rows(b, p, model, &t->first_route, &t->n_routes);
    if (t->n_routes == 0) { /* the any-model rows, which are first */
        t->first_route = p->first_route;
        t->n_routes = p->n_keys;
    }
    return 0;
}

static int add_targets(struct build *b, const struct entry *e, struct error *err)
{
    struct flat flat;

    if (e->alias == NULL)
        return add_target(b, e->provider, e->name, &(struct flat_target){.weight = 1000}, err);
    if (groups_flatten(&b->groups, e->alias, &flat) != GROUPS_OK)
        return error_set(err, "model %s: its groups cannot be unfolded", e->alias->name);
    for (size_t i = 0; i < flat.n; i++) {
        const struct conf_target *t = flat.items[i].target;
        uint32_t provider;

        if (build_find_provider(b, t->provider, &provider) != 0)
            return error_set(err, "model %s: there is no provider \"%s\"", e->alias->name,
                             t->provider);
        if (add_target(b, provider, str_of(t->model), &flat.items[i], err) != 0)
            return -1;
    }
    return 0;
}

static uint32_t flags_of(const struct entry *e)
{
    if (e->alias == NULL)
        return PUB_MODEL_DECLARED;
    return strchr(e->alias->name, '*') != NULL ? PUB_MODEL_STARRED : 0;
}

static_assert((int)CONF_CALLER_NONE == (int)PUB_CALLER_NONE &&
                  (int)CONF_CALLER_KEY == (int)PUB_CALLER_KEY &&
                  (int)CONF_CALLER_HEADER == (int)PUB_CALLER_HEADER &&
                  (int)CONF_CALLER_BODY == (int)PUB_CALLER_BODY,
              "one list");

static struct pub_caller caller_of(struct build *b, const struct conf_caller *c)
{
    return (struct pub_caller){c->kind, build_text(b, str_of(c->name))};
}

/* What a model of `models:` has beside its targets. */
static void add_manners(struct build *b, struct pub_model *m, const struct conf_model *alias)
{
    static const struct conf_caller by_key = {CONF_CALLER_KEY, NULL};

    if (alias == NULL)
        return;
    m->sticky = caller_of(b, alias->sticky.kind != CONF_CALLER_NONE ? &alias->sticky : &by_key);
    m->affinity = caller_of(b, &alias->affinity);
    for (size_t i = 0; i < alias->n_targets; i++)
        m->flags |= alias->targets[i].share > 0 ? PUB_MODEL_SHARED : 0;
    m->fallbacks = build_list(b, alias->fallbacks, alias->n_fallbacks);
    m->first_byte_ms = (uint32_t)min_u64(alias->first_byte_ms, UINT32_MAX);
    m->between_bytes_ms = (uint32_t)min_u64(alias->between_bytes_ms, UINT32_MAX);
    m->hedge_ms = (uint32_t)alias->hedge.after_ms; /* a day at most */
    m->hedge_percentile = alias->hedge.percentile;
    m->hedge_share = alias->hedge.at_most;
    m->shadow_provider = build_text(b, str_of(alias->shadow.provider));
    m->shadow_model = build_text(b, str_of(alias->shadow.model));
    m->shadow_share = alias->shadow.share;
    m->shadow_ms = (uint32_t)alias->shadow.timeout_ms; /* an hour at most */
    if (alias->queue.at_most > 0) {
        static_assert(CONF_QUEUES_MAX < QUEUES_MAX, "0 is everybody's");
        m->queue = ++b->n_queues;
        m->queue_at_most = alias->queue.at_most;
        m->queue_wait_ms = (uint32_t)min_u64(alias->queue.wait_ms, UINT32_MAX);
    }
    m->context_fallbacks = build_list(b, alias->context_fallbacks, alias->n_context_fallbacks);
    m->filter_fallbacks = build_list(b, alias->filter_fallbacks, alias->n_filter_fallbacks);
    m->at_least = alias->at_least;
    m->over_ms = (uint32_t)min_u64(alias->over_ms, UINT32_MAX);
}

int build_models(struct build *b, struct error *err)
{
    struct entry *entries = xcalloc(b->conf->n_models + b->n_known + 1, sizeof(*entries));
    size_t n = 0;
    int rc = -1;

    for (size_t i = 0; i < b->conf->n_models; i++)
        entries[n++] = (struct entry){str_of(b->conf->models[i].name), &b->conf->models[i], 0};
    for (size_t i = 0; i < b->n_known; i++) {
        if (b->known[i].is_declared)
            entries[n++] = (struct entry){b->known[i].model, NULL, b->known[i].provider};
    }
    qsort(entries, n, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < n; i++) {
        bool is_first = i == 0 || !str_eq(entries[i].name, entries[i - 1].name);
        struct pub_model *m;

        if (is_first && b->n_models == MODELS_MAX) {
            error_set(err, "more than %d model names", MODELS_MAX);
            goto out;
        }
        if (is_first) {
            m = &b->models[b->n_models++];
            m->name = build_text(b, entries[i].name);
            m->first_target = b->n_targets;
            m->flags = flags_of(&entries[i]);
            add_manners(b, m, entries[i].alias);
        }
        m = &b->models[b->n_models - 1];
        if (!is_first && (m->flags & PUB_MODEL_DECLARED) == 0)
            continue;
        if (add_targets(b, &entries[i], err) != 0)
            goto out;
        m->n_targets = b->n_targets - m->first_target;
    }
    build_patterns(b);
    rc = 0;
out:
    free(entries);
    return rc;
}
