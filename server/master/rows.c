#include "server/master/rows.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/master/calendars.h"
#include "shm/calendar.h"

static_assert(CONF_ACCOUNTS_MAX <= OWNER_ACCOUNTS_MAX, "what may be declared has room");
static_assert((int)CONF_CUSTOM == (int)PERIOD_CUSTOM, "the same periods in the same order");

static const uint32_t limit_kinds[] = {
    [CONF_REQUESTS] = ACCOUNT_REQUESTS,
    [CONF_TOKENS] = ACCOUNT_TOKENS,
    [CONF_TOKENS_IN] = ACCOUNT_TOKENS_IN,
    [CONF_TOKENS_OUT] = ACCOUNT_TOKENS_OUT,
};

/* --- does it say this? --- */

static uint64_t budget_length(const struct conf_budget *b)
{
    if (b->calendar)
        return 0;
    return b->window == CONF_CUSTOM ? b->length_ms
                                    : window_period_ms((enum window_period)b->window);
}

static bool is_window_of(const struct rows *r, const struct account *a, const struct conf_budget *b)
{
    enum window_period period;
    char zone[64];

    if (a->kind != ACCOUNT_BUDGET || a->window.period != b->window ||
        a->window.length_ms != budget_length(b) || (a->window.calendar != ROW_NONE) != b->calendar)
        return false;
    return !b->calendar || (calendar_at(r->published, a->window.calendar, &period, zone) &&
                            strcmp(zone, b->time_zone) == 0);
}

struct have {
    struct owner owner;
    struct account accounts[OWNER_ACCOUNTS_MAX];
};

static bool read_all(const struct rows *r, uint32_t row, struct have *out)
{
    if (!owner_read(r->published, row, &out->owner))
        return false;
    for (uint32_t i = 0; i < out->owner.n_accounts; i++) {
        if (!account_read(r->published, out->owner.accounts[i], &out->accounts[i]))
            return false;
    }
    return true;
}

static const struct account *have_budget(const struct rows *r, const struct have *h,
                                         const struct conf_budget *b)
{
    for (uint32_t i = 0; i < h->owner.n_accounts; i++) {
        if (is_window_of(r, &h->accounts[i], b))
            return &h->accounts[i];
    }
    return NULL;
}

static const struct account *have_other(const struct have *h, uint32_t kind, uint64_t length_ms)
{
    for (uint32_t i = 0; i < h->owner.n_accounts; i++) {
        if (h->accounts[i].kind == kind && h->accounts[i].window.length_ms == length_ms)
            return &h->accounts[i];
    }
    return NULL;
}

static uint32_t count(const struct conf_rules *rules)
{
    if (rules == NULL)
        return 0;
    return (uint32_t)(rules->n_budgets + rules->n_limits + (rules->concurrency > 0));
}

static bool rules_are(const struct rows *r, const struct have *h, const struct conf_rules *rules)
{
    const struct account *a;

    for (size_t i = 0; i < rules->n_budgets; i++) {
        a = have_budget(r, h, &rules->budgets[i]);
        if (a == NULL || a->limit != rules->budgets[i].limit_nanousd ||
            a->overshoot != rules->budgets[i].overshoot_nanousd)
            return false;
    }
    for (size_t i = 0; i < rules->n_limits; i++) {
        a = have_other(h, limit_kinds[rules->limits[i].kind], rules->limits[i].length_ms);
        if (a == NULL || a->limit != rules->limits[i].amount)
            return false;
    }
    if (rules->concurrency == 0)
        return true;
    a = have_other(h, ACCOUNT_CONCURRENCY, 0);
    return a != NULL && a->limit == rules->concurrency;
}

bool rows_needed(const struct want_owner *want)
{
    bool is_of_key =
        want->kind == OWNER_KEY || want->kind == OWNER_KEY_PROVIDER || want->kind == OWNER_PROVIDER;

    return !is_of_key || count(want->rules) > 0 ||
           (want->kind == OWNER_KEY && want->parent != ROW_NONE);
}

bool rows_are(const struct rows *r, uint32_t row, const struct want_owner *want)
{
    struct have h;

    if (!rows_needed(want))
        return row == ROW_NONE;
    if (row == ROW_NONE || !read_all(r, row, &h))
        return false;
    if (h.owner.kind != want->kind || h.owner.flags != want->flags ||
        h.owner.parent != want->parent || h.owner.n_accounts != count(want->rules))
        return false;
    return want->rules == NULL || rules_are(r, &h, want->rules);
}

/* --- planning --- */

/* A budget's account but for its row. */
static int budget_account(const struct rows *r, const struct want_owner *want,
                          const struct conf_budget *b, const struct mark *mark, struct account *out,
                          struct error *err)
{
    must(mark != NULL); /* marks_follow has seen the same rules */
    *out = (struct account){.kind = ACCOUNT_BUDGET,
                            .owner_kind = want->kind,
                            .id = mark->id,
                            .limit = b->limit_nanousd,
                            .overshoot = b->overshoot_nanousd};
    out->window = (struct window){.period = b->window,
                                  .anchor_ms = b->calendar ? 0 : mark->anchor_ms,
                                  .length_ms = budget_length(b)};
    if (!b->calendar)
        return 0;
    return calendars_get(r->published, (enum window_period)b->window, b->time_zone, clock_real_ms(),
                         &out->window.calendar, err);
}

static struct account other_account(const struct want_owner *want, uint32_t kind, uint64_t limit,
                                    uint64_t length_ms)
{
    return (struct account){.kind = kind,
                            .owner_kind = want->kind,
                            .id = marks_limit_id(want->id, want->part, kind, length_ms),
                            .limit = limit,
                            .window = {.period = PERIOD_CUSTOM, .length_ms = length_ms}};
}

static int want_accounts(const struct rows *r, const struct want_owner *want,
                         const struct marks *marks, struct account *out, struct error *err)
{
    const struct conf_rules *rules = want->rules;
    uint32_t n = 0;

    if (rules == NULL)
        return 0;
    must(count(rules) <= OWNER_ACCOUNTS_MAX);
    for (size_t i = 0; i < rules->n_budgets; i++) {
        const struct conf_budget *b = &rules->budgets[i];

        if (budget_account(r, want, b, marks_find(marks, want->part, b), &out[n++], err) != 0)
            return -1;
    }
    for (size_t i = 0; i < rules->n_limits; i++)
        out[n++] = other_account(want, limit_kinds[rules->limits[i].kind], rules->limits[i].amount,
                                 rules->limits[i].length_ms);
    if (rules->concurrency > 0)
        out[n] = other_account(want, ACCOUNT_CONCURRENCY, rules->concurrency, 0);
    return 0;
}

/* The account is there, and changes at most; or it is new. */
static int plan_account(const struct rows *r, const struct have *h, struct account *a,
                        struct rows_plan *out, struct error *err)
{
    a->owner = out->row;
    for (uint32_t i = 0; i < h->owner.n_accounts; i++) {
        if (h->accounts[i].id != a->id || h->accounts[i].kind != a->kind)
            continue;
        a->index = h->accounts[i].index;
        out->owner.accounts[out->owner.n_accounts++] = a->index;
        if (memcmp(&h->accounts[i], a, sizeof(*a)) != 0)
            out->put[out->n_put++] = *a;
        return 0;
    }
    if (account_table_add(r->table, a, err) != 0)
        return -1;
    out->added[out->n_added++] = a->index;
    out->owner.accounts[out->owner.n_accounts++] = a->index;
    return 0;
}

static bool is_kept(const struct owner *owner, uint32_t index)
{
    for (uint32_t i = 0; i < owner->n_accounts; i++) {
        if (owner->accounts[i] == index)
            return true;
    }
    return false;
}

int rows_plan(const struct rows *r, uint32_t row, const struct want_owner *want,
              const struct marks *marks, struct rows_plan *out, struct error *err)
{
    struct account accounts[OWNER_ACCOUNTS_MAX];
    struct have h = {.owner = {.n_accounts = 0}};
    uint32_t n = count(want->rules);

    memset(accounts, 0, sizeof(accounts));
    *out = (struct rows_plan){.old = row};
    if (row != ROW_NONE && !read_all(r, row, &h)) {
        h.owner.n_accounts = 0; /* what a killed master left half done is made anew */
        out->old = ROW_NONE;
    }
    if (want_accounts(r, want, marks, accounts, err) != 0)
        return -1;
    out->owner = (struct owner){
        .kind = want->kind, .flags = want->flags, .parent = want->parent, .id = want->id};
    if (rows_needed(want)) {
        out->row = out->old;
        if (out->row == ROW_NONE && owner_table_add(r->table, &out->owner, err) != 0)
            return -1;
        out->row = out->old != ROW_NONE ? out->old : out->owner.index;
        out->owner.index = out->row;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (plan_account(r, &h, &accounts[i], out, err) != 0) {
            rows_abort(r, out);
            return -1;
        }
    }
    for (uint32_t i = 0; i < h.owner.n_accounts; i++) {
        if (!is_kept(&out->owner, h.accounts[i].index))
            out->gone[out->n_gone++] = h.accounts[i].index;
    }
    return 0;
}

void rows_commit(const struct rows *r, const struct rows_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_put; i++)
        account_table_put(r->table, &plan->put[i]);
    if (plan->row != ROW_NONE)
        owner_table_put(r->table, &plan->owner);
}

void rows_clean(const struct rows *r, const struct rows_plan *plan)
{
    if (plan->old != ROW_NONE && plan->row == ROW_NONE)
        owner_table_remove(r->table, plan->old);
    for (uint32_t i = 0; i < plan->n_gone; i++)
        account_table_remove(r->table, plan->gone[i]);
}

void rows_abort(const struct rows *r, const struct rows_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_added; i++)
        account_table_remove(r->table, plan->added[i]);
    if (plan->row != ROW_NONE && plan->old == ROW_NONE)
        owner_table_remove(r->table, plan->row);
}

void rows_remove(const struct rows *r, uint32_t row)
{
    struct owner owner;

    if (!owner_read(r->published, row, &owner))
        return;
    owner_table_remove(r->table, row);
    for (uint32_t i = 0; i < owner.n_accounts; i++) {
        if (owner.accounts[i] != ROW_NONE)
            account_table_remove(r->table, owner.accounts[i]);
    }
}

/* --- finding --- */

bool rows_budget(const struct rows *r, uint32_t row, const struct conf_budget *b,
                 struct account *out)
{
    struct have h;
    const struct account *a = read_all(r, row, &h) ? have_budget(r, &h, b) : NULL;

    if (a != NULL)
        *out = *a;
    return a != NULL;
}

static bool find_other(const struct rows *r, uint32_t row, uint32_t kind, uint64_t length_ms,
                       struct account *out)
{
    struct have h;
    const struct account *a = read_all(r, row, &h) ? have_other(&h, kind, length_ms) : NULL;

    if (a != NULL)
        *out = *a;
    return a != NULL;
}

bool rows_limit(const struct rows *r, uint32_t row, const struct conf_limit *l, struct account *out)
{
    return find_other(r, row, limit_kinds[l->kind], l->length_ms, out);
}

bool rows_concurrency(const struct rows *r, uint32_t row, struct account *out)
{
    return find_other(r, row, ACCOUNT_CONCURRENCY, 0, out);
}
