/*
 * routes - GET /api/providers: what is configured (route_list.c: /api/routes, how it fares).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "providers/dialect.h"
#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"

/* Cursors of these lists are positions: the lists change only with the configuration. */
struct page {
    uint64_t at, limit;
};

static bool page_of(struct exchange *ex, struct page *out)
{
    if (!params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &out->limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &out->at))
        return false;
    if (out->limit == 0)
        out->limit = 1;
    return true;
}

static void list_end(struct exchange *ex, struct writer *w, uint64_t at, uint64_t n)
{
    writer_array_end(w);
    if (at < n) {
        struct str next = arena_printf(ex->arena, "%llu", (unsigned long long)at);
        writer_str(w, "next", next);
    } else {
        writer_null(w, "next");
    }
    writer_object_end(w);
    exchange_json(ex, 200);
}

static const struct pub_view *view_or_refuse(struct exchange *ex)
{
    const struct pub_view *v = admin_view(ex->admin);

    if (v == NULL)
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
    return v;
}

typedef void write_row_fn(struct writer *w, const struct pub_view *v, uint32_t at);

/* A page of the `n` rows that a list has. */
static void answer_list(struct exchange *ex, const struct pub_view *v, uint32_t n,
                        write_row_fn *write_row)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct page page;

    if (!page_of(ex, &page))
        return;
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; page.at < n && page.limit > 0; page.at++, page.limit--)
        write_row(&w, v, (uint32_t)page.at);
    list_end(ex, &w, page.at, n);
}

static void write_timeouts(struct writer *w, const struct pub_provider *p)
{
    writer_object(w, "timeouts_ms");
    writer_u64(w, "connect", p->connect_ms);
    writer_u64(w, "first_byte", p->first_byte_ms);
    writer_u64(w, "between_bytes", p->between_bytes_ms);
    writer_u64(w, "total", p->total_ms);
    writer_object_end(w);
}

static void write_provider(struct writer *w, const struct pub_view *v, uint32_t at)
{
    const struct pub_provider *p = pub_provider(v, at);

    writer_object(w, NULL);
    writer_str(w, "name", pub_text(v, p->name));
    writer_cstr(w, "vendor", p->vendor < vendor_count() ? vendor_get(p->vendor)->name : NULL);
    writer_str(w, "base_url", pub_text(v, p->base_url));
    if (p->dialect != DIALECT_NONE && p->dialect < DIALECTS)
        writer_cstr(w, "dialect", dialect_names[p->dialect]);
    writer_bool(w, "tls_verify", (p->flags & PUB_PROVIDER_INSECURE) == 0);
    write_timeouts(w, p);
    writer_list(w, "models", pub_text(v, p->models));
    writer_array(w, "keys");
    for (uint32_t i = 0; i < p->n_keys; i++) {
        const struct pub_key *k = pub_key(v, p->first_key + i);

        writer_object(w, NULL);
        writer_str(w, "name", pub_text(v, k->name));
        writer_milli(w, "weight", k->weight);
        writer_list(w, "models", pub_text(v, k->models));
        writer_bool(w, "has_secret", k->secret_len > 0);
        writer_object_end(w);
    }
    writer_array_end(w);
    writer_u64(w, "routes", p->n_routes);
    writer_object_end(w);
}

void api_providers(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = view_or_refuse(ex);

    (void)tail;
    if (v != NULL)
        answer_list(ex, v, v->image->n_providers, write_provider);
}
