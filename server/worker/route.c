#include "server/worker/route.h"

#include "providers/dialect.h"
#include "providers/vendor.h"
#include "server/worker/admit.h"
#include "server/worker/balance.h"
#include "server/worker/candidates.h"
#include "server/worker/controls.h"
#include "server/worker/explain.h"
#include "server/worker/fail.h"
#include "server/worker/hedge.h"
#include "server/worker/onward.h"
#include "server/worker/parse.h"
#include "server/worker/queue.h"
#include "server/worker/refusal.h"
#include "server/worker/retry.h"
#include "server/worker/send.h"
#include "server/worker/sign.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define NO_MODEL UINT32_MAX
#define ROOM_WAIT_MS 5000 /* for what others hold of a budget to be spent or given back */
#define ROOM_LOOK_MS 30
#define ROOM_LOOK_SHARE                                                                            \
    4 /* who has waited long looks seldom: many that wait must not stop a worker */

uint32_t route_attempts_max(const struct request *r)
{
    uint32_t max = r->worker->view.image->attempts_max;

    return controls_attempts(r, max == 0 ? 1 : max > ATTEMPTS_MAX ? ATTEMPTS_MAX : max);
}

bool route_may_go_on(const struct request *r)
{
    return r->n_attempts < route_attempts_max(r);
}

bool route_has_more(struct request *r)
{
    if (!route_may_go_on(r))
        return false;
    if (route_resolve(r) != STEP_NEXT) {
        r->fail = NULL;
        return false;
    }
    if (!route_has_untried(r) && !course_has_next(r))
        return false;
    return retry_may(r) || onward_may_step_aside(r);
}

static enum step_result no_route(struct request *r, const struct candidates *found)
{
    const struct pub_view *v = &r->worker->view;

    if (found->is_unwished && r->n_attempts == 0)
        return wishes_fail(r);
    if (found->is_unspoken && r->resolved.model == NO_MODEL && r->resolved.name.len > 0) {
        const struct pub_provider *p = pub_provider(v, r->resolved.provider);

        if (vendor_choose(vendor_get(p->vendor), p->dialect, DIALECT_NONE, r->resolved.name) ==
            NULL)
            return suggest_face(r, p);
    }
    if (found->is_unspoken)
        return request_fail(r, &FAIL_NO_DIALECT, str_of(r->path.endpoint), STR_NONE);
    if (r->resolved.model == NO_MODEL)
        return request_fail(
            r, &FAIL_NO_UPSTREAM_KEY,
            arena_printf(r->arena, "provider \"%.*s\" has no key that serves this model",
                         STR_ARGS(pub_text(v, pub_provider(v, r->resolved.provider)->name))),
            STR_NONE);
    return request_fail(r, &FAIL_NO_UPSTREAM_KEY,
                        STR("none of its targets has a key that serves it"), STR_NONE);
}

/* As the model of `models:` says, where it says something. */
static void be_patient(const struct request *r, struct upstream_request *out)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *m;

    if (r->resolved.model == NO_MODEL)
        return;
    m = pub_model(v, r->resolved.model);
    if (m->first_byte_ms > 0)
        out->first_byte_ms = m->first_byte_ms;
    if (m->between_bytes_ms > 0)
        out->between_bytes_ms = m->between_bytes_ms;
}

static void set_floor(const struct request *r, struct attempt *a)
{
    const struct pub_model *m;

    if (r->resolved.model == NO_MODEL)
        return;
    m = pub_model(&r->worker->view, r->resolved.model);
    a->at_least = m->at_least;
    a->over_ms = m->over_ms;
}

void route_limits(const struct request *r, const struct pub_provider *p,
                  struct upstream_request *out)
{
    out->connect_ms = p->connect_ms;
    out->first_byte_ms = p->first_byte_ms;
    out->between_bytes_ms = p->between_bytes_ms;
    out->total_ms = p->total_ms;
    be_patient(r, out);
    controls_limit(r, out);
}

/* Copy what the attempt needs: nothing in it points into the published image. */
enum step_result route_adopt(struct request *r, const struct pub_route *route, struct str model)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_provider *p = pub_provider(v, route->provider);
    const struct pub_key *key = pub_key(v, route->key);
    struct attempt *a = &r->attempt;

    *a = (struct attempt){.row = route->row, .generation = (uint32_t)v->generation};
    a->vendor = vendor_get(p->vendor);
    a->face = candidates_face(r, p, model);
    must(a->face != NULL); /* gathered ones have one */
    a->is_abroad = translate_is_needed(r, a->vendor, a->face);
    a->provider = arena_str(r->arena, pub_text(v, p->name));
    a->provider_key = arena_str(r->arena, pub_text(v, key->name));
    a->model = arena_str(r->arena, model);
    a->upstream.proxy = arena_str(r->arena, pub_text(v, p->proxy));
    a->upstream.ca_file = arena_str(r->arena, pub_text(v, p->ca_file));
    a->upstream.insecure = (p->flags & PUB_PROVIDER_INSECURE) != 0;
    a->upstream.http1_only = (p->flags & PUB_PROVIDER_HTTP1) != 0;
    a->upstream.h2c = (p->flags & PUB_PROVIDER_H2C) != 0;
    route_limits(r, p, &a->upstream);
    hedge_note(r);
    set_floor(r, a);
    return send_prepare(r, p, key);
}

/* --- keys whose tokens are fetched --- */

static bool has_token(const struct request *r, const struct pub_route *route)
{
    return sign_is_ready(r->worker, pub_key(&r->worker->view, route->key));
}

static size_t first_with_token(const struct request *r, const struct candidates *found)
{
    size_t i = 0;

    while (i < found->n && !has_token(r, found->routes[i]))
        i++;
    return i;
}

static void on_again(struct timer *t)
{
    request_run(container_of(t, struct request, timer));
}

/* Only when there has never been one: just started, or a new key. */
static enum step_result wait_for_token(struct request *r, const struct pub_route *route)
{
    const struct pub_view *v = &r->worker->view;
    uint64_t now_ms = loop_now_ms(r->worker->loop);

    if (r->token_since_ms == 0)
        r->token_since_ms = max_u64(now_ms, 1);
    if (now_ms - min_u64(r->token_since_ms, now_ms) >= TOKEN_WAIT_MS)
        return request_fail(
            r, &FAIL_NO_TOKEN,
            arena_printf(r->arena, "provider \"%.*s\"",
                         STR_ARGS(pub_text(v, pub_provider(v, route->provider)->name))),
            STR_NONE);
    loop_timer_start(r->worker->loop, &r->timer, TOKEN_LOOK_MS, on_again);
    return STEP_WAIT;
}

/* --- what it may cost --- */

/*
 * What others hold of a budget, and will hardly spend in full, is no reason to refuse: for a while
 * it is waited for. What is spent is.
 */
static enum step_result wait_or_refuse(struct request *r)
{
    uint64_t now_ms = loop_now_ms(r->worker->loop);
    uint64_t waited_ms;

    if (!money_may_come_free(r, &r->refusal) || course_has_next(r))
        return refusal_fail(r, &r->refusal);
    if (r->room_since_ms == 0)
        r->room_since_ms = max_u64(now_ms, 1);
    waited_ms = now_ms - min_u64(r->room_since_ms, now_ms);
    if (waited_ms >= ROOM_WAIT_MS)
        return refusal_fail(r, &r->refusal);
    loop_timer_start(r->worker->loop, &r->timer, max_u64(ROOM_LOOK_MS, waited_ms / ROOM_LOOK_SHARE),
                     on_again);
    return STEP_WAIT;
}

static enum step_result unpriced(struct request *r, const struct pub_provider *p, struct str model)
{
    return request_fail(r, &FAIL_UNPRICED,
                        arena_printf(r->arena,
                                     "\"%.*s/%.*s\": its price belongs under prices: in the "
                                     "configuration, or unknown_price: allow",
                                     STR_ARGS(pub_text(&r->worker->view, p->name)),
                                     STR_ARGS(model)),
                        STR("model"));
}

/* What is held for a call that cannot even be written is free again: another name may follow. */
static enum step_result adopt_held(struct request *r, const struct pub_route *route,
                                   struct str model)
{
    enum step_result result = route_adopt(r, route, model);

    if (result == STEP_FAIL)
        money_untake(r);
    return result;
}

/* No hold: a worker's are all taken, or none has room for so many accounts. */
static enum step_result full(struct request *r)
{
    uint32_t budgets = 0;

    for (uint32_t i = 0; i < r->money.accounts.n; i++)
        budgets += r->money.accounts.items[i].kind == ACCOUNT_BUDGET;
    if (budgets <= RECORD_BOOKINGS_MAX)
        return request_fail(r, &FAIL_OVERLOADED, STR_NONE, STR_NONE);
    return request_fail(r, &FAIL_TOO_MANY_BUDGETS,
                        arena_printf(r->arena, "%u of \"%.*s\", at most %u fit", budgets,
                                     STR_ARGS(r->key.name), RECORD_BOOKINGS_MAX),
                        STR_NONE);
}

/* Which of them has room for it, and a token? */
static enum step_result choose(struct request *r, struct candidates *found)
{
    const struct pub_view *v = &r->worker->view;
    enum step_result without_price = STEP_NEXT;
    bool is_refused = false;

    if (r->explain != NULL)
        return explain_choose(r, found);
    while (found->n > 0) {
        struct refusal why;
        size_t i = candidates_choose(r->worker, found, loop_now_ms(r->worker->loop));

        if (!has_token(r, found->routes[i])) {
            i = first_with_token(r, found);
            if (i == found->n)
                return wait_for_token(r, found->routes[0]);
        }
        r->token_since_ms = 0;
        switch (money_take(r, found->routes[i], found->models[i], &why)) {
        case MONEY_HELD:
            return adopt_held(r, found->routes[i], found->models[i]);
        case MONEY_REFUSED:
            r->refusal = why;
            return wait_or_refuse(r);
        case MONEY_FULL:
            return full(r);
        case MONEY_ELSEWHERE:
            queue_note(r, &why);
            r->refusal = why; /* of the route whose cost money_take has just noted */
            is_refused = true;
            break;
        case MONEY_UNPRICED:
            without_price =
                unpriced(r, pub_provider(v, found->routes[i]->provider), found->models[i]);
            break;
        }
        candidates_drop(found, i);
    }
    return is_refused ? wait_or_refuse(r) : without_price;
}

/* `is_passed` NULL: it is this name or none. */
static enum step_result by_name(struct request *r, bool *is_passed)
{
    struct candidates found;
    enum step_result result = route_resolve(r);
    bool is_narrow;

    if (result != STEP_NEXT)
        return result;
    candidates_gather(r, &found);
    if (found.n == 0)
        return no_route(r, &found);
    is_narrow = r->n_attempts > 0 && retry_narrow(r, &found);
    if (is_passed != NULL && r->explain == NULL && onward_is_time(r, &found, is_narrow)) {
        *is_passed = true;
        return request_fail(r, &FAIL_NO_UPSTREAM_KEY, STR("none of its routes is well"), STR_NONE);
    }
    if (r->n_attempts > 0 && !is_narrow && retry_pauses(r, &found))
        return STEP_WAIT;
    result = choose(r, &found);
    if (result == STEP_FAIL && is_narrow) { /* no room or no money there: then whoever is left */
        candidates_gather(r, &found);
        result = choose(r, &found);
    }
    return result;
}

enum step_result route_by_name(struct request *r)
{
    return by_name(r, NULL);
}

/* Why the first name came to nothing; that its routes were all tried is no reason beside another. */
struct reason {
    bool is_spent;
    const struct fail *fail;
    struct str detail, param;
    struct refusal refusal;
};

/* The first name that was passed over, though there is something left of it. */
struct passed {
    bool is_set;
    struct course course;
    struct resolved resolved;
};

static enum step_result by_name_noting(struct request *r, struct passed *passed)
{
    bool is_passed = false;
    enum step_result result = by_name(r, passed != NULL ? &is_passed : NULL);

    if (is_passed && !passed->is_set)
        *passed = (struct passed){true, r->course, r->resolved};
    return result;
}

/* The first name from here on that has a route. `passed` NULL: none may be passed over. */
static enum step_result walk_names(struct request *r, struct passed *passed)
{
    struct reason first = {.fail = NULL};
    enum step_result result;

    while ((result = by_name_noting(r, passed)) == STEP_FAIL) {
        bool is_spent = r->n_attempts > 0 && r->fail == &FAIL_NO_UPSTREAM_KEY;

        if (r->explain != NULL && r->fail != NULL)
            explain_name_fails(r);
        if (first.fail == NULL || first.is_spent)
            first = (struct reason){is_spent, r->fail, r->fail_detail, r->fail_param, r->refusal};
        if (course_next(r))
            continue;
        r->refusal = first.refusal;
        return request_fail(r, first.fail, first.detail, first.param);
    }
    if (result == STEP_NEXT)
        r->fail = NULL;
    return result;
}

static enum step_result route_by_names(struct request *r)
{
    struct passed passed;
    enum step_result result;

    passed.is_set = false; /* the rest is large, and seldom used */
    result = walk_names(r, &passed);
    if (result != STEP_FAIL || !passed.is_set || onward_is_aside(r))
        return result;
    /* Those that are well have no room, or are too dear: then one that is ill is better than none. */
    course_go_back(r, &passed.course, &passed.resolved);
    return walk_names(r, NULL);
}

enum step_result route_step(struct request *r)
{
    bool may_wait = (r->worker->view.image->flags & PUB_QUEUES) != 0 && r->explain == NULL;

    /* Who waits already is out of the line by queue_route only, whatever a reload has changed. */
    return may_wait || r->queued != NULL ? queue_route(r, route_by_names) : route_by_names(r);
}
