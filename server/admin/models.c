/*
 * models - GET /api/models: the names that clients may use, and what is known of what is behind them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "providers/abilities.h"
#include "providers/target.h"
#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"

static struct str vendor_name(const struct pub_provider *p)
{
    return p->vendor < vendor_count() ? str_of(vendor_get(p->vendor)->name) : STR_NONE;
}

static void write_tokens(struct writer *w, const char *key, uint32_t n)
{
    if (n > 0)
        writer_u64(w, key, n);
    else
        writer_null(w, key);
}

static void write_date(struct writer *w, const char *key, uint32_t date)
{
    struct buf b = BUF_INIT;

    cat_date(&b, date);
    if (date != 0)
        writer_str(w, key, buf_view(&b));
    else
        writer_null(w, key);
    buf_fini(&b);
}

/* NULL: "known" is null. */
static void write_known(struct writer *w, const struct cat_head *c, const struct cat_model *m)
{
    struct buf b = BUF_INIT;

    if (m == NULL) {
        writer_null(w, "known");
        return;
    }
    writer_object(w, "known");
    writer_str(w, "model", cat_text(c, m->name));
    writer_str(w, "title", cat_text(c, m->title));
    writer_str(w, "maker", cat_text(c, m->maker));
    write_tokens(w, "context_length", m->context);
    write_tokens(w, "max_output_tokens", m->max_output);
    if ((m->flags & MODEL_KNOWN) != 0) {
        abilities_json(&b, m->flags);
        writer_raw(w, "capabilities", buf_view(&b));
    } else {
        writer_null(w, "capabilities");
    }
    write_date(w, "knowledge", m->knowledge);
    write_date(w, "released", m->released);
    writer_object_end(w);
    buf_fini(&b);
}

static void write_target(struct writer *w, struct str provider, struct str model, uint32_t weight)
{
    writer_object(w, NULL);
    writer_str(w, "provider", provider);
    writer_str(w, "model", model);
    writer_milli(w, "weight", weight);
    writer_object_end(w);
}

/* A group is what its first target is: its members stand in for one another. */
static void write_configured(struct writer *w, const struct pub_view *v, uint32_t at)
{
    const struct pub_model *m = pub_model(v, at);
    const struct cat_model *known = NULL;

    writer_object(w, NULL);
    writer_str(w, "name", pub_text(v, m->name));
    writer_cstr(w, "origin", (m->flags & PUB_MODEL_DECLARED) != 0 ? "provider" : "models");
    writer_array(w, "targets");
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(v, m->first_target + i);
        const struct pub_provider *p = pub_provider(v, t->provider);

        write_target(w, pub_text(v, p->name), pub_text(v, t->model), t->weight);
        if (i == 0)
            known = cat_find(pub_catalogue(v), vendor_name(p), pub_text(v, t->model));
    }
    writer_array_end(w);
    write_known(w, pub_catalogue(v), known);
    writer_object_end(w);
}

/* A model of the catalogue that some provider serves. False: nobody does, or it is configured. */
static bool write_catalogued(struct writer *w, const struct pub_view *v, uint32_t at)
{
    const struct cat_head *c = pub_catalogue(v);
    const struct cat_model *m = cat_model(c, at);
    struct str name = cat_text(c, m->name);
    bool is_open = false;

    if (pub_find_model(v, name) != NULL)
        return false;
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str id = pub_served(v, p, vendor_name(p), m, name);

        if (id.len == 0)
            continue;
        if (!is_open) {
            writer_object(w, NULL);
            writer_str(w, "name", name);
            writer_cstr(w, "origin", "catalogue");
            writer_array(w, "targets");
            is_open = true;
        }
        write_target(w, pub_text(v, p->name), id, 1000);
    }
    if (!is_open)
        return false;
    writer_array_end(w);
    write_known(w, c, m);
    writer_object_end(w);
    return true;
}

void api_models(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = admin_view(ex->admin);
    struct writer w = WRITER_INIT(&ex->out);
    uint64_t limit;
    uint64_t at;
    uint64_t n;

    (void)tail;
    if (v == NULL) {
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
        return;
    }
    if (!params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &at))
        return;
    limit = limit > 0 ? limit : 1;
    n = v->image->n_models + cat_models(pub_catalogue(v));
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; at < n && limit > 0; at++) {
        if (at < v->image->n_models)
            write_configured(&w, v, (uint32_t)at);
        else if (!write_catalogued(&w, v, (uint32_t)(at - v->image->n_models)))
            continue;
        limit--;
    }
    writer_array_end(&w);
    if (at < n)
        writer_str(&w, "next", arena_printf(ex->arena, "%llu", (unsigned long long)at));
    else
        writer_null(&w, "next");
    writer_object_end(&w);
    exchange_json(ex, 200);
}
