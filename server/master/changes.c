#include "server/master/changes.h"

#include <stdlib.h>
#include <string.h>

#include "conf/entity.h"
#include "conf/export_money.h"
#include "conf/price.h"
#include "conf/routing.h"
#include "server/base/alloc.h"
#include "server/master/credentials.h"

void changes_add(struct changes *c, const char *kind, struct str name, const char *what)
{
    if (c->n++ < CHANGES_SHOWN)
        buf_printf(&c->lines, "%s %.*s: %s\n", kind, STR_ARGS(name), what);
}

void changes_json(const struct changes *c, struct buf *out)
{
    struct str rest = buf_view(&c->lines);
    struct str line;
    bool first = true;

    while (str_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        if (!first)
            buf_char(out, ',');
        buf_json(out, line);
        first = false;
    }
    if (c->n > CHANGES_SHOWN)
        buf_printf(out, ",\"and %zu more\"", c->n - CHANGES_SHOWN);
}

void changes_fini(struct changes *c)
{
    buf_fini(&c->lines);
    c->n = 0;
}

/* --- entities --- */

struct writer {
    struct entities *out;
    struct buf json;
    struct buf secret; /* goes into the digest only */
};

static void add(struct writer *w, const char *kind, const char *name)
{
    struct entity *e = &w->out->items[w->out->n++];
    struct buf all = BUF_INIT;

    e->kind = kind;
    e->name = arena_str(w->out->arena, str_of(name));
    e->json = arena_str(w->out->arena, buf_view(&w->json));
    buf_reserve(&all, w->json.len + w->secret.len);
    buf_str(&all, buf_view(&w->json));
    buf_str(&all, buf_view(&w->secret));
    crypto_sha256(buf_view(&all), e->digest);
    crypto_wipe(all.data, all.cap);
    buf_fini(&all);
    if (w->secret.data != NULL)
        crypto_wipe(w->secret.data, w->secret.cap);
    buf_clear(&w->secret);
    buf_clear(&w->json);
}

static void add_secret(struct writer *w, struct str secret)
{
    if (w->secret.len == 0)
        buf_reserve(&w->secret, 65536); /* growing would leave a copy behind */
    buf_printf(&w->secret, "%zu:", secret.len);
    buf_str(&w->secret, secret);
}

static void put_list(struct buf *out, const char *name, const char *const *items, size_t n)
{
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        buf_json(out, str_of(items[i]));
    }
    buf_char(out, ']');
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(out, ",\"%s\":", name);
    buf_json(out, str_of(value));
}

static void add_credential(struct writer *w, const struct conf_provider *p,
                           const struct conf_provider_key *k)
{
    struct credential credential;
    struct buf packed = BUF_INIT;

    if (!credentials_of(p, k, &credential))
        return;
    buf_reserve(&packed, credentials_bytes(p, k));
    credential_pack(&credential, &packed);
    add_secret(w, buf_view(&packed));
    crypto_wipe(packed.data, packed.cap);
    buf_fini(&packed);
}

static void put_rules(struct buf *out, const struct conf_rules *rules)
{
    struct emitter w = {.out = out, .format = CONFIG_JSON};

    buf_cstr(out, ",\"rules\":");
    emit_open(&w, NULL, false);
    export_rules(&w, rules, NULL, NULL);
    emit_close(&w);
}

static void add_provider(struct writer *w, const struct conf_provider *p)
{
    struct buf *j = &w->json;

    buf_cstr(j, "{\"vendor\":");
    buf_json(j, str_of(p->vendor_name));
    put_text(j, "base_url", p->base_url);
    put_text(j, "dialect", p->dialect);
    put_text(j, "proxy", p->proxy);
    put_text(j, "ca_file", p->ca_file);
    buf_printf(j, ",\"tls_verify\":%s,\"http2\":%s,\"h2c\":%s", p->tls_verify ? "true" : "false",
               p->http2 ? "true" : "false", p->h2c ? "true" : "false");
    buf_printf(j, ",\"timeout_ms\":[%ju,%ju,%ju,%ju]", (uintmax_t)p->connect_ms,
               (uintmax_t)p->first_byte_ms, (uintmax_t)p->between_bytes_ms, (uintmax_t)p->total_ms);
    put_list(j, "models", p->models, p->n_models);
    buf_cstr(j, ",\"headers\":[");
    for (size_t i = 0; i < p->n_headers; i++) {
        if (i > 0)
            buf_char(j, ',');
        buf_json(j, str_of(p->headers[i].name)); /* the value may be a credential */
        add_secret(w, str_of(p->headers[i].value));
    }
    buf_char(j, ']');
    put_text(j, "root", p->root);
    put_text(j, "api_version", p->api_version);
    buf_cstr(j, ",\"keys\":[");
    for (size_t i = 0; i < p->n_keys; i++) {
        const struct conf_provider_key *k = &p->keys[i];

        buf_cstr(j, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_json(j, str_of(k->name));
        buf_printf(j, ",\"weight\":%u", k->weight);
        put_text(j, "value", k->value.source);
        put_text(j, "region", k->aws.region);
        put_list(j, "models", k->models, k->n_models);
        put_list(j, "tags", k->tags, k->n_tags);
        buf_char(j, '}');
        add_secret(w, k->value.bytes);
        add_credential(w, p, k);
    }
    buf_char(j, ']');
    if (p->rules != NULL)
        put_rules(j, p->rules);
    buf_char(j, '}');
    add(w, "provider", p->name);
}

static void put_caller(struct buf *j, const char *key, const struct conf_caller *c)
{
    buf_printf(j, ",\"%s\":%u", key, c->kind);
    put_text(j, key, c->name);
}

static void add_model(struct writer *w, const struct conf_model *m)
{
    struct buf *j = &w->json;

    buf_cstr(j, "{\"targets\":[");
    for (size_t i = 0; i < m->n_targets; i++) {
        buf_cstr(j, i > 0 ? ",{\"model\":" : "{\"model\":");
        buf_json(j, str_of(m->targets[i].name));
        buf_printf(j, ",\"weight\":%u,\"share\":%u", m->targets[i].weight, m->targets[i].share);
        put_list(j, "tags", m->targets[i].tags, m->targets[i].n_tags);
        buf_char(j, '}');
    }
    buf_char(j, ']');
    put_caller(j, "sticky", &m->sticky);
    put_caller(j, "affinity", &m->affinity);
    put_list(j, "fallbacks", m->fallbacks, m->n_fallbacks);
    buf_printf(j, ",\"timeout_ms\":[%ju,%ju]", (uintmax_t)m->first_byte_ms,
               (uintmax_t)m->between_bytes_ms);
    buf_printf(j, ",\"hedge\":[%ju,%u,%u]", (uintmax_t)m->hedge.after_ms, m->hedge.percentile,
               m->hedge.at_most);
    put_list(j, "context_fallbacks", m->context_fallbacks, m->n_context_fallbacks);
    put_list(j, "content_filter_fallbacks", m->filter_fallbacks, m->n_filter_fallbacks);
    buf_printf(j, ",\"throughput\":[%u,%ju]", m->at_least, (uintmax_t)m->over_ms);
    buf_cstr(j, ",\"shadow\":[");
    buf_json(j, str_of(m->shadow.provider));
    buf_char(j, ',');
    buf_json(j, str_of(m->shadow.model));
    buf_printf(j, ",%u,%ju]}", m->shadow.share, (uintmax_t)m->shadow.timeout_ms);
    add(w, "model", m->name);
}

/* Unnamed ones are told apart by their place. */
static void add_rule(struct writer *w, size_t place, const struct conf_rule *r)
{
    struct buf *j = &w->json;

    buf_cstr(j, "{\"use\":");
    buf_json(j, str_of(r->use));
    put_text(j, "when", r->when);
    put_text(j, "whose", r->whose);
    buf_printf(j, ",\"scope\":%u,\"priority\":%u}", r->scope, r->priority);
    add(w, "rule",
        arena_printf(w->out->arena, "%zu%s%s", place + 1, r->name != NULL ? " " : "",
                     r->name != NULL ? r->name : "")
            .p);
}

static void add_known(struct writer *w, const struct conf_known *k)
{
    struct buf *j = &w->json;

    buf_printf(j, "{\"context\":%u,\"max_output\":%u,\"released\":%u,\"knowledge\":%u", k->context,
               k->max_output, k->released, k->knowledge);
    if (k->has_can)
        buf_printf(j, ",\"can\":%u", k->can);
    put_text(j, "title", k->title);
    put_text(j, "maker", k->maker);
    buf_cstr(j, ",\"ids\":[");
    for (size_t i = 0; i < k->n_ids; i++) {
        buf_cstr(j, i > 0 ? ",{\"vendor\":" : "{\"vendor\":");
        buf_json(j, str_of(k->ids[i].vendor));
        put_text(j, "id", k->ids[i].id);
        buf_char(j, '}');
    }
    buf_cstr(j, "]}");
    add(w, "catalogue", k->name);
}

static void add_price(struct writer *w, const char *name, const struct conf_price *p)
{
    struct buf *j = &w->json;

    buf_cstr(j, "{\"tiers\":[");
    for (size_t i = 0; i < p->n_tiers; i++) {
        const struct conf_price_tier *t = &p->tiers[i];

        buf_printf(j, "%s[%u,%ju", i > 0 ? "," : "", t->service, (uintmax_t)t->above);
        for (size_t k = 0; k < CONF_CLASSES; k++)
            buf_printf(j, ",%ju", (uintmax_t)t->rates.rate[k]);
        buf_char(j, ']');
    }
    buf_cstr(j, "],\"services\":[");
    for (size_t i = 0; i < CONF_SERVICES; i++)
        buf_printf(j, "%s%u", i > 0 ? "," : "", p->permille[i]);
    buf_cstr(j, "],\"fees\":[");
    for (size_t i = 0; i < CONF_FEES; i++)
        buf_printf(j, "%s%ju", i > 0 ? "," : "", (uintmax_t)p->fees[i]);
    buf_char(j, ']');
    put_list(j, "vendors", p->vendors, p->n_vendors);
    put_list(j, "also", p->also, p->n_also);
    buf_char(j, '}');
    add(w, "price", name);
}

/* As the API shows it: entity_get reads it again from the store's mirror. */
static void add_entity(struct writer *w, const struct conf_entity *e)
{
    conf_entity_json(e, &w->json);
    add(w, conf_kind_names[e->kind], e->name);
}

static void add_owners(struct writer *w, const struct config *c)
{
    for (size_t i = 0; i < c->n_customers; i++)
        add_entity(w, &(struct conf_entity){.kind = CONF_CUSTOMER,
                                            .name = c->customers[i].name,
                                            .customer = c->customers[i]});
    for (size_t i = 0; i < c->n_teams; i++)
        add_entity(w, &(struct conf_entity){
                          .kind = CONF_TEAM, .name = c->teams[i].name, .team = c->teams[i]});
    for (size_t i = 0; i < c->n_model_limits; i++)
        add_entity(w, &(struct conf_entity){.kind = CONF_MODEL_LIMIT,
                                            .name = c->model_limits[i].model,
                                            .limit = c->model_limits[i]});
}

static void add_listener(struct writer *w, const struct conf_listener *l)
{
    buf_cstr(&w->json, "{\"address\":");
    buf_json(&w->json, str_of(l->address));
    put_text(&w->json, "certificate", l->tls.certificate);
    put_text(&w->json, "key", l->tls.key);
    buf_char(&w->json, '}');
    add(w, "listener", l->address);
}

static void add_limits(struct writer *w, const struct conf_limits *l)
{
    buf_printf(&w->json,
               "{\"body\":%ju,\"relay\":%ju,\"buffered\":%ju,\"connections\":%u,\"streams\":%u,"
               "\"streams_per_second\":%u,\"resets\":%u,\"attempts\":%u,\"retry_ratio\":%u,"
               "\"header_ms\":%ju,"
               "\"body_ms\":%ju,\"idle_ms\":%ju}",
               (uintmax_t)l->body_max_bytes, (uintmax_t)l->relay_max_bytes,
               (uintmax_t)l->buffered_max_bytes, l->connections, l->streams, l->streams_per_second,
               l->resets, l->attempts, l->retry_ratio, (uintmax_t)l->header_ms,
               (uintmax_t)l->body_ms, (uintmax_t)l->idle_ms);
    add(w, "setting", "limits");
}

static void add_settings(struct writer *w, const struct config *c)
{
    struct buf *j = &w->json;

    add_limits(w, &c->limits);
    buf_printf(j, "{\"max_records\":%ju,\"max_age_ms\":%ju", (uintmax_t)c->log.max_records,
               (uintmax_t)c->log.max_age_ms);
    put_text(j, "level", c->log.level);
    buf_char(j, '}');
    add(w, "setting", "log");
    buf_printf(j, "%u", c->workers);
    add(w, "setting", "workers");
    buf_printf(j, "%s", c->require_key ? "true" : "false");
    add(w, "setting", "require_key");
    buf_printf(j, "%s", c->http2 ? "true" : "false");
    add(w, "setting", "http2");
    buf_printf(j, "%ju", (uintmax_t)c->drain_ms);
    add(w, "setting", "drain");
    buf_json(j, str_of(c->user));
    add(w, "setting", "user");
    buf_printf(j, "%ju", (uintmax_t)(c->durability_strict ? 0 : c->durability_ms));
    add(w, "setting", "durability");
    buf_printf(j, "%s", c->finish_on_disconnect ? "\"finish\"" : "\"cancel\"");
    add(w, "setting", "on_disconnect");
    buf_printf(j, "%u", c->unknown_price);
    add(w, "setting", "unknown_price");
    buf_printf(j, "%u", c->budget_status);
    add(w, "setting", "budget_status");
    buf_printf(j, "%s", c->admin_token.bytes.len > 0 ? "\"set\"" : "\"generated\"");
    add_secret(w, c->admin_token.bytes);
    add(w, "setting", "admin");
}

static int compare(const void *left, const void *right)
{
    const struct entity *a = left;
    const struct entity *b = right;
    int order = strcmp(a->kind, b->kind);

    return order != 0 ? order : str_cmp(a->name, b->name);
}

struct entities *entities_create(const struct config *conf)
{
    struct entities *e = xcalloc(1, sizeof(*e));
    struct writer w = {e, BUF_INIT, BUF_INIT};

    e->arena = arena_create(16384);
    e->items =
        arena_alloc(e->arena, (conf->n_providers + conf->n_models + conf->n_catalogue +
                               conf->n_prices + conf->n_listeners + conf->n_rules +
                               conf->n_customers + conf->n_teams + conf->n_model_limits + 16) *
                                  sizeof(*e->items));
    for (size_t i = 0; i < conf->n_providers; i++)
        add_provider(&w, &conf->providers[i]);
    for (size_t i = 0; i < conf->n_models; i++)
        add_model(&w, &conf->models[i]);
    for (size_t i = 0; i < conf->n_rules; i++)
        add_rule(&w, i, &conf->rules[i]);
    for (size_t i = 0; i < conf->n_catalogue; i++)
        add_known(&w, &conf->catalogue[i]);
    for (size_t i = 0; i < conf->n_prices; i++)
        add_price(&w, conf->prices[i].name, &conf->prices[i]);
    if (conf->price_default != NULL)
        add_price(&w, "default of all", conf->price_default);
    for (size_t i = 0; i < conf->n_listeners; i++)
        add_listener(&w, &conf->listeners[i]);
    add_owners(&w, conf);
    add_settings(&w, conf);
    qsort(e->items, e->n, sizeof(*e->items), compare);
    buf_fini(&w.json);
    buf_fini(&w.secret);
    return e;
}

void entities_free(struct entities *e)
{
    if (e == NULL)
        return;
    arena_free(e->arena);
    free(e);
}

void entities_diff(const struct entities *old, const struct entities *new, struct changes *out)
{
    size_t i = 0;
    size_t j = 0;
    size_t n_old = old != NULL ? old->n : 0;

    while (i < n_old || j < new->n) {
        int order = i == n_old ? 1 : j == new->n ? -1 : compare(&old->items[i], &new->items[j]);

        if (order < 0) {
            changes_add(out, old->items[i].kind, old->items[i].name, "removed");
            i++;
        } else if (order > 0) {
            changes_add(out, new->items[j].kind, new->items[j].name, "added");
            j++;
        } else {
            if (memcmp(old->items[i].digest, new->items[j].digest, SHA256_BYTES) != 0)
                changes_add(out, new->items[j].kind, new->items[j].name, "changed");
            i++;
            j++;
        }
    }
}
