#include "server/worker/explain.h"

#include "server/worker/admit.h"
#include "server/worker/candidates.h"
#include "server/worker/explain_shares.h"
#include "server/worker/fail.h"
#include "server/worker/onward.h"
#include "server/worker/refusal.h"
#include "server/worker/route.h"
#include "server/worker/sign.h"
#include "server/worker/worker.h"

/* --- rules --- */

void explain_rule_begins(struct request *r, uint32_t index)
{
    struct explain *e = r->explain;
    struct explain_rule **end = &e->rules;

    while (*end != NULL)
        end = &(*end)->next;
    e->rule = *end = arena_zalloc(e->arena, sizeof(**end));
    e->rule->index = index;
    e->rule->end = EXPLAIN_RULE_FALSE;
}

void explain_rule_ends(struct request *r, enum explain_rule_end end)
{
    struct explain_rule *rule = r->explain->rule;

    if (rule == NULL)
        return;
    rule->end = end;
    if (end == EXPLAIN_RULE_NOWHERE && r->explain->name != NULL) {
        rule->fail = r->explain->name->fail;
        rule->detail = r->explain->name->detail;
    }
}

static struct str text_of(struct arena *a, const struct expr_value *v)
{
    struct str list = STR("[");

    switch (v->type) {
    case EXPR_BOOL:
        return v->is_true ? STR("true") : STR("false");
    case EXPR_INT:
        return arena_printf(a, "%lld", (long long)v->integer);
    case EXPR_DOUBLE:
        return arena_printf(a, "%g", v->number);
    case EXPR_STRING:
        return arena_printf(a, "\"%.*s\"", STR_ARGS(v->string));
    case EXPR_LIST:
        for (size_t i = 0; i < v->list.n; i++)
            list = arena_printf(a, "%.*s%s\"%.*s\"", STR_ARGS(list), i > 0 ? ", " : "",
                                STR_ARGS(v->list.items[i]));
        return arena_concat(a, (struct str[]){list, STR("]")}, 2);
    default:
        return STR_NONE;
    }
}

void explain_rule_asks(struct request *r, uint32_t variable, struct str key,
                       const struct expr_value *value, bool is_there)
{
    struct explain *e = r->explain;
    struct explain_value **end;

    if (e->rule == NULL)
        return;
    for (end = &e->rule->values; *end != NULL; end = &(*end)->next) {
        if ((*end)->variable == variable && str_eq((*end)->key, key))
            return; /* it asks twice */
    }
    *end = arena_zalloc(e->arena, sizeof(**end));
    (*end)->variable = variable;
    (*end)->key = arena_str(e->arena, key);
    (*end)->is_there = is_there;
    if (is_there)
        (*end)->text = text_of(e->arena, value);
}

/* --- names --- */

void explain_name_begins(struct request *r, enum explain_origin origin)
{
    struct explain *e = r->explain;
    struct explain_name **end = &e->names;

    while (*end != NULL)
        end = &(*end)->next;
    e->name = *end = arena_zalloc(e->arena, sizeof(**end));
    e->name->origin = origin != EXPLAIN_FALLBACK        ? origin
                      : r->course.list == CAUSE_CONTEXT ? EXPLAIN_ON_CONTEXT
                      : r->course.list == CAUSE_FILTER  ? EXPLAIN_ON_FILTER
                                                        : EXPLAIN_FALLBACK;
    e->name->name = arena_str(e->arena, r->course.name);
    e->name->said = arena_str(e->arena, r->course.said);
}

/* What it stands for, as far as it is known by now. */
static void keep_resolved(struct request *r)
{
    struct explain *e = r->explain;

    e->name->resolved = r->resolved;
    e->name->resolved.name = arena_str(e->arena, r->resolved.name);
}

void explain_name_fails(struct request *r)
{
    struct explain_name *n = r->explain->name;

    if (n == NULL || n->fail != NULL)
        return;
    keep_resolved(r);
    n->fail = r->fail != NULL ? r->fail : &FAIL_MODEL_NOT_ALLOWED;
    n->detail = r->fail != NULL ? arena_str(r->explain->arena, r->fail_detail) : STR_NONE;
}

void explain_name_is_good(struct request *r)
{
    struct explain_name *n = r->explain->name;

    if (n == NULL)
        return;
    n->fail = NULL;
    n->detail = STR_NONE;
}

/* --- candidates --- */

void explain_gathers(struct request *r)
{
    if (r->explain->name == NULL)
        return;
    keep_resolved(r);
    r->explain->name->left = NULL;
}

void explain_leaves_out(struct request *r, const struct pub_provider *p, const struct pub_key *key,
                        struct str model, const char *why)
{
    const struct pub_view *v = &r->worker->view;
    struct explain *e = r->explain;
    struct explain_left **end;

    if (e->name == NULL)
        return;
    for (end = &e->name->left; *end != NULL; end = &(*end)->next)
        ;
    *end = arena_zalloc(e->arena, sizeof(**end));
    (*end)->provider = arena_str(e->arena, pub_text(v, p->name));
    (*end)->model = arena_str(e->arena, model);
    (*end)->provider_key = key != NULL ? arena_str(e->arena, pub_text(v, key->name)) : STR_NONE;
    (*end)->why = why;
}

/* The one that is looked at is the last of its name. */
static struct explain_route *last_route(const struct explain *e)
{
    struct explain_route *route = e->name != NULL ? e->name->routes : NULL;

    while (route != NULL && route->next != NULL)
        route = route->next;
    return route;
}

enum hold_result explain_take(struct request *r, const struct hold_want *want, struct refusal *why)
{
    struct explain_route *route = last_route(r->explain);

    if (route != NULL) {
        route->likely = want->likely;
        route->worst = want->worst;
    }
    return hold_look(r->worker->ledger, want, why);
}

bool explain_raise(struct request *r, uint64_t likely, struct refusal *why)
{
    const struct accounts *from = &r->money.accounts;
    struct account *raised = arena_alloc(r->arena, (from->n + 1) * sizeof(*raised));
    struct hold_want want = {
        .accounts = raised, .likely = likely, .worst = likely, .real_ms = request_real_ms(r)};

    for (uint32_t i = 0; i < from->n; i++) {
        struct account a = from->items[i];

        if (a.kind != ACCOUNT_BUDGET || a.overshoot != OVERSHOOT_AUTO)
            continue;
        a.limit += a.limit / HOLD_RAISE_SHARE;
        raised[want.n++] = a;
    }
    if (hold_look(r->worker->ledger, &want, why) != HOLD_OVER)
        return true;
    for (uint32_t i = 0; i < from->n; i++) { /* as it is, for people */
        if (from->items[i].id == why->account.id)
            why->account = from->items[i];
    }
    return false;
}

/*
 * By then an earlier name will have asked it, and no route is asked twice. Where the prompt itself was
 * refused nobody knows how far the others had come.
 */
static bool was_asked(const struct explain *e, uint32_t row)
{
    bool is_diverted = e->name->origin > EXPLAIN_FALLBACK;

    for (const struct explain_name *n = e->names; n != NULL && n != e->name; n = n->next) {
        if (is_diverted && n->origin != e->name->origin)
            continue;
        for (const struct explain_route *route = n->routes; route != NULL; route = route->next) {
            if (route->row == row && route->fail == NULL)
                return true;
        }
    }
    return false;
}

static struct explain_route *add_route(struct request *r, const struct candidates *found, size_t i)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_route *route = found->routes[i];
    struct explain *e = r->explain;
    struct explain_route *last = last_route(e);
    struct explain_route *out = arena_zalloc(e->arena, sizeof(*out));

    if (last != NULL)
        last->next = out;
    else
        e->name->routes = out;
    out->provider = arena_str(e->arena, pub_text(v, pub_provider(v, route->provider)->name));
    out->provider_key = arena_str(e->arena, pub_text(v, pub_key(v, route->key)->name));
    out->model = arena_str(e->arena, found->models[i]);
    out->row = route->row;
    out->was_asked = was_asked(e, route->row);
    out->is_spare = found->items[i].spare > 0 && !explain_is_random(r);
    out->configured = max_u64(found->items[i].spare, found->items[i].weight);
    out->has_token = sign_is_ready(r->worker, pub_key(v, route->key));
    balance_look(r->worker, route->row, &out->health);
    route_limits(r, pub_provider(v, route->provider), &out->limits);
    return out;
}

/* As money.c would take it; nothing is held behind it. */
static void look_at_money(struct request *r, const struct pub_route *route,
                          struct explain_route *out)
{
    enum money_result result;
    struct refusal why;

    result = money_take(r, route, out->model, &why);
    out->accounts = r->money.accounts;
    out->estimate = r->money.estimate;
    out->is_priced = r->money.price != NULL && r->money.price->is_known != 0;
    if (result == MONEY_HELD)
        out->likely = r->money.likely; /* it may have been raised */
    out->is_elsewhere = result == MONEY_ELSEWHERE || result == MONEY_UNPRICED;
    r->money.is_held = false;
    if (result == MONEY_REFUSED || result == MONEY_ELSEWHERE) {
        (void)refusal_fail(r, &why);
        out->fail = r->fail;
        out->detail = arena_str(r->explain->arena, r->fail_detail);
    } else if (result != MONEY_HELD) {
        out->fail = result == MONEY_UNPRICED ? &FAIL_UNPRICED : &FAIL_OVERLOADED;
    }
}

static bool is_usable(const struct explain_route *route)
{
    return route->fail == NULL && route->has_token;
}

enum step_result explain_choose(struct request *r, struct candidates *found)
{
    struct explain_name *n = r->explain->name;
    bool has_usable = false;

    must(n != NULL && found->n > 0);
    n->routes = NULL;
    n->shares = n->chances = 0;
    for (size_t i = 0; i < found->n; i++) {
        struct explain_route *route = add_route(r, found, i);

        look_at_money(r, found->routes[i], route);
        has_usable = has_usable || is_usable(route);
    }
    explain_shares(r, found);
    if (has_usable) {
        r->fail = NULL; /* the first name that has one is the answer; go on to the others */
        n->is_well = onward_name_is_well(r, found);
        if (r->explain->chosen == NULL || (n->is_well && !r->explain->chosen->is_well))
            r->explain->chosen = n;
        return STEP_FAIL;
    }
    n->fail = n->routes->fail != NULL ? n->routes->fail : &FAIL_NO_TOKEN;
    n->detail = n->routes->detail;
    return request_fail(r, n->fail, n->detail, STR_NONE);
}

void explain_diverts(struct request *r)
{
    static const enum error_cause causes[] = {CAUSE_CONTEXT, CAUSE_FILTER};
    struct explain *e = r->explain;
    const struct fail *fail = r->fail;
    struct str detail = r->fail_detail;

    for (size_t i = 0; i < ARRAY_LEN(causes) && e->is_routed && e->chosen != NULL; i++) {
        if (!course_divert(r, causes[i]))
            continue;
        do {
            (void)route_by_name(r); /* says STEP_FAIL, when it has told */
            if (r->fail != NULL)
                explain_name_fails(r);
        } while (course_next(r));
    }
    r->fail = fail;
    r->fail_detail = detail;
}
