#include "conf/export.h"

#include <string.h>

#include "conf/export_money.h"
#include "conf/export_parts.h"
#include "conf/load_capacity.h"
#include "conf/values.h"

void export_weight(struct emitter *w, uint32_t thousandths)
{
    struct buf b = BUF_INIT;

    value_format_thousandths(&b, thousandths);
    emit_raw(w, "weight", b.data);
    buf_fini(&b);
}

static void put_secret(struct emitter *w, const char *key, const struct secret_text *secret)
{
    if (secret->bytes.len > 0)
        emit_text(w, key, secret->source != NULL ? secret->source : EXPORT_MASK);
}

/* http://user:password@proxy:3128 without its middle */
static void put_proxy(struct emitter *w, const char *proxy)
{
    const char *host = proxy != NULL ? strrchr(proxy, '@') : NULL;
    const char *scheme = host != NULL ? strstr(proxy, "://") : NULL;
    struct buf b = BUF_INIT;

    if (host == NULL || scheme == NULL) {
        emit_optional(w, "proxy", proxy);
        return;
    }
    buf_add(&b, proxy, (size_t)(scheme + 3 - proxy));
    buf_printf(&b, "%s%s", EXPORT_MASK, host);
    emit_text(w, "proxy", b.data);
    buf_fini(&b);
}

/* --- the parts, in the order of the tables --- */

static void put_listeners(struct emitter *w, const struct config *c)
{
    emit_open(w, "listen", true);
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listener *listener = &c->listeners[i];

        if (listener->tls.certificate == NULL) {
            emit_text(w, NULL, listener->address);
            continue;
        }
        emit_open(w, NULL, false);
        emit_text(w, "address", listener->address);
        emit_open(w, "tls", false);
        emit_text(w, "certificate", listener->tls.certificate);
        emit_text(w, "key", listener->tls.key);
        emit_close(w);
        emit_close(w);
    }
    emit_close(w);
}

static void put_aws(struct emitter *w, const struct conf_aws *a)
{
    emit_open(w, "aws", false);
    put_secret(w, "access_key_id", &a->access_key_id);
    put_secret(w, "secret_access_key", &a->secret_access_key);
    put_secret(w, "session_token", &a->session_token);
    emit_optional(w, "region", a->region);
    emit_optional(w, "profile", a->profile);
    emit_optional(w, "role_arn", a->role_arn);
    put_secret(w, "external_id", &a->external_id);
    emit_close(w);
}

static void put_gcp(struct emitter *w, const struct conf_gcp *g)
{
    emit_open(w, "gcp", false);
    emit_optional(w, "credentials_file", g->credentials_file);
    if (g->credentials_file == NULL)
        put_secret(w, "credentials", &g->credentials);
    emit_optional(w, "project", g->project);
    emit_optional(w, "location", g->location);
    emit_close(w);
}

static void put_azure(struct emitter *w, const struct conf_azure *a)
{
    emit_open(w, "azure", false);
    emit_optional(w, "tenant_id", a->tenant_id);
    emit_optional(w, "client_id", a->client_id);
    put_secret(w, "client_secret", &a->client_secret);
    emit_optional(w, "scope", a->scope);
    emit_bool(w, "managed_identity", a->managed_identity);
    emit_close(w);
}

static void put_rate(struct emitter *w, const char *key, const struct conf_rate *rate)
{
    char text[CAPACITY_TEXT_MAX];

    if (rate->amount == 0)
        return;
    capacity_format(text, rate);
    emit_text(w, key, text);
}

static void put_capacity(struct emitter *w, const struct conf_capacity *c)
{
    if (c->requests.amount == 0 && c->tokens.amount == 0)
        return;
    emit_open(w, "capacity", false);
    put_rate(w, "requests", &c->requests);
    put_rate(w, "tokens", &c->tokens);
    emit_close(w);
}

static void put_key(struct emitter *w, const struct conf_provider_key *k)
{
    emit_open(w, NULL, false);
    emit_text(w, "name", k->name);
    put_secret(w, "value", &k->value);
    if (k->kind == CONF_KEY_AWS)
        put_aws(w, &k->aws);
    else if (k->kind == CONF_KEY_GCP)
        put_gcp(w, &k->gcp);
    else if (k->kind == CONF_KEY_AZURE)
        put_azure(w, &k->azure);
    export_weight(w, k->weight);
    if (k->n_tags > 0)
        emit_texts(w, "tags", k->tags, k->n_tags);
    emit_texts(w, "models", k->models, k->n_models);
    put_capacity(w, &k->capacity);
    emit_close(w);
}

static void put_provider(struct emitter *w, const struct conf_provider *p)
{
    emit_open(w, p->name, false);
    emit_text(w, "vendor", p->vendor_name);
    emit_optional(w, "base_url", p->base_url);
    for (size_t i = 0; i < CONF_PARTS; i++)
        emit_optional(w, conf_part_names[i], p->parts[i]);
    emit_optional(w, "api_version", p->api_version);
    emit_optional(w, "dialect", p->dialect);
    emit_open(w, "keys", true);
    for (size_t i = 0; i < p->n_keys; i++)
        put_key(w, &p->keys[i]);
    emit_close(w);
    emit_texts(w, "models", p->models, p->n_models);
    emit_open(w, "timeout", false);
    emit_formatted(w, "connect", p->connect_ms, value_format_duration);
    emit_formatted(w, "first_byte", p->first_byte_ms, value_format_duration);
    emit_formatted(w, "between_bytes", p->between_bytes_ms, value_format_duration);
    emit_formatted(w, "total", p->total_ms, value_format_duration);
    emit_close(w);
    emit_open(w, "headers", false);
    for (size_t i = 0; i < p->n_headers; i++)
        emit_text(w, p->headers[i].name,
                  p->headers[i].source != NULL ? p->headers[i].source : EXPORT_MASK);
    emit_close(w);
    put_proxy(w, p->proxy);
    emit_optional(w, "ca_file", p->ca_file);
    emit_bool(w, "tls_verify", p->tls_verify);
    emit_bool(w, "http2", p->http2);
    emit_bool(w, "h2c", p->h2c);
    if (p->rules != NULL)
        export_rules(w, p->rules, NULL, NULL);
    emit_close(w);
}

static void put_models(struct emitter *w, const struct config *c)
{
    emit_open(w, "models", false);
    for (size_t i = 0; i < c->n_models; i++) {
        const struct conf_model *m = &c->models[i];

        emit_open(w, m->name, false);
        emit_open(w, "targets", true);
        for (size_t j = 0; j < m->n_targets; j++)
            export_target(w, &m->targets[j]);
        emit_close(w);
        export_model_routing(w, m);
        emit_close(w);
    }
    emit_close(w);
}

static void put_tokens(struct emitter *w, const char *key, uint32_t n)
{
    if (n > 0)
        emit_number(w, key, n);
}

/* A vendor's ids stand together in the file; here they do so again. */
static void put_ids(struct emitter *w, const struct conf_known *k)
{
    emit_open(w, "ids", false);
    for (size_t i = 0; i < k->n_ids; i++) {
        if (i > 0 && strcmp(k->ids[i - 1].vendor, k->ids[i].vendor) == 0)
            continue;
        emit_open(w, k->ids[i].vendor, true);
        for (size_t j = i; j < k->n_ids && strcmp(k->ids[j].vendor, k->ids[i].vendor) == 0; j++)
            emit_text(w, NULL, k->ids[j].id);
        emit_close(w);
    }
    emit_close(w);
}

static void put_known(struct emitter *w, const struct conf_known *k)
{
    emit_open(w, k->name, false);
    emit_optional(w, "title", k->title);
    emit_optional(w, "maker", k->maker);
    emit_date(w, "released", k->released);
    emit_date(w, "knowledge", k->knowledge);
    put_tokens(w, "context", k->context);
    put_tokens(w, "max_output", k->max_output);
    if (k->has_can) {
        emit_open(w, "can", true);
        for (size_t i = 0; i < CONF_CANS; i++) {
            if ((k->can & (1u << i)) != 0)
                emit_text(w, NULL, conf_can_names[i]);
        }
        emit_close(w);
    }
    if (k->n_ids > 0)
        put_ids(w, k);
    emit_close(w);
}

static void put_catalogue(struct emitter *w, const struct config *c)
{
    if (c->catalogue_file != NULL || c->n_catalogue == 0) {
        emit_optional(w, "catalogue", c->catalogue_file);
        return;
    }
    emit_open(w, "catalogue", false);
    for (size_t i = 0; i < c->n_catalogue; i++)
        put_known(w, &c->catalogue[i]);
    emit_close(w);
}

static void put_limits(struct emitter *w, const struct conf_limits *limits)
{
    emit_open(w, "limits", false);
    emit_formatted(w, "body_max", limits->body_max_bytes, value_format_size);
    emit_formatted(w, "relay_max", limits->relay_max_bytes, value_format_size);
    emit_formatted(w, "buffered_max", limits->buffered_max_bytes, value_format_size);
    emit_number(w, "connections", limits->connections);
    emit_number(w, "streams", limits->streams);
    emit_number(w, "streams_per_second", limits->streams_per_second);
    emit_number(w, "resets", limits->resets);
    emit_number(w, "attempts", limits->attempts);
    emit_formatted(w, "retry_ratio", limits->retry_ratio, export_percent);
    if (limits->in_flight > 0)
        emit_number(w, "in_flight", limits->in_flight);
    emit_formatted(w, "header_timeout", limits->header_ms, value_format_duration);
    emit_formatted(w, "body_timeout", limits->body_ms, value_format_duration);
    emit_formatted(w, "idle_timeout", limits->idle_ms, value_format_duration);
    emit_close(w);
}

void config_export(const struct config *c, enum config_format format, struct buf *out)
{
    struct emitter w = {.out = out, .format = format};

    emit_open(&w, NULL, false);
    put_listeners(&w, c);
    if (c->workers == 0)
        emit_text(&w, "workers", "auto");
    else
        emit_number(&w, "workers", c->workers);
    emit_bool(&w, "require_key", c->require_key);
    emit_bool(&w, "http2", c->http2);
    if (c->admin_token.bytes.len > 0) {
        emit_open(&w, "admin", false);
        put_secret(&w, "token", &c->admin_token);
        emit_close(&w);
    }
    emit_open(&w, "providers", false);
    for (size_t i = 0; i < c->n_providers; i++)
        put_provider(&w, &c->providers[i]);
    emit_close(&w);
    put_models(&w, c);
    export_queue(&w, &c->queue);
    export_routing(&w, c);
    put_catalogue(&w, c);
    export_prices(&w, c);
    export_money(&w, c);
    put_limits(&w, &c->limits);
    emit_open(&w, "log", false);
    emit_text(&w, "level", c->log.level);
    emit_number(&w, "max_records", c->log.max_records);
    emit_formatted(&w, "max_age", c->log.max_age_ms, value_format_duration);
    emit_close(&w);
    emit_formatted(&w, "drain_timeout", c->drain_ms, value_format_duration);
    emit_text(&w, "user", c->user);
    emit_close(&w);
    if (format == CONFIG_YAML)
        buf_char(out, '\n');
}
