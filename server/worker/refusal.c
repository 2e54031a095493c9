#include "server/worker/refusal.h"

#include "server/base/buf.h"
#include "server/base/when.h"
#include "server/worker/fail.h"
#include "server/worker/worker.h"
#include "shm/calendar.h"
#include "shm/limits.h"
#include "shm/owner_names.h"

#define NANO_PER_DOLLAR 1000000000u
#define DIGITS_MAX 9
#define DIGITS_MIN 2

struct str refusal_dollars(struct arena *a, uint64_t nanousd)
{
    struct str text =
        arena_printf(a, "%llu.%09llu", (unsigned long long)(nanousd / NANO_PER_DOLLAR),
                     (unsigned long long)(nanousd % NANO_PER_DOLLAR));
    size_t zeros = 0;

    while (zeros < DIGITS_MAX - DIGITS_MIN && text.p[text.len - 1 - zeros] == '0')
        zeros++;
    return (struct str){text.p, text.len - zeros};
}

/* --- whose --- */

static struct str name_of_owner(struct request *r, const struct account *a, const char *kind)
{
    char name[OWNER_NAME_MAX];
    size_t len;

    if (!owner_name_read(&r->worker->in->regions.published, a->owner, name, &len))
        return arena_printf(r->arena, "the key's %s", kind);
    return arena_printf(r->arena, "%s \"%.*s\"", kind, (int)len, name);
}

static struct str name_of_model(struct request *r, const struct account *a)
{
    const struct model_limits *limits = r->worker->limits;

    for (uint32_t i = 0; i < limits->n; i++) {
        const struct model_limit *l = model_limit_at(limits, i);

        if (l->owner == a->owner)
            return arena_printf(r->arena, "model \"%.*s\"", STR_ARGS(model_limit_glob(l)));
    }
    return STR("this model");
}

struct str refusal_whose(struct request *r, const struct account *a)
{
    switch (a->owner_kind) {
    case OWNER_CUSTOMER:
        return name_of_owner(r, a, "customer");
    case OWNER_TEAM:
        return name_of_owner(r, a, "team");
    case OWNER_KEY_PROVIDER:
        return arena_printf(r->arena, "provider \"%.*s\" in virtual key \"%.*s\"",
                            STR_ARGS(r->money.provider), STR_ARGS(r->key.name));
    case OWNER_PROVIDER:
        return arena_printf(r->arena, "provider \"%.*s\"", STR_ARGS(r->money.provider));
    case OWNER_MODEL:
        return name_of_model(r, a);
    case OWNER_TARGET:
        return arena_printf(r->arena, "this model at provider \"%.*s\"",
                            STR_ARGS(r->money.provider));
    default:
        return arena_printf(r->arena, "virtual key \"%.*s\"", STR_ARGS(r->key.name));
    }
}

/* --- how long --- */

struct str refusal_length(struct request *r, const struct window *w)
{
    static const struct {
        uint64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};

    if (w->period < PERIOD_CUSTOM)
        return str_of(window_period_names[w->period]);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (w->length_ms >= units[i].ms && w->length_ms % units[i].ms == 0)
            return arena_printf(r->arena, "%llu%c",
                                (unsigned long long)(w->length_ms / units[i].ms), units[i].unit);
    }
    return arena_printf(r->arena, "%llums", (unsigned long long)w->length_ms);
}

static struct str when_text(struct request *r, uint64_t ms)
{
    struct buf b = BUF_IN(r->arena);

    when_format(&b, (ms + 999) / 1000 * 1000);
    return buf_view(&b);
}

/* --- the words --- */

static struct str budget_text(struct request *r)
{
    const struct refusal *why = &r->refusal;
    const struct account *a = &why->account;
    struct arena *arena = r->arena;
    uint64_t used = why->used;
    struct str reset = STR_NONE;

    if (why->reset_ms != 0)
        reset = arena_concat(
            arena, (struct str[]){STR("; it begins anew at "), when_text(r, why->reset_ms)}, 2);
    return arena_printf(
        arena,
        "of %.*s: %.*s of %.*s dollars per %.*s%s are used or reserved, %.*s are left, and this "
        "request may cost about %.*s%.*s",
        STR_ARGS(refusal_whose(r, a)), STR_ARGS(refusal_dollars(arena, used)),
        STR_ARGS(refusal_dollars(arena, a->limit)), STR_ARGS(refusal_length(r, &a->window)),
        a->window.calendar != ROW_NONE ? " (by the calendar)" : "",
        STR_ARGS(refusal_dollars(arena, a->limit > used ? a->limit - used : 0)),
        STR_ARGS(refusal_dollars(arena, r->money.needed)), STR_ARGS(reset));
}

static struct str rate_text(struct request *r, const char *what)
{
    const struct refusal *why = &r->refusal;
    const struct account *a = &why->account;
    uint64_t now_ms = request_real_ms(r);
    uint64_t left = a->limit > why->used ? a->limit - why->used : 0;

    if (why->reset_ms == 0)
        return arena_printf(r->arena, "of %.*s: %llu %s per %.*s, and this request alone has more",
                            STR_ARGS(refusal_whose(r, a)), (unsigned long long)a->limit, what,
                            STR_ARGS(refusal_length(r, &a->window)));
    return arena_printf(r->arena,
                        "of %.*s: %llu %s per %.*s, of which %llu are left; try again in %llu ms",
                        STR_ARGS(refusal_whose(r, a)), (unsigned long long)a->limit, what,
                        STR_ARGS(refusal_length(r, &a->window)), (unsigned long long)left,
                        (unsigned long long)(why->reset_ms - min_u64(now_ms, why->reset_ms)));
}

static const struct {
    const struct fail *fail;
    const char *what;
} kinds[ACCOUNT_KINDS] = {
    [ACCOUNT_BUDGET] = {&FAIL_BUDGET_EXCEEDED, NULL},
    [ACCOUNT_REQUESTS] = {&FAIL_REQUEST_LIMITED, "requests"},
    [ACCOUNT_TOKENS] = {&FAIL_TOKEN_LIMITED, "tokens"},
    [ACCOUNT_TOKENS_IN] = {&FAIL_TOKEN_LIMITED, "input tokens"},
    [ACCOUNT_TOKENS_OUT] = {&FAIL_TOKEN_LIMITED, "output tokens"},
    [ACCOUNT_CONCURRENCY] = {&FAIL_CONCURRENCY_LIMITED, NULL},
};

enum step_result refusal_fail(struct request *r, const struct refusal *why)
{
    const struct account *a = &why->account;
    struct str text;

    must(a->kind > ACCOUNT_FREE && a->kind < ACCOUNT_KINDS);
    r->refusal = *why;
    if (a->kind == ACCOUNT_BUDGET)
        text = budget_text(r);
    else if (a->kind == ACCOUNT_CONCURRENCY)
        text = arena_printf(r->arena, "of %.*s: %llu at the same time, and %llu are under way",
                            STR_ARGS(refusal_whose(r, a)), (unsigned long long)a->limit,
                            (unsigned long long)why->used);
    else
        text = rate_text(r, kinds[a->kind].what);
    return request_fail(r, kinds[a->kind].fail, text, STR_NONE);
}

int refusal_budget_status(const struct request *r)
{
    const struct pub_image *image = r->worker->view.image;

    if ((image->flags & PUB_BUDGET_429) != 0)
        return 429;
    return (image->flags & PUB_BUDGET_400) != 0 ? 400 : FAIL_BUDGET_EXCEEDED.status;
}

bool refusal_is(const struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (f == kinds[i].fail)
            return f != NULL;
    }
    return false;
}

/* --- headers --- */

size_t refusal_headers(struct request *r, struct http_header *out)
{
    const struct refusal *why = &r->refusal;
    uint64_t now_ms = request_real_ms(r);
    uint64_t wait_ms = why->reset_ms - min_u64(now_ms, why->reset_ms);
    size_t n = 0;

    if (why->account.kind == ACCOUNT_CONCURRENCY)
        wait_ms = 1000; /* nobody knows when one ends */
    if (wait_ms > 0) {
        out[n++] = (struct http_header){
            STR("retry-after"),
            arena_printf(r->arena, "%llu", (unsigned long long)((wait_ms + 999) / 1000))};
        out[n++] = (struct http_header){
            STR("retry-after-ms"), arena_printf(r->arena, "%llu", (unsigned long long)wait_ms)};
    }
    if (why->account.kind == ACCOUNT_BUDGET || wait_ms == 0 || wait_ms > REFUSAL_PATIENCE_MS)
        out[n++] = (struct http_header){STR("x-should-retry"), STR("false")};
    return n;
}
