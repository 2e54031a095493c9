/*
 * litellm_models - /model/info, and the health routes that orchestrators ask.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "providers/target.h"
#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_text.h"
#include "server/admin/params.h"
#include "server/admin/snapshot.h"
#include "server/base/clock.h"
#include "shm/prices.h"

#define PICO_PER_DOLLAR 1000000000000u

/* --- models --- */

/* A deployment, as LiteLLM calls a name with one of its targets. */
struct deployment {
    struct str name, provider, vendor, model;
    const struct cat_model *known; /* NULL: not in the catalogue */
};

static void write_price(struct writer *w, const char *key, uint64_t pico)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%" PRIu64 ".%012" PRIu64, pico / PICO_PER_DOLLAR, pico % PICO_PER_DOLLAR);
    writer_raw(w, key, buf_view(&text));
    buf_fini(&text);
}

static void write_prices(struct writer *w, const struct pub_view *v, const struct deployment *d)
{
    struct price_ask ask = {d->provider, d->vendor, d->model, STR_NONE};
    struct price price;

    if (d->known != NULL)
        ask.known = cat_text(pub_catalogue(v), d->known->name);
    if (!price_find(pub_prices(v), &ask, &price)) {
        writer_null(w, "input_cost_per_token"); /* not known is not free */
        writer_null(w, "output_cost_per_token");
        return;
    }
    write_price(w, "input_cost_per_token", price.tiers[0].rates.input);
    write_price(w, "output_cost_per_token", price.tiers[0].rates.output);
    write_price(w, "cache_read_input_token_cost", price.tiers[0].rates.cached);
}

static void write_count(struct writer *w, const char *key, uint32_t n)
{
    if (n > 0)
        writer_u64(w, key, n);
    else
        writer_null(w, key);
}

static const char *mode_of(const struct cat_model *known)
{
    if (known == NULL || (known->flags & MODEL_KNOWN) == 0)
        return NULL;
    return (known->flags & MODEL_EMBED) != 0 ? "embedding" : "chat";
}

static void write_id(struct writer *w, const struct deployment *d)
{
    const struct str parts[] = {d->name, STR("\n"), d->provider, STR("/"), d->model};
    uint8_t hash[SHA256_BYTES];
    char hex[LITELLM_TOKEN_TEXT];

    crypto_sha256_parts(parts, ARRAY_LEN(parts), hash);
    crypto_hex(hash, SHA256_BYTES, hex);
    writer_cstr(w, "id", hex);
}

static void write_deployment(struct exchange *ex, struct writer *w, const struct pub_view *v,
                             const struct deployment *d)
{
    struct str target =
        arena_printf(ex->arena, "%.*s/%.*s", STR_ARGS(d->provider), STR_ARGS(d->model));

    writer_object(w, NULL);
    writer_str(w, "model_name", d->name);
    writer_object(w, "litellm_params");
    writer_str(w, "model", target);
    writer_object_end(w);
    writer_object(w, "model_info");
    write_id(w, d);
    writer_bool(w, "db_model", false);
    writer_str(w, "key", d->known != NULL ? cat_text(pub_catalogue(v), d->known->name) : d->model);
    writer_str(w, "litellm_provider", d->vendor);
    writer_cstr(w, "mode", mode_of(d->known));
    write_count(w, "max_input_tokens", d->known != NULL ? d->known->context : 0);
    write_count(w, "max_output_tokens", d->known != NULL ? d->known->max_output : 0);
    write_count(w, "max_tokens", d->known != NULL ? d->known->max_output : 0);
    write_prices(w, v, d);
    writer_object_end(w);
    writer_object_end(w);
}

static struct deployment deployment_of(const struct pub_view *v, uint32_t provider, struct str name,
                                       struct str model)
{
    const struct pub_provider *p = pub_provider(v, provider);
    struct deployment d = {.name = name, .provider = pub_text(v, p->name), .model = model};

    if (p->vendor < vendor_count())
        d.vendor = str_of(vendor_get(p->vendor)->name);
    d.known = cat_find(pub_catalogue(v), d.vendor, model);
    return d;
}

static void write_configured(struct exchange *ex, struct writer *w, const struct pub_view *v,
                             const struct pub_model *m)
{
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(v, m->first_target + i);
        struct deployment d =
            deployment_of(v, t->provider, pub_text(v, m->name), pub_text(v, t->model));

        write_deployment(ex, w, v, &d);
    }
}

static void write_catalogued(struct exchange *ex, struct writer *w, const struct pub_view *v,
                             const struct cat_model *m)
{
    struct str name = cat_text(pub_catalogue(v), m->name);

    if (pub_find_model(v, name) != NULL)
        return; /* it is configured */
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        struct deployment d = deployment_of(v, i, name, STR_NONE);

        d.model = pub_served(v, pub_provider(v, i), d.vendor, m, name);
        d.known = m;
        if (d.model.len > 0)
            write_deployment(ex, w, v, &d);
    }
}

void litellm_model_info(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = admin_view(ex->admin);
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    if (v == NULL) {
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (uint32_t i = 0; i < v->image->n_models; i++)
        write_configured(ex, &w, v, pub_model(v, i));
    for (uint32_t i = 0; i < cat_models(pub_catalogue(v)); i++)
        write_catalogued(ex, &w, v, cat_model(pub_catalogue(v), i));
    writer_array_end(&w);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

/* --- health --- */

void litellm_liveliness(struct exchange *ex, struct str tail)
{
    (void)tail;
    writer_str(&(struct writer)WRITER_INIT(&ex->out), NULL, STR("I'm alive!"));
    exchange_json(ex, 200);
}

void litellm_readiness(struct exchange *ex, struct str tail)
{
    const struct regions *regions = ex->admin->regions;
    struct snapshot *s = arena_alloc(ex->arena, sizeof(*s));
    struct writer w = WRITER_INIT(&ex->out);
    char why[128];

    (void)tail;
    snapshot_take(&regions->live, clock_mono_ms(), s);
    bool is_ready =
        snapshot_is_ready(s, published_generation(&regions->published), why, sizeof(why));
    writer_object(&w, NULL);
    writer_cstr(&w, "status", is_ready ? "healthy" : "unhealthy");
    writer_cstr(&w, "db", "connected"); /* there is none to lose: state is the gateway's own */
    writer_null(&w, "cache");
    writer_cstr(&w, "litellm_version", "bowfin " BF_VERSION);
    writer_array(&w, "success_callbacks");
    writer_array_end(&w);
    if (!is_ready)
        writer_cstr(&w, "detail", why);
    writer_object_end(&w);
    exchange_json(ex, is_ready ? 200 : 503);
}
