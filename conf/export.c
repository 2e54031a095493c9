#include "conf/export.h"

#include <string.h>

#include "conf/values.h"

#define DEPTH_MAX 12

/* Where the writer stands: both formats are written by the same calls. */
struct writer {
    struct buf *out;
    enum config_format format;
    int depth;
    bool is_list[DEPTH_MAX];
    bool has_items[DEPTH_MAX];
    bool on_dash; /* YAML: the line's "- " is written, its first member follows on it */
};

/* What stands before a value: separators, indentation, the key (NULL in a list). */
static void begin_item(struct writer *w, const char *key)
{
    bool first = !w->has_items[w->depth];

    w->has_items[w->depth] = true;
    if (w->format == CONFIG_JSON) {
        if (!first)
            buf_char(w->out, ',');
        if (key != NULL) {
            buf_json(w->out, str_of(key));
            buf_char(w->out, ':');
        }
        return;
    }
    if (w->on_dash)
        w->on_dash = false;
    else if (w->out->len > 0)
        buf_printf(w->out, "\n%*s", (w->depth - 1) * 2, "");
    if (w->is_list[w->depth])
        buf_cstr(w->out, "- ");
    if (key != NULL) {
        /* A name of anybody's choice needs quotes; those of the tables do not. */
        if (strspn(key, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(key) &&
            strspn(key, "0123456789") == 0)
            buf_cstr(w->out, key);
        else
            buf_json(w->out, str_of(key));
        buf_char(w->out, ':');
    }
}

static void open_level(struct writer *w, const char *key, bool is_list)
{
    bool in_list = w->depth > 0 && w->is_list[w->depth];

    if (w->depth > 0)
        begin_item(w, key);
    must(w->depth + 1 < DEPTH_MAX);
    w->depth++;
    w->is_list[w->depth] = is_list;
    w->has_items[w->depth] = false;
    w->on_dash = w->format == CONFIG_YAML && in_list;
    if (w->format == CONFIG_JSON)
        buf_char(w->out, is_list ? '[' : '{');
}

static void close_level(struct writer *w)
{
    bool is_list = w->is_list[w->depth];
    bool empty = !w->has_items[w->depth];

    w->depth--;
    if (w->format == CONFIG_JSON)
        buf_char(w->out, is_list ? ']' : '}');
    else if (empty)
        buf_printf(w->out, "%s%s", w->on_dash ? "" : " ", is_list ? "[]" : "{}");
    if (empty)
        w->on_dash = false;
}

static void put_raw(struct writer *w, const char *key, const char *text)
{
    begin_item(w, key);
    if (w->format == CONFIG_YAML && key != NULL)
        buf_char(w->out, ' ');
    buf_cstr(w->out, text);
}

static void put_text(struct writer *w, const char *key, const char *text)
{
    begin_item(w, key);
    if (w->format == CONFIG_YAML && key != NULL)
        buf_char(w->out, ' ');
    buf_json(w->out, str_of(text));
}

static void put_optional(struct writer *w, const char *key, const char *text)
{
    if (text != NULL)
        put_text(w, key, text);
}

static void put_bool(struct writer *w, const char *key, bool value)
{
    put_raw(w, key, value ? "true" : "false");
}

static void put_number(struct writer *w, const char *key, uint64_t n)
{
    struct buf b = BUF_INIT;

    buf_u64(&b, n);
    put_raw(w, key, b.data);
    buf_fini(&b);
}

static void put_weight(struct writer *w, uint32_t thousandths)
{
    struct buf b = BUF_INIT;

    value_format_thousandths(&b, thousandths);
    put_raw(w, "weight", b.data);
    buf_fini(&b);
}

static void put_formatted(struct writer *w, const char *key, uint64_t value,
                          void (*format)(struct buf *, uint64_t))
{
    struct buf b = BUF_INIT;

    format(&b, value);
    put_text(w, key, b.data);
    buf_fini(&b);
}

static void put_texts(struct writer *w, const char *key, const char *const *texts, size_t n)
{
    open_level(w, key, true);
    for (size_t i = 0; i < n; i++)
        put_text(w, NULL, texts[i]);
    close_level(w);
}

static void put_secret(struct writer *w, const char *key, const struct secret_text *secret)
{
    if (secret->bytes.len > 0)
        put_text(w, key, secret->source != NULL ? secret->source : EXPORT_MASK);
}

/* http://user:password@proxy:3128 without its middle */
static void put_proxy(struct writer *w, const char *proxy)
{
    const char *host = proxy != NULL ? strrchr(proxy, '@') : NULL;
    const char *scheme = host != NULL ? strstr(proxy, "://") : NULL;
    struct buf b = BUF_INIT;

    if (host == NULL || scheme == NULL) {
        put_optional(w, "proxy", proxy);
        return;
    }
    buf_add(&b, proxy, (size_t)(scheme + 3 - proxy));
    buf_printf(&b, "%s%s", EXPORT_MASK, host);
    put_text(w, "proxy", b.data);
    buf_fini(&b);
}

/* --- the parts, in the order of the tables --- */

static void put_listeners(struct writer *w, const struct config *c)
{
    open_level(w, "listen", true);
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listener *listener = &c->listeners[i];

        if (listener->tls.certificate == NULL) {
            put_text(w, NULL, listener->address);
            continue;
        }
        open_level(w, NULL, false);
        put_text(w, "address", listener->address);
        open_level(w, "tls", false);
        put_text(w, "certificate", listener->tls.certificate);
        put_text(w, "key", listener->tls.key);
        close_level(w);
        close_level(w);
    }
    close_level(w);
}

static void put_aws(struct writer *w, const struct conf_aws *a)
{
    open_level(w, "aws", false);
    put_secret(w, "access_key_id", &a->access_key_id);
    put_secret(w, "secret_access_key", &a->secret_access_key);
    put_secret(w, "session_token", &a->session_token);
    put_optional(w, "region", a->region);
    put_optional(w, "profile", a->profile);
    put_optional(w, "role_arn", a->role_arn);
    put_secret(w, "external_id", &a->external_id);
    close_level(w);
}

static void put_gcp(struct writer *w, const struct conf_gcp *g)
{
    open_level(w, "gcp", false);
    put_optional(w, "credentials_file", g->credentials_file);
    if (g->credentials_file == NULL)
        put_secret(w, "credentials", &g->credentials);
    put_optional(w, "project", g->project);
    put_optional(w, "location", g->location);
    close_level(w);
}

static void put_azure(struct writer *w, const struct conf_azure *a)
{
    open_level(w, "azure", false);
    put_optional(w, "tenant_id", a->tenant_id);
    put_optional(w, "client_id", a->client_id);
    put_secret(w, "client_secret", &a->client_secret);
    put_optional(w, "scope", a->scope);
    put_bool(w, "managed_identity", a->managed_identity);
    close_level(w);
}

static void put_key(struct writer *w, const struct conf_provider_key *k)
{
    open_level(w, NULL, false);
    put_text(w, "name", k->name);
    put_secret(w, "value", &k->value);
    if (k->kind == CONF_KEY_AWS)
        put_aws(w, &k->aws);
    else if (k->kind == CONF_KEY_GCP)
        put_gcp(w, &k->gcp);
    else if (k->kind == CONF_KEY_AZURE)
        put_azure(w, &k->azure);
    put_weight(w, k->weight);
    put_texts(w, "models", k->models, k->n_models);
    close_level(w);
}

static void put_provider(struct writer *w, const struct conf_provider *p)
{
    open_level(w, p->name, false);
    put_text(w, "vendor", p->vendor_name);
    put_optional(w, "base_url", p->base_url);
    for (size_t i = 0; i < CONF_PARTS; i++)
        put_optional(w, conf_part_names[i], p->parts[i]);
    put_optional(w, "api_version", p->api_version);
    put_optional(w, "dialect", p->dialect);
    open_level(w, "keys", true);
    for (size_t i = 0; i < p->n_keys; i++)
        put_key(w, &p->keys[i]);
    close_level(w);
    put_texts(w, "models", p->models, p->n_models);
    open_level(w, "timeout", false);
    put_formatted(w, "connect", p->connect_ms, value_format_duration);
    put_formatted(w, "first_byte", p->first_byte_ms, value_format_duration);
    put_formatted(w, "between_bytes", p->between_bytes_ms, value_format_duration);
    put_formatted(w, "total", p->total_ms, value_format_duration);
    close_level(w);
    open_level(w, "headers", false);
    for (size_t i = 0; i < p->n_headers; i++)
        put_text(w, p->headers[i].name,
                 p->headers[i].source != NULL ? p->headers[i].source : EXPORT_MASK);
    close_level(w);
    put_proxy(w, p->proxy);
    put_optional(w, "ca_file", p->ca_file);
    put_bool(w, "tls_verify", p->tls_verify);
    put_bool(w, "http2", p->http2);
    put_bool(w, "h2c", p->h2c);
    close_level(w);
}

static void put_models(struct writer *w, const struct config *c)
{
    open_level(w, "models", false);
    for (size_t i = 0; i < c->n_models; i++) {
        const struct conf_model *m = &c->models[i];

        open_level(w, m->name, false);
        open_level(w, "targets", true);
        for (size_t j = 0; j < m->n_targets; j++) {
            struct buf b = BUF_INIT;

            buf_printf(&b, "%s/%s", m->targets[j].provider, m->targets[j].model);
            open_level(w, NULL, false);
            put_text(w, "model", b.data);
            put_weight(w, m->targets[j].weight);
            close_level(w);
            buf_fini(&b);
        }
        close_level(w);
        close_level(w);
    }
    close_level(w);
}

static void put_date(struct writer *w, const char *key, uint32_t date)
{
    struct buf b = BUF_INIT;

    if (date == 0)
        return;
    buf_printf(&b, "%04u", date / 10000);
    if (date / 100 % 100 != 0)
        buf_printf(&b, "-%02u", date / 100 % 100);
    if (date % 100 != 0)
        buf_printf(&b, "-%02u", date % 100);
    put_text(w, key, b.data);
    buf_fini(&b);
}

static void put_tokens(struct writer *w, const char *key, uint32_t n)
{
    if (n > 0)
        put_number(w, key, n);
}

/* A vendor's ids stand together in the file; here they do so again. */
static void put_ids(struct writer *w, const struct conf_known *k)
{
    open_level(w, "ids", false);
    for (size_t i = 0; i < k->n_ids; i++) {
        if (i > 0 && strcmp(k->ids[i - 1].vendor, k->ids[i].vendor) == 0)
            continue;
        open_level(w, k->ids[i].vendor, true);
        for (size_t j = i; j < k->n_ids && strcmp(k->ids[j].vendor, k->ids[i].vendor) == 0; j++)
            put_text(w, NULL, k->ids[j].id);
        close_level(w);
    }
    close_level(w);
}

static void put_known(struct writer *w, const struct conf_known *k)
{
    open_level(w, k->name, false);
    put_optional(w, "title", k->title);
    put_optional(w, "maker", k->maker);
    put_date(w, "released", k->released);
    put_date(w, "knowledge", k->knowledge);
    put_tokens(w, "context", k->context);
    put_tokens(w, "max_output", k->max_output);
    if (k->has_can) {
        open_level(w, "can", true);
        for (size_t i = 0; i < CONF_CANS; i++) {
            if ((k->can & (1u << i)) != 0)
                put_text(w, NULL, conf_can_names[i]);
        }
        close_level(w);
    }
    if (k->n_ids > 0)
        put_ids(w, k);
    close_level(w);
}

static void put_catalogue(struct writer *w, const struct config *c)
{
    if (c->catalogue_file != NULL || c->n_catalogue == 0) {
        put_optional(w, "catalogue", c->catalogue_file);
        return;
    }
    open_level(w, "catalogue", false);
    for (size_t i = 0; i < c->n_catalogue; i++)
        put_known(w, &c->catalogue[i]);
    close_level(w);
}

static void put_limits(struct writer *w, const struct conf_limits *limits)
{
    open_level(w, "limits", false);
    put_formatted(w, "body_max", limits->body_max_bytes, value_format_size);
    put_formatted(w, "relay_max", limits->relay_max_bytes, value_format_size);
    put_formatted(w, "buffered_max", limits->buffered_max_bytes, value_format_size);
    put_number(w, "connections", limits->connections);
    put_number(w, "streams", limits->streams);
    put_number(w, "streams_per_second", limits->streams_per_second);
    put_number(w, "resets", limits->resets);
    put_number(w, "attempts", limits->attempts);
    put_formatted(w, "header_timeout", limits->header_ms, value_format_duration);
    put_formatted(w, "body_timeout", limits->body_ms, value_format_duration);
    put_formatted(w, "idle_timeout", limits->idle_ms, value_format_duration);
    close_level(w);
}

void config_export(const struct config *c, enum config_format format, struct buf *out)
{
    struct writer w = {.out = out, .format = format};

    open_level(&w, NULL, false);
    put_listeners(&w, c);
    if (c->workers == 0)
        put_text(&w, "workers", "auto");
    else
        put_number(&w, "workers", c->workers);
    put_bool(&w, "require_key", c->require_key);
    put_bool(&w, "http2", c->http2);
    if (c->admin_token.bytes.len > 0) {
        open_level(&w, "admin", false);
        put_secret(&w, "token", &c->admin_token);
        close_level(&w);
    }
    open_level(&w, "providers", false);
    for (size_t i = 0; i < c->n_providers; i++)
        put_provider(&w, &c->providers[i]);
    close_level(&w);
    put_models(&w, c);
    put_catalogue(&w, c);
    put_limits(&w, &c->limits);
    open_level(&w, "log", false);
    put_text(&w, "level", c->log.level);
    put_number(&w, "max_records", c->log.max_records);
    put_formatted(&w, "max_age", c->log.max_age_ms, value_format_duration);
    close_level(&w);
    put_formatted(&w, "drain_timeout", c->drain_ms, value_format_duration);
    put_text(&w, "user", c->user);
    close_level(&w);
    if (format == CONFIG_YAML)
        buf_char(out, '\n');
}
