/*
 * route_list - GET /api/routes: each route's weight, share, state, traffic, and why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/health_row.h"
#include "server/admin/params.h"
#include "server/admin/route_find.h"
#include "server/admin/snapshot.h"
#include "server/admin/writer.h"
#include "server/base/clock.h"
#include "shm/ledger.h"
#include "shm/weights.h"

struct page {
    const struct route_list *list;
    uint64_t real_ms;
    struct snapshot *live;
};

static struct exchange *exchange_of(const struct page *page)
{
    return page->list->ex;
}

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
static void write_places(const struct page *page, struct writer *w, const struct pub_route *route)
{
    const struct regions *regions = exchange_of(page)->admin->regions;
    const uint32_t owners[] = {route->owner, pub_provider(page->list->v, route->provider)->owner};
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
            account_usage(regions, &a, page->real_ms, &now);
            writer_object(w, NULL);
            writer_cstr(w, "of", names[i]);
            writer_u64(w, "limit", a.limit);
            writer_u64(w, "used", now.used);
            writer_object_end(w);
        }
    }
    writer_array_end(w);
}

static void write_share(struct writer *w, const char *key, double share)
{
    writer_milli(w, key, (uint64_t)(share * 1000 + 0.5));
}

static void write_route(const struct page *page, struct writer *w, const struct listed_route *it)
{
    const struct regions *regions = exchange_of(page)->admin->regions;
    const struct route_list *l = page->list;
    const struct pub_view *v = l->v;
    const struct pub_route *route = it->route;
    struct str model = pub_text(v, route->model);
    struct snapshot_route traffic;

    snapshot_route(&regions->live, page->live, route->row, &traffic);
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
    if (it->caller_share > 0)
        writer_milli(w, "caller_share_percent", it->caller_share);
    else
        writer_null(w, "caller_share_percent");
    write_share(w, "declared_share", route_declared_share(l, it));
    write_share(w, "share", route_share(l, it));
    health_row_write(w, &regions->weights, route->row,
                     (struct health_clock){l->mono_ms, page->real_ms});
    write_places(page, w, route);
    write_traffic(w, &traffic);
    writer_object_end(w);
}

static void write_page(const struct page *page, uint64_t at, uint64_t limit)
{
    const struct route_list *l = page->list;
    struct writer w = WRITER_INIT(&l->ex->out);

    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; at < l->n && limit > 0; at++, limit--)
        write_route(page, &w, &l->items[at]);
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
    struct route_list l = {.ex = ex, .v = admin_view(ex->admin), .mono_ms = clock_mono_ms()};
    struct page page = {&l, clock_real_ms(), arena_alloc(ex->arena, sizeof(*page.live))};
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
    snapshot_take(&ex->admin->regions->live, l.mono_ms, page.live);
    if (route_find(&l, params_get(ex, "provider"), params_get(ex, "model")))
        write_page(&page, at, max_u64(limit, 1));
}
