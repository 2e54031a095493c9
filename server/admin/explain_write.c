/*
 * explain_write - what was told of a request, as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "providers/dialect.h"
#include "server/admin/admin.h"
#include "server/admin/explain.h"
#include "server/admin/health_row.h"
#include "server/base/clock.h"
#include "server/base/when.h"
#include "server/worker/fail.h"
#include "server/worker/refusal.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"
#include "shm/calendar.h"
#include "shm/rules.h"

#define BUDGETS_MAX 96 /* told; a path has some ten */

static void write_text(struct writer *w, const char *key, struct str text)
{
    if (text.len > 0)
        writer_str(w, key, text);
    else
        writer_null(w, key);
}

static void write_reference(struct writer *w, const char *key, const struct json *value)
{
    if (value != NULL)
        writer_raw(w, key, value->raw);
    else
        writer_null(w, key);
}

static void write_key(struct writer *w, const struct json *key)
{
    static const char *const names[] = {"id",     "name",        "active", "team",     "customer",
                                        "models", "deny_models", "routes", "networks", "strict"};

    if (key == NULL) {
        writer_null(w, "key");
        return;
    }
    writer_object(w, "key");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        write_reference(w, names[i], json_get(key, names[i]));
    writer_array(w, "providers");
    for (const struct json *p =
             json_get(key, "providers") != NULL ? json_get(key, "providers")->child : NULL;
         p != NULL; p = p->next) {
        struct str name = json_str(json_get(p, "provider"));

        writer_str(w, NULL, name.len > 0 ? name : json_str(p));
    }
    writer_array_end(w);
    writer_object_end(w);
}

/* What is asked of the routes, beside the model. */
static void write_wishes(struct writer *w, const struct request *r)
{
    const struct wishes *wish = &r->wishes;
    struct str pinned = wish->key;

    if (wish->provider.len > 0)
        pinned = arena_printf(r->arena, "%.*s/%.*s", STR_ARGS(wish->provider), STR_ARGS(wish->key));
    write_text(w, "provider_key", pinned);
    write_text(w, "tags", wish->tags);
}

static void write_request(struct writer *w, struct request *r)
{
    struct estimate estimate = {.input = 0};
    bool is_parsed = r->path.endpoint != NULL;
    bool is_read = r->admitted; /* who may not come in is not read */

    if (is_read && r->ex->body.len > 0)
        money_estimate(r, &estimate);
    writer_object(w, "request");
    writer_str(w, "path", r->ex->path);
    writer_cstr(w, "endpoint", is_parsed ? r->path.endpoint : NULL);
    writer_cstr(w, "dialect", is_parsed ? dialect_names[r->path.dialect] : NULL);
    write_text(w, "model", r->asked);
    writer_bool(w, "stream", r->openai.stream || r->path.stream);
    writer_u64(w, "tokens", estimate.input);
    writer_u64(w, "max_tokens", r->money.ask.max_tokens);
    writer_bool(w, "tools", r->money.ask.has_tools);
    writer_u64(w, "media", r->money.ask.body.n_media);
    writer_u64(w, "bytes", r->body_bytes);
    writer_bool(w, "read", is_read);
    write_text(w, "address", r->ex->peer);
    write_wishes(w, r);
    writer_object_end(w);
}

/* `key` NULL: an element. */
static void write_fail(struct writer *w, const char *key, struct request *r,
                       const struct fail *fail, struct str detail)
{
    if (fail == NULL) {
        writer_null(w, key);
        return;
    }
    writer_object(w, key);
    writer_cstr(w, "error", fail->name);
    writer_u64(w, "status",
               (uint64_t)(fail == &FAIL_BUDGET_EXCEEDED ? refusal_budget_status(r) : fail->status));
    writer_str(w, "message", fail_message(r->arena, fail, detail));
    writer_object_end(w);
}

/* --- rules --- */

static void write_value(struct writer *w, struct request *r, const struct explain_value *v)
{
    struct str name = str_of(rule_variable_names[v->variable]);

    if (v->key.len > 0)
        name = arena_printf(r->arena, "%.*s[\"%.*s\"]", STR_ARGS(name), STR_ARGS(v->key));
    writer_object(w, NULL);
    writer_str(w, "name", name);
    if (v->is_there)
        writer_str(w, "value", v->text);
    else
        writer_null(w, "value");
    writer_object_end(w);
}

static void write_rule(struct writer *w, struct request *r, const struct explain_rule *rule)
{
    static const char *const scopes[] = {[RULE_OF_KEY] = "key",
                                         [RULE_OF_TEAM] = "team",
                                         [RULE_OF_CUSTOMER] = "customer",
                                         [RULE_OF_ALL] = "global"};
    static const char *const ends[] = {[EXPLAIN_RULE_NOT_ITS] = "is_for_another",
                                       [EXPLAIN_RULE_FALSE] = "does_not_hold",
                                       [EXPLAIN_RULE_NOWHERE] = "leads_nowhere",
                                       [EXPLAIN_RULE_LEADS] = "leads"};
    const struct pub_view *v = &r->worker->view;
    const struct pub_rule *p = pub_rule(v, rule->index);

    writer_object(w, NULL);
    writer_u64(w, "number", rule->index + 1);
    write_text(w, "name", pub_text(v, p->name));
    writer_cstr(w, "scope", p->scope < ARRAY_LEN(scopes) ? scopes[p->scope] : NULL);
    write_text(w, "whose", pub_text(v, p->whose));
    write_text(w, "when", pub_text(v, p->when));
    writer_str(w, "use", pub_text(v, p->use));
    writer_cstr(w, "result", ends[rule->end]);
    writer_array(w, "values");
    for (const struct explain_value *value = rule->values; value != NULL; value = value->next)
        write_value(w, r, value);
    writer_array_end(w);
    write_fail(w, "refusal", r, rule->fail, rule->detail);
    writer_object_end(w);
}

/* --- names --- */

static void write_stands_for(struct writer *w, struct request *r, const struct explain_name *n)
{
    const struct pub_view *v = &r->worker->view;
    const struct resolved *s = &n->resolved;

    if (s->generation == 0) {
        writer_null(w, "stands_for");
        return;
    }
    writer_object(w, "stands_for");
    if (s->model != UINT32_MAX) {
        const struct pub_model *m = pub_model(v, s->model);

        writer_cstr(w, "kind", (m->flags & PUB_MODEL_DECLARED) != 0 ? "declared" : "group");
        writer_u64(w, "targets", m->n_targets);
    } else {
        writer_cstr(w, "kind",
                    s->is_known       ? "catalogue"
                    : s->name.len > 0 ? "provider"
                                      : "default");
        writer_str(w, "provider", pub_text(v, pub_provider(v, s->provider)->name));
        write_text(w, "model", s->name);
    }
    writer_object_end(w);
}

static void write_times(struct writer *w, const struct upstream_request *limits)
{
    writer_object(w, "timeouts_ms");
    writer_u64(w, "connect", limits->connect_ms);
    writer_u64(w, "first_byte", limits->first_byte_ms);
    writer_u64(w, "between_bytes", limits->between_bytes_ms);
    writer_u64(w, "total", limits->total_ms);
    writer_object_end(w);
}

static void write_share(struct writer *w, const char *key, uint64_t part, uint64_t whole)
{
    double share = whole > 0 ? (double)part / (double)whole : 0;

    writer_milli(w, key, (uint64_t)(share * 1000 + 0.5));
}

static void write_route(struct writer *w, struct request *r, const struct explain_name *n,
                        const struct explain_route *route)
{
    const struct health_clock now = {clock_mono_ms(), clock_real_ms()};

    writer_object(w, NULL);
    writer_str(w, "provider", route->provider);
    writer_str(w, "provider_key", route->provider_key);
    writer_str(w, "model", route->model);
    writer_milli(w, "configured_weight", route->configured);
    if (route->side_share > 0) {
        writer_milli(w, "caller_share_percent", route->side_share);
        writer_u64(w, "side_routes", route->side_routes);
    } else {
        writer_null(w, "caller_share_percent");
    }
    write_share(w, "share", route->share, n->shares);
    write_share(w, "chance", route->fail == NULL ? route->chance : 0, n->chances);
    writer_bool(w, "is_spare", route->is_spare);
    writer_bool(w, "is_least_bad", route->is_least_bad);
    writer_bool(w, "was_asked", route->was_asked);
    writer_bool(w, "has_token", route->has_token);
    write_fail(w, "refusal", r, route->fail, route->detail);
    writer_usd(w, "reserves", route->likely);
    writer_usd(w, "worst", route->worst);
    writer_bool(w, "priced", route->is_priced);
    writer_u64(w, "output_tokens", route->estimate.output);
    write_times(w, &route->limits);
    health_row_write(w, &r->worker->in->regions.weights, route->row, now);
    writer_object_end(w);
}

static void write_left(struct writer *w, const struct explain_left *left)
{
    writer_object(w, NULL);
    writer_str(w, "provider", left->provider);
    write_text(w, "provider_key", left->provider_key);
    write_text(w, "model", left->model);
    writer_cstr(w, "why", left->why);
    writer_object_end(w);
}

/* It has a route that could be asked, but none is well; and of a later name one is. */
static bool is_passed_over(const struct request *r, const struct explain_name *n)
{
    return n->routes != NULL && n->fail == NULL && !n->is_well && r->explain->chosen != n &&
           r->explain->chosen != NULL && r->explain->chosen->is_well;
}

static void write_name(struct writer *w, struct request *r, const struct explain_name *n)
{
    static const char *const origins[] = {[EXPLAIN_ASKED] = "asked",
                                          [EXPLAIN_BY_RULE] = "rule",
                                          [EXPLAIN_FALLBACK] = "fallback",
                                          [EXPLAIN_ON_CONTEXT] = "context_fallback",
                                          [EXPLAIN_ON_FILTER] = "content_filter_fallback"};

    writer_object(w, NULL);
    write_text(w, "name", n->name);
    write_text(w, "said", str_eq(n->said, n->name) ? STR_NONE : n->said);
    writer_cstr(w, "origin", origins[n->origin]);
    writer_bool(w, "is_chosen", n == r->explain->chosen);
    writer_bool(w, "is_passed_over", is_passed_over(r, n));
    write_stands_for(w, r, n);
    explain_manners(w, r, n);
    write_fail(w, "refusal", r, n->fail, n->detail);
    writer_array(w, "candidates");
    for (const struct explain_route *route = n->routes; route != NULL; route = route->next)
        write_route(w, r, n, route);
    writer_array_end(w);
    writer_array(w, "left_out");
    for (const struct explain_left *left = n->left; left != NULL; left = left->next)
        write_left(w, left);
    writer_array_end(w);
    writer_object_end(w);
}

/* --- budgets and limits on the way --- */

static void write_when(struct writer *w, const char *key, uint64_t ms)
{
    struct buf b = BUF_INIT;

    if (ms == 0) {
        writer_null(w, key);
        return;
    }
    when_format(&b, ms);
    writer_str(w, key, buf_view(&b));
    buf_fini(&b);
}

static void write_account(struct writer *w, struct request *r, const struct account *a)
{
    static const char *const kinds[ACCOUNT_KINDS] = {[ACCOUNT_BUDGET] = "budget",
                                                     [ACCOUNT_REQUESTS] = "requests",
                                                     [ACCOUNT_TOKENS] = "tokens",
                                                     [ACCOUNT_TOKENS_IN] = "input tokens",
                                                     [ACCOUNT_TOKENS_OUT] = "output tokens",
                                                     [ACCOUNT_CONCURRENCY] = "concurrency"};
    struct usage_now now;

    account_usage(&r->worker->in->regions, a, r->begun_ms, &now);
    writer_object(w, NULL);
    writer_str(w, "whose", refusal_whose(r, a));
    writer_cstr(w, "kind", a->kind < ACCOUNT_KINDS ? kinds[a->kind] : NULL);
    write_text(w, "window",
               a->kind == ACCOUNT_CONCURRENCY ? STR_NONE : refusal_length(r, &a->window));
    if (a->kind == ACCOUNT_BUDGET) {
        writer_usd(w, "limit", a->limit);
        writer_usd(w, "used", now.used);
        write_when(w, "resets_at", now.reset_ms);
    } else {
        writer_u64(w, "limit", a->limit);
        writer_u64(w, "used", now.used);
        writer_null(w, "resets_at");
    }
    writer_object_end(w);
}

struct told {
    uint64_t ids[BUDGETS_MAX];
    size_t n;
};

static void write_accounts(struct writer *w, struct request *r, const struct accounts *list,
                           struct told *told)
{
    for (uint32_t i = 0; i < list->n; i++) {
        size_t at = 0;

        while (at < told->n && told->ids[at] != list->items[i].id)
            at++;
        if (at < told->n || told->n == BUDGETS_MAX)
            continue;
        told->ids[told->n++] = list->items[i].id;
        write_account(w, r, &list->items[i]);
    }
}

static void write_limits(struct writer *w, struct request *r)
{
    struct told told = {.n = 0};

    writer_array(w, "limits");
    write_accounts(w, r, &r->payers.accounts, &told);
    for (const struct explain_name *n = r->explain->names; n != NULL; n = n->next) {
        for (const struct explain_route *route = n->routes; route != NULL; route = route->next) {
            r->money.provider = route->provider; /* refusal_whose tells of it */
            write_accounts(w, r, &route->accounts, &told);
        }
    }
    writer_array_end(w);
}

void explain_write(struct exchange *ex, struct writer *w, struct request *r, const struct json *key)
{
    const struct explain *e = r->explain;
    uint32_t tried = 0;

    (void)ex;
    write_key(w, key);
    write_request(w, r);
    writer_bool(w, "admitted", e->chosen != NULL);
    writer_bool(w, "routed", e->is_routed);
    write_fail(w, "refusal", r, e->chosen == NULL ? r->fail : NULL, r->fail_detail);
    writer_array(w, "rules");
    for (const struct explain_rule *rule = e->rules; rule != NULL; rule = rule->next, tried++)
        write_rule(w, r, rule);
    writer_array_end(w);
    writer_u64(w, "rules_not_tried", r->worker->view.image->n_rules - tried);
    write_text(w, "rule", r->course.rule);
    writer_array(w, "names");
    for (const struct explain_name *n = e->names; n != NULL; n = n->next)
        write_name(w, r, n);
    writer_array_end(w);
    write_text(w, "chosen", e->chosen != NULL ? e->chosen->name : STR_NONE);
    write_limits(w, r);
    explain_queue(w, r->worker->view.image);
    writer_cstr(w, "fallbacks_of", r->course.are_clients ? "request" : "model");
    writer_u64(w, "attempts", route_attempts_max(r));
    writer_milli(w, "retry_ratio_percent", r->worker->view.image->retry_ratio);
}
