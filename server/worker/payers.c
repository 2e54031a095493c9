#include "server/worker/payers.h"

#include "server/worker/admit.h"
#include "server/worker/fail.h"
#include "server/worker/scope.h"
#include "server/worker/worker.h"
#include "shm/limits.h"
#include "shm/scope.h"

#define WALK_TRIES 3 /* an owner may move to another parent while we walk */

/* Owners on the way up, the nearest first. */
struct way {
    struct owner owners[OWNER_DEPTH_MAX];
    uint32_t n;
};

/* False: one of them could not be read. */
static bool walk(const struct region *published, uint32_t row, struct way *out)
{
    out->n = 0;
    while (row != ROW_NONE && out->n < OWNER_DEPTH_MAX) {
        struct owner *o = &out->owners[out->n];

        if (!owner_read(published, row, o))
            return false;
        out->n++;
        row = o->parent;
    }
    return true;
}

static uint32_t count_of(const struct owner *o)
{
    return o->n_accounts <= OWNER_ACCOUNTS_MAX ? o->n_accounts : OWNER_ACCOUNTS_MAX;
}

/* An account that cannot be read was removed, and limits nothing any more. */
static void add_accounts(const struct region *published, const struct owner *o,
                         struct accounts *out)
{
    for (uint32_t i = 0; i < count_of(o); i++) {
        if (account_read(published, o->accounts[i], &out->items[out->n]))
            out->n++;
    }
}

static bool is_sliding(const struct account *a)
{
    return a->kind >= ACCOUNT_REQUESTS && a->kind <= ACCOUNT_TOKENS_OUT;
}

static const struct fail *blocked(const struct owner *o, struct str *detail)
{
    *detail = o->kind == OWNER_TEAM       ? STR("its team is blocked")
              : o->kind == OWNER_CUSTOMER ? STR("its customer is blocked")
                                          : STR("it is blocked");
    return &FAIL_KEY_BLOCKED;
}

const struct fail *payers_walk(struct request *r, struct str *detail)
{
    const struct region *published = &r->worker->in->regions.published;
    struct accounts *list = &r->payers.accounts;
    struct way way;
    uint32_t room = 0;
    int tries = 0;

    if (r->key.owner == ROW_NONE)
        return NULL;
    while (!walk(published, r->key.owner, &way)) {
        if (++tries == WALK_TRIES) {
            *detail = STR("who pays for this key cannot be read now");
            return &FAIL_NOT_READY;
        }
    }
    for (uint32_t i = 0; i < way.n; i++) {
        const struct owner *o = &way.owners[i];

        if ((o->flags & OWNER_BLOCKED) != 0)
            return blocked(o, detail);
        if (o->kind == OWNER_TEAM)
            r->payers.team_id = o->id;
        else if (o->kind == OWNER_CUSTOMER)
            r->payers.customer_id = o->id;
        room += count_of(o);
    }
    if (room == 0)
        return NULL;
    list->items = arena_alloc(r->arena, room * sizeof(*list->items));
    for (uint32_t i = 0; i < way.n; i++)
        add_accounts(published, &way.owners[i], list);
    for (uint32_t i = 0; i < list->n; i++)
        r->payers.has_rates = r->payers.has_rates || is_sliding(&list->items[i]);
    return NULL;
}

/* --- of a route --- */

struct route_owners {
    struct owner own; /* the provider in the key; its kind is OWNER_FREE when there is none */
    struct owner others[PAYERS_MAX];
    uint32_t n;
};

static void find_model_limits(struct request *r, const struct pub_provider *p, struct str model,
                              struct route_owners *out)
{
    struct model_limits *limits = r->worker->limits;
    char text[ADMIT_TARGET_MAX];
    struct str target;

    model_limits_refresh(&r->worker->in->regions.published, limits);
    if (limits->n == 0 ||
        !admit_target_text(pub_text(&r->worker->view, p->name), model, text, &target))
        return;
    for (uint32_t i = 0; i < limits->n && out->n < PAYERS_MAX; i++) {
        const struct model_limit *l = model_limit_at(limits, i);

        if (glob_match(model_limit_glob(l), target) &&
            owner_read(&r->worker->in->regions.published, l->owner, &out->others[out->n]))
            out->n++;
    }
}

static void find_owners(struct request *r, const struct pub_route *route, struct str model,
                        struct route_owners *out)
{
    const struct pub_provider *p = pub_provider(&r->worker->view, route->provider);
    const struct region *published = &r->worker->in->regions.published;
    const struct scope_provider *own = scope_provider_of(r, pub_text(&r->worker->view, p->name));

    out->own.kind = OWNER_FREE;
    out->own.n_accounts = 0;
    out->n = 0;
    if (own != NULL && own->owner != ROW_NONE && !owner_read(published, own->owner, &out->own))
        out->own.n_accounts = 0;
    if (p->owner != ROW_NONE && owner_read(published, p->owner, &out->others[0]))
        out->n = 1;
    if (route->owner != ROW_NONE && owner_read(published, route->owner, &out->others[out->n]))
        out->n++;
    find_model_limits(r, p, model, out);
}

struct accounts payers_of_route(struct request *r, const struct pub_route *route, struct str model)
{
    const struct region *published = &r->worker->in->regions.published;
    const struct accounts *up = &r->payers.accounts;
    struct accounts out = {NULL, 0};
    struct route_owners owners;
    uint32_t room;

    if (r->shadow != NULL)
        return out; /* what the operator tries out is nobody's spend, and takes nobody's room */
    find_owners(r, route, model, &owners);
    room = count_of(&owners.own);
    for (uint32_t i = 0; i < owners.n; i++)
        room += count_of(&owners.others[i]);
    if (room == 0)
        return *up;
    out.items = arena_alloc(r->arena, (room + up->n) * sizeof(*out.items));
    add_accounts(published, &owners.own, &out);
    if (up->n > 0)
        memcpy(out.items + out.n, up->items, up->n * sizeof(*out.items));
    out.n += up->n;
    for (uint32_t i = 0; i < owners.n; i++)
        add_accounts(published, &owners.others[i], &out);
    return out;
}

bool payers_is_of_route(const struct account *a)
{
    return a->owner_kind == OWNER_KEY_PROVIDER || a->owner_kind == OWNER_PROVIDER ||
           a->owner_kind == OWNER_MODEL || a->owner_kind == OWNER_TARGET;
}

uint64_t payers_held(struct request *r, const struct account *a, uint32_t window)
{
    struct held_seen *seen = &r->worker->held_seen[a->index % HELD_SEEN_MAX];
    uint64_t now_ms = loop_now_ms(r->worker->loop);

    if (seen->index != a->index || seen->window != window || now_ms < seen->at_ms ||
        now_ms - seen->at_ms >= HELD_SEEN_MS)
        *seen = (struct held_seen){a->index, window, now_ms,
                                   account_held(&r->worker->in->regions, a, window)};
    return seen->amount;
}

/* --- sliding limits --- */

/*
 * What a request is counted at until it is known better. The part that is a guess must not keep it
 * out for ever: it is not more than the limit has beside the prompt.
 */
static uint64_t amount_of(const struct account *a, const struct estimate *est)
{
    uint64_t room = a->limit > est->input ? a->limit - est->input : 0;

    switch (a->kind) {
    case ACCOUNT_TOKENS:
        return est->input + min_u64(est->output, room);
    case ACCOUNT_TOKENS_IN:
        return est->input;
    case ACCOUNT_TOKENS_OUT:
        return min_u64(est->output, a->limit);
    default:
        return 1;
    }
}

static uint64_t actual_of(const struct account *a, uint64_t input, uint64_t output)
{
    switch (a->kind) {
    case ACCOUNT_TOKENS:
        return input + output;
    case ACCOUNT_TOKENS_IN:
        return input;
    case ACCOUNT_TOKENS_OUT:
        return output;
    default:
        return 1;
    }
}

static void reserve(struct request *r, uint32_t more)
{
    struct rates *t = &r->rates;
    struct rate_taken *items;

    if (t->n + more <= t->room)
        return;
    items = arena_alloc(r->arena, (t->n + more) * sizeof(*items));
    if (t->n > 0)
        memcpy(items, t->items, t->n * sizeof(*items));
    t->items = items;
    t->room = t->n + more;
}

static bool take(struct request *r, const struct account *a, uint64_t amount, struct refusal *why)
{
    const struct regions *regions = &r->worker->in->regions;

    return r->explain == NULL ? rate_take(regions, a, amount, request_real_ms(r), why)
                              : rate_fits(regions, a, amount, request_real_ms(r), why);
}

/* What a guess leaves no room for may well fit: then all that is left is taken, until it is known. */
static bool take_one(struct request *r, const struct account *a, const struct estimate *est,
                     struct rate_taken *out, struct refusal *why)
{
    uint64_t left;

    *out = (struct rate_taken){*a, amount_of(a, est)};
    if (take(r, a, out->amount, why))
        return true;
    left = a->limit > why->used ? a->limit - why->used : 0;
    if (!est->is_guess || a->kind == ACCOUNT_REQUESTS || a->kind == ACCOUNT_TOKENS_IN ||
        left == 0 || left >= out->amount || (a->kind == ACCOUNT_TOKENS && left < est->input))
        return false;
    out->amount = left;
    return take(r, a, left, why);
}

/* Those of the way up are taken in admit, once; the others for each attempt. */
bool rates_take(struct request *r, const struct accounts *list, const struct estimate *est,
                struct refusal *why)
{
    bool is_up = list == &r->payers.accounts;
    uint32_t from = r->rates.n;
    uint32_t n = 0;

    for (uint32_t i = 0; i < list->n; i++)
        n += is_sliding(&list->items[i]) && is_up != payers_is_of_route(&list->items[i]);
    if (n == 0)
        return true;
    reserve(r, n);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct account *a = &list->items[i];

        if (!is_sliding(a) || is_up == payers_is_of_route(a))
            continue;
        if (!take_one(r, a, est, &r->rates.items[r->rates.n], why)) {
            rates_give_back(r, from);
            return false;
        }
        r->rates.n += r->explain == NULL; /* what was only looked at is not given back */
    }
    return true;
}

void rates_give_back(struct request *r, uint32_t from)
{
    while (r->rates.n > from) {
        const struct rate_taken *t = &r->rates.items[--r->rates.n];

        rate_correct(&r->worker->in->regions, &t->account, t->amount, 0, request_real_ms(r));
    }
}

void rates_settle(struct request *r, uint32_t from, uint64_t input, uint64_t output)
{
    uint64_t now_ms;

    if (r->rates.n <= from)
        return;
    now_ms = request_real_ms(r);
    for (uint32_t i = from; i < r->rates.n; i++) {
        struct rate_taken *t = &r->rates.items[i];
        uint64_t actual = actual_of(&t->account, input, output);

        rate_correct(&r->worker->in->regions, &t->account, t->amount, actual, now_ms);
        t->amount = actual;
    }
}
