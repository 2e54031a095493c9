/*
 * route_list - GET /api/routes: each route's weight, share, state, traffic, and why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/health_row.h"
#include "server/admin/params.h"
#include "server/admin/snapshot.h"
#include "server/admin/writer.h"
#include "server/base/clock.h"
#include "server/worker/balance.h"
#include "shm/ledger.h"
#include "shm/weights.h"

/* Routes among which requests are shared: those of one target, or of all targets of a name. */
struct set {
    uint64_t declared, now;
};

struct listed {
    const struct pub_route *route;
    uint64_t declared, now; /* weights; what balance makes of them */
    uint32_t set;
    uint32_t target_weight; /* thousandths, in the group that was asked for; else 1000 */
};

struct list {
    struct exchange *ex;
    const struct pub_view *v;
    struct listed *items;
    struct set *sets;
    uint32_t n, n_sets;
    uint64_t mono_ms, real_ms;
    struct snapshot *live;
};

/* --- which ones --- */

/* At most a row for each route of each target of a name. */
static void make_room(struct list *l)
{
    size_t room = (size_t)l->v->image->n_routes + 1;

    l->items = arena_alloc(l->ex->arena, room * sizeof(*l->items));
    l->sets = arena_alloc(l->ex->arena, room * sizeof(*l->sets));
}

static void begin_set(struct list *l)
{
    l->sets[l->n_sets++] = (struct set){0, 0};
}

static void add(struct list *l, const struct pub_route *route, uint32_t target_weight)
{
    struct listed *it = &l->items[l->n];
    struct set *set = &l->sets[l->n_sets - 1];
    struct weight row = {.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};

    if (l->n == l->v->image->n_routes) /* a name may have a target twice */
        return;
    l->n++;
    /* a row whose writer died inside it: as the workers take it when they have never seen it */
    if (!weights_read(&l->ex->admin->regions->weights, route->row, &row))
        row = (struct weight){.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};
    it->route = route;
    it->set = l->n_sets - 1;
    it->target_weight = target_weight;
    it->declared = (uint64_t)route->weight * target_weight;
    it->now = balance_share(&row, it->declared, 0, l->mono_ms);
    set->declared += it->declared;
    set->now += it->now;
}

static void add_all(struct list *l)
{
    for (uint32_t i = 0; i < l->v->image->n_routes; i++) {
        const struct pub_route *route = pub_route(l->v, i);
        const struct pub_route *before = i > 0 ? pub_route(l->v, i - 1) : NULL;

        if (before == NULL || before->provider != route->provider ||
            !str_eq(pub_text(l->v, before->model), pub_text(l->v, route->model)))
            begin_set(l);
        add(l, route, 1000);
    }
}

/* Those that serve a name: all targets of one of `models:`, or "provider/model". */
static void add_named(struct list *l, struct str name)
{
    const struct pub_model *m = pub_find_model(l->v, name);
    ptrdiff_t slash = str_index(name, '/');
    const struct pub_provider *p = NULL;
    const struct pub_route *routes;
    uint32_t n;

    begin_set(l);
    for (uint32_t i = 0; m != NULL && i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(l->v, m->first_target + i);

        for (uint32_t j = 0; j < t->n_routes; j++)
            add(l, pub_route(l->v, t->first_route + j), t->weight);
    }
    if (m != NULL || slash <= 0)
        return;
    p = pub_find_provider(l->v, (struct str){name.p, (size_t)slash});
    if (p == NULL)
        return;
    routes = pub_find_routes(l->v, p, str_skip(name, (size_t)slash + 1), &n);
    for (uint32_t i = 0; i < n; i++)
        add(l, routes + i, 1000);
}

static void keep_provider(struct list *l, struct str provider)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        const struct pub_route *route = l->items[i].route;

        if (str_eq(provider, pub_text(l->v, pub_provider(l->v, route->provider)->name)))
            l->items[n++] = l->items[i];
    }
    l->n = n;
}

/* --- as JSON --- */

static void write_traffic(struct writer *w, const struct snapshot_route *r)
{
    uint64_t n = r->attempts > 0 ? r->attempts : 1;

    writer_u64(w, "in_flight", r->in_flight);
    writer_u64(w, "attempts", r->attempts);
    writer_u64(w, "errors", r->errors);
    writer_u64(w, "tokens_in", r->tokens_in);
    writer_u64(w, "tokens_out", r->tokens_out);
    writer_milli(w, "mean_first_byte_ms", r->first_byte_us_sum / n);
    writer_milli(w, "mean_total_ms", r->total_us_sum / n);
}

/* Calls at the same time, of its provider's model and of its provider, where they are limited. */
static void write_places(struct list *l, struct writer *w, const struct pub_route *route)
{
    const struct regions *regions = l->ex->admin->regions;
    const uint32_t owners[] = {route->owner, pub_provider(l->v, route->provider)->owner};
    static const char *const names[] = {"target", "provider"};

    writer_array(w, "concurrency");
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        struct owner owner;

        if (owners[i] == ROW_NONE || !owner_read(&regions->published, owners[i], &owner))
            continue;
        for (uint32_t j = 0; j < owner.n_accounts && j < OWNER_ACCOUNTS_MAX; j++) {
            struct account a;
            struct usage_now now;

            if (!account_read(&regions->published, owner.accounts[j], &a) ||
                a.kind != ACCOUNT_CONCURRENCY)
                continue;
            account_usage(regions, &a, l->real_ms, &now);
            writer_object(w, NULL);
            writer_cstr(w, "of", names[i]);
            writer_u64(w, "limit", a.limit);
            writer_u64(w, "used", now.used);
            writer_object_end(w);
        }
    }
    writer_array_end(w);
}

static void write_share(struct writer *w, const char *key, uint64_t part, uint64_t whole)
{
    writer_milli(w, key, whole > 0 ? (part * 1000 + whole / 2) / whole : 0);
}

static void write_route(struct list *l, struct writer *w, const struct listed *it)
{
    const struct pub_view *v = l->v;
    const struct pub_route *route = it->route;
    const struct set *set = &l->sets[it->set];
    struct str model = pub_text(v, route->model);
    struct snapshot_route traffic;

    snapshot_route(&l->ex->admin->regions->live, l->live, route->row, &traffic);
    writer_object(w, NULL);
    writer_u64(w, "row", route->row);
    writer_str(w, "provider", pub_text(v, pub_provider(v, route->provider)->name));
    writer_str(w, "provider_key", pub_text(v, pub_key(v, route->key)->name));
    if (model.len > 0)
        writer_str(w, "model", model);
    else
        writer_null(w, "model");
    writer_milli(w, "configured_weight", it->declared / 1000);
    writer_milli(w, "effective_weight", it->now / WEIGHT_FULL / 1000);
    write_share(w, "declared_share", it->declared, set->declared);
    write_share(w, "share", it->now, set->now);
    health_row_write(w, &l->ex->admin->regions->weights, route->row,
                     (struct health_clock){l->mono_ms, l->real_ms});
    write_places(l, w, route);
    write_traffic(w, &traffic);
    writer_object_end(w);
}

static void write_page(struct list *l, uint64_t at, uint64_t limit)
{
    struct writer w = WRITER_INIT(&l->ex->out);

    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; at < l->n && limit > 0; at++, limit--)
        write_route(l, &w, &l->items[at]);
    writer_array_end(&w);
    if (at < l->n)
        writer_str(&w, "next", arena_printf(l->ex->arena, "%llu", (unsigned long long)at));
    else
        writer_null(&w, "next");
    writer_object_end(&w);
    exchange_json(l->ex, 200);
}

void api_routes(struct exchange *ex, struct str tail)
{
    struct list l = {.ex = ex, .v = admin_view(ex->admin)};
    struct str provider = params_get(ex, "provider");
    struct str model = params_get(ex, "model");
    uint64_t limit;
    uint64_t at;

    (void)tail;
    if (l.v == NULL) {
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
        return;
    }
    if (!params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &at))
        return;
    l.mono_ms = clock_mono_ms();
    l.real_ms = clock_real_ms();
    l.live = arena_alloc(ex->arena, sizeof(*l.live));
    snapshot_take(&ex->admin->regions->live, l.mono_ms, l.live);
    make_room(&l);
    if (model.len > 0)
        add_named(&l, model);
    else
        add_all(&l);
    if (provider.len > 0)
        keep_provider(&l, provider);
    write_page(&l, at, max_u64(limit, 1));
}
