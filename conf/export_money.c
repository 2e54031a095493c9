#include "conf/export_money.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf/amounts.h"
#include "conf/values.h"
#include "server/base/when.h"

#define V4_BITS 96

/* --- budgets and limits --- */

static void put_period(struct emitter *w, const struct conf_budget *b)
{
    struct buf text = BUF_INIT;

    period_format(&text, b->window, b->length_ms);
    emit_text(w, "window", text.data);
    buf_fini(&text);
}

static void put_budget(struct emitter *w, const struct conf_budget *b)
{
    emit_formatted(w, "limit", b->limit_nanousd, amount_format);
    put_period(w, b);
    emit_bool(w, "calendar", b->calendar);
    emit_text(w, "time_zone", b->time_zone);
    if (b->overshoot_nanousd == CONF_OVERSHOOT_AUTO)
        emit_text(w, "overshoot", "auto");
    else if (b->overshoot_nanousd == 0)
        emit_text(w, "overshoot", "none");
    else
        emit_formatted(w, "overshoot", b->overshoot_nanousd, amount_format);
}

static void put_limit(struct emitter *w, const struct conf_limit *l)
{
    static const char *const names[] = {"requests", "tokens", "tokens_in", "tokens_out"};

    emit_number(w, names[l->kind], l->amount);
    emit_formatted(w, "per", l->length_ms, length_format);
}

static void put_limits(struct emitter *w, const struct conf_rules *rules, const char *part,
                       const struct export_extra *x)
{
    emit_open(w, "rate_limits", true);
    for (size_t i = 0; i < rules->n_limits; i++) {
        emit_open(w, NULL, false);
        put_limit(w, &rules->limits[i]);
        if (x != NULL)
            x->limit(x->ctx, w, part, &rules->limits[i]);
        emit_close(w);
    }
    emit_close(w);
}

void export_rules(struct emitter *w, const struct conf_rules *rules, const char *part,
                  const struct export_extra *x)
{
    if (rules->n_budgets > 0) {
        emit_open(w, "budgets", true);
        for (size_t i = 0; i < rules->n_budgets; i++) {
            emit_open(w, NULL, false);
            put_budget(w, &rules->budgets[i]);
            if (x != NULL)
                x->budget(x->ctx, w, part, &rules->budgets[i]);
            emit_close(w);
        }
        emit_close(w);
    }
    if (rules->n_limits > 0)
        put_limits(w, rules, part, x);
    if (rules->concurrency == 0)
        return;
    emit_number(w, "concurrency", rules->concurrency);
    if (x != NULL)
        x->concurrency(x->ctx, w, part);
}

/* --- what any entity has --- */

static void put_tags(struct emitter *w, const char *const *tags, size_t n)
{
    if (n > 0)
        emit_texts(w, "tags", tags, n);
}

/* JSON is YAML, except that this program's reader of YAML knows no surrogates; there are none in it. */
static void put_metadata(struct emitter *w, const char *metadata)
{
    if (metadata != NULL)
        emit_raw(w, "metadata", metadata);
}

void export_customer(struct emitter *w, const struct conf_customer *c, const struct export_extra *x)
{
    export_rules(w, &c->rules, NULL, x);
    if (c->blocked)
        emit_bool(w, "blocked", true);
    put_tags(w, c->tags, c->n_tags);
    put_metadata(w, c->metadata);
}

void export_team(struct emitter *w, const struct conf_team *t, const struct export_extra *x)
{
    emit_optional(w, "customer", t->customer);
    export_rules(w, &t->rules, NULL, x);
    if (t->blocked)
        emit_bool(w, "blocked", true);
    put_tags(w, t->tags, t->n_tags);
    put_metadata(w, t->metadata);
}

void export_model_limit(struct emitter *w, const struct conf_model_limit *m,
                        const struct export_extra *x)
{
    emit_text(w, "model", m->model);
    export_rules(w, &m->rules, NULL, x);
}

/* --- virtual keys --- */

static void put_list(struct emitter *w, const char *name, const char *const *items, size_t n)
{
    if (n > 0)
        emit_texts(w, name, items, n);
}

static void put_network(struct emitter *w, const struct conf_network *n)
{
    bool is_v4 = n->bits >= V4_BITS && memcmp(n->address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
    char host[INET6_ADDRSTRLEN];
    struct buf text = BUF_INIT;

    must(inet_ntop(is_v4 ? AF_INET : AF_INET6, n->address + (is_v4 ? 12 : 0), host, sizeof(host)) !=
         NULL);
    buf_printf(&text, "%s/%u", host, n->bits - (is_v4 ? V4_BITS : 0));
    emit_text(w, NULL, text.data);
    buf_fini(&text);
}

static void put_weight(struct emitter *w, uint32_t thousandths)
{
    struct buf b = BUF_INIT;

    value_format_thousandths(&b, thousandths);
    emit_raw(w, "weight", b.data);
    buf_fini(&b);
}

static void put_key_provider(struct emitter *w, const struct conf_key_provider *p,
                             const struct export_extra *x)
{
    emit_open(w, NULL, false);
    emit_text(w, "provider", p->provider);
    put_list(w, "models", p->models, p->n_models);
    put_list(w, "deny_models", p->denied, p->n_denied);
    put_weight(w, p->weight);
    export_rules(w, &p->rules, p->provider, x);
    emit_close(w);
}

static void put_routes(struct emitter *w, uint32_t routes)
{
    if (routes == 0)
        return;
    emit_open(w, "routes", true);
    for (uint32_t bit = 0; bit < CONF_ROUTES; bit++) {
        if ((routes & (1u << bit)) != 0)
            emit_text(w, NULL, conf_route_names[bit]);
    }
    emit_close(w);
}

static void put_scope(struct emitter *w, const struct conf_key_scope *s,
                      const struct export_extra *x)
{
    put_list(w, "deny_models", s->denied_models, s->n_denied);
    emit_optional(w, "team", s->team);
    emit_optional(w, "customer", s->customer);
    export_rules(w, &s->rules, NULL, x);
    if (s->n_providers > 0) {
        emit_open(w, "providers", true);
        for (size_t i = 0; i < s->n_providers; i++)
            put_key_provider(w, &s->providers[i], x);
        emit_close(w);
    }
    put_routes(w, s->routes);
    if (s->n_networks > 0) {
        emit_open(w, "networks", true);
        for (size_t i = 0; i < s->n_networks; i++)
            put_network(w, &s->networks[i]);
        emit_close(w);
    }
    put_list(w, "mcp_tools", s->mcp_tools, s->n_mcp_tools);
    if (s->n_aliases > 0) {
        emit_open(w, "aliases", false);
        for (size_t i = 0; i + 1 < s->n_aliases; i += 2)
            emit_text(w, s->aliases[i], s->aliases[i + 1]);
        emit_close(w);
    }
    put_tags(w, s->tags, s->n_tags);
    put_metadata(w, s->metadata);
}

static void put_expires(struct emitter *w, uint64_t ms)
{
    struct buf text = BUF_INIT;

    if (ms == 0)
        return;
    when_format(&text, ms);
    if (ms % 1000 != 0) {
        text.len--; /* the Z */
        buf_printf(&text, ".%03uZ", (unsigned)(ms % 1000));
    }
    emit_text(w, "expires", text.data);
    buf_fini(&text);
}

void export_key(struct emitter *w, const struct conf_virtual_key *k, const struct export_extra *x)
{
    emit_text(w, "name", k->name);
    put_list(w, "models", k->models, k->n_models);
    put_expires(w, k->expires_ms);
    emit_bool(w, "active", k->active);
    if (k->strict)
        emit_bool(w, "strict", true);
    if (k->priority != CONF_KEY_NORMAL)
        emit_text(w, "priority", conf_key_priorities[k->priority]);
    if (k->scope != NULL)
        put_scope(w, k->scope, x);
}

/* --- the file's --- */

static void put_customers(struct emitter *w, const struct config *c)
{
    emit_open(w, "customers", false);
    for (size_t i = 0; i < c->n_customers; i++) {
        emit_open(w, c->customers[i].name, false);
        export_customer(w, &c->customers[i], NULL);
        emit_close(w);
    }
    emit_close(w);
}

static void put_teams(struct emitter *w, const struct config *c)
{
    emit_open(w, "teams", false);
    for (size_t i = 0; i < c->n_teams; i++) {
        emit_open(w, c->teams[i].name, false);
        export_team(w, &c->teams[i], NULL);
        emit_close(w);
    }
    emit_close(w);
}

void export_money(struct emitter *w, const struct config *c)
{
    if (c->n_customers > 0)
        put_customers(w, c);
    if (c->n_teams > 0)
        put_teams(w, c);
    if (c->n_model_limits > 0) {
        emit_open(w, "model_limits", true);
        for (size_t i = 0; i < c->n_model_limits; i++) {
            emit_open(w, NULL, false);
            export_model_limit(w, &c->model_limits[i], NULL);
            emit_close(w);
        }
        emit_close(w);
    }
    if (c->durability_strict)
        emit_text(w, "durability", "strict");
    else
        emit_formatted(w, "durability", c->durability_ms, value_format_duration);
    emit_text(w, "on_disconnect", c->finish_on_disconnect ? "finish" : "cancel");
}
