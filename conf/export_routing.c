/* Fallbacks, a model's timeouts, rules. */
#include "conf/export_parts.h"
#include "conf/load_shadow.h"
#include "conf/routing.h"
#include "conf/values.h"

void export_percent(struct buf *b, uint64_t thousandths)
{
    value_format_thousandths(b, thousandths);
    buf_char(b, '%');
}

static void format_percentile(struct buf *b, uint64_t n)
{
    buf_printf(b, "p%ju", (uintmax_t)n);
}

static void export_hedge(struct emitter *w, const struct conf_hedge *h)
{
    if (h->at_most == 0)
        return;
    emit_open(w, "hedge", false);
    if (h->percentile > 0)
        emit_formatted(w, "after", h->percentile, format_percentile);
    else
        emit_formatted(w, "after", h->after_ms, value_format_duration);
    emit_formatted(w, "at_most", h->at_most, export_percent);
    emit_close(w);
}

static void export_shadow(struct emitter *w, const struct conf_shadow *s)
{
    struct buf name = BUF_INIT;

    if (s->share == 0)
        return;
    buf_printf(&name, "%s/%s", s->provider, s->model);
    emit_open(w, "shadow", false);
    emit_text(w, "model", name.data);
    emit_formatted(w, "share", s->share, export_percent);
    if (s->timeout_ms != SHADOW_MS_DEFAULT)
        emit_formatted(w, "timeout", s->timeout_ms, value_format_duration);
    emit_close(w);
    buf_fini(&name);
}

void export_target(struct emitter *w, const struct conf_target *t)
{
    emit_open(w, NULL, false);
    emit_text(w, "model", t->name);
    if (t->share > 0)
        emit_formatted(w, "share", t->share, export_percent);
    else
        export_weight(w, t->weight);
    if (t->n_tags > 0)
        emit_texts(w, "tags", t->tags, t->n_tags);
    if (t->concurrency > 0)
        emit_number(w, "concurrency", t->concurrency);
    emit_close(w);
}

static void put_caller(struct emitter *w, const char *key, const struct conf_caller *c)
{
    struct buf text = BUF_INIT;

    if (c->kind == CONF_CALLER_NONE)
        return;
    if (c->kind == CONF_CALLER_KEY)
        buf_cstr(&text, "key");
    else
        buf_printf(&text, "%s:%s", c->kind == CONF_CALLER_HEADER ? "header" : "body", c->name);
    emit_text(w, key, text.data);
    buf_fini(&text);
}

void export_queue(struct emitter *w, const struct conf_queue *q)
{
    if (q->at_most == 0)
        return;
    emit_open(w, "queue", false);
    emit_number(w, "at_most", q->at_most);
    emit_formatted(w, "wait", q->wait_ms, value_format_duration);
    emit_close(w);
}

void export_model_routing(struct emitter *w, const struct conf_model *m)
{
    put_caller(w, "sticky", &m->sticky);
    put_caller(w, "affinity", &m->affinity);
    export_hedge(w, &m->hedge);
    export_shadow(w, &m->shadow);
    if (m->n_fallbacks > 0)
        emit_texts(w, "fallbacks", m->fallbacks, m->n_fallbacks);
    export_queue(w, &m->queue);
    if (m->n_context_fallbacks > 0)
        emit_texts(w, "context_fallbacks", m->context_fallbacks, m->n_context_fallbacks);
    if (m->n_filter_fallbacks > 0)
        emit_texts(w, "content_filter_fallbacks", m->filter_fallbacks, m->n_filter_fallbacks);
    if (m->at_least > 0) {
        emit_open(w, "throughput", false);
        emit_formatted(w, "at_least", m->at_least, value_format_thousandths);
        emit_formatted(w, "over", m->over_ms, value_format_duration);
        emit_close(w);
    }
    if (m->first_byte_ms == 0 && m->between_bytes_ms == 0)
        return;
    emit_open(w, "timeout", false);
    if (m->first_byte_ms > 0)
        emit_formatted(w, "first_byte", m->first_byte_ms, value_format_duration);
    if (m->between_bytes_ms > 0)
        emit_formatted(w, "between_bytes", m->between_bytes_ms, value_format_duration);
    emit_close(w);
}

static void put_rule(struct emitter *w, const struct conf_rule *r)
{
    static const char *const scopes[] = {"key", "team", "customer"};

    emit_open(w, NULL, false);
    emit_optional(w, "name", r->name);
    if (r->scope != CONF_RULE_GLOBAL)
        emit_text(w, scopes[r->scope], r->whose);
    emit_optional(w, "when", r->when);
    emit_text(w, "use", r->use);
    emit_number(w, "priority", r->priority);
    emit_close(w);
}

void conf_rule_json(const struct conf_rule *r, struct buf *out)
{
    struct emitter w = {.out = out, .format = CONFIG_JSON};

    put_rule(&w, r);
}

void export_routing(struct emitter *w, const struct config *c)
{
    if (c->n_rules == 0)
        return;
    emit_open(w, "rules", true);
    for (size_t i = 0; i < c->n_rules; i++)
        put_rule(w, &c->rules[i]);
    emit_close(w);
}
