#include "shm/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/calendar.h"
#include "shm/counter.h"
#include "shm/ledger_steps.h"
#include "shm/map.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

struct ledger {
    struct regions regions;
    struct actor a;
    uint32_t n_free;
    uint32_t free[HOLDS_MAX]; /* rows given back: the last one is taken first, its lines are warm */
};

struct ledger *ledger_open(const struct regions *regions, uint32_t slot)
{
    struct ledger *l = xcalloc(1, sizeof(*l));
    struct holds *holds;

    l->regions = *regions;
    l->a = actor_for(regions, slot);
    holds = &l->a.s->holds;
    for (uint32_t row = holds_high(holds); row-- > 0;)
        must(hold_phase_of(&holds->rows[row]) == HOLD_FREE);
    STORE(holds->high, 0);
    return l;
}

void ledger_close(struct ledger *l)
{
    free(l);
}

static struct hold *row_of(const struct ledger *l, uint32_t row)
{
    must(row < holds_high(&l->a.s->holds));
    return &l->a.s->holds.rows[row];
}

static void set_phase(struct hold *h, enum hold_phase phase)
{
    atomic_store_explicit(&h->word, hold_word(phase, 0, 0), memory_order_release);
}

static bool row_take(struct ledger *l, uint32_t *out)
{
    struct holds *holds = &l->a.s->holds;
    uint32_t high = holds_high(holds);

    if (l->n_free > 0) {
        *out = l->free[--l->n_free];
        return true;
    }
    if (high == HOLDS_MAX)
        return false;
    atomic_store_explicit(&holds->high, high + 1, memory_order_release);
    *out = high;
    return true;
}

static void row_give(struct ledger *l, uint32_t row)
{
    set_phase(&l->a.s->holds.rows[row], HOLD_FREE);
    l->free[l->n_free++] = row;
}

/* --- what a hold says --- */

static void write_texts(struct hold *h, const struct hold_note *note)
{
    const struct str texts[HOLD_TEXTS] = {
        [HOLD_KEY_NAME] = note->key_name, [HOLD_PROVIDER] = note->provider,
        [HOLD_MODEL] = note->model,       [HOLD_PROVIDER_KEY] = note->provider_key,
        [HOLD_ASKED] = note->asked,       [HOLD_ENDPOINT] = note->endpoint,
    };
    size_t at = 0;

    for (uint32_t i = 0; i < HOLD_TEXTS; i++) {
        size_t len = min_u64(texts[i].len, HOLD_TEXTS_MAX - at);

        if (len > 0)
            memcpy(h->texts + at, texts[i].p, len);
        h->text_len[i] = (uint16_t)len;
        at += len;
    }
}

static void write_note(struct hold *h, const struct hold_note *note)
{
    STORE(h->streamed, 0);
    STORE(h->sent, 0);
    memcpy(h->id, note->id, sizeof(h->id));
    h->begun_ms = note->begun_ms;
    h->key_id = note->key_id;
    h->team_id = note->team_id;
    h->customer_id = note->customer_id;
    h->row = note->row;
    h->attempts = note->attempts;
    h->flags = note->flags;
    h->input = note->input;
    h->input_pico = note->input_pico;
    h->output_pico = note->output_pico;
    h->request_nanousd = note->request_nanousd;
    write_texts(h, note);
}

/* The accounts that a hold names, and what each lane may have. */
struct plan {
    const struct account *accounts[HOLD_ACCOUNTS_MAX];
    uint32_t n;
    uint64_t limits[HOLD_LANES];
};

/* False: more than a hold or a record can name. */
static bool plan_make(struct plan *p, const struct hold_want *want)
{
    uint32_t budgets = 0;

    p->n = 0;
    for (uint32_t i = 0; i < want->n; i++) {
        const struct account *account = &want->accounts[i];

        if (account->kind != ACCOUNT_BUDGET && account->kind != ACCOUNT_CONCURRENCY)
            continue;
        must(account->index != ROW_NONE && account->index < ACCOUNTS_MAX);
        budgets += account->kind == ACCOUNT_BUDGET;
        if (p->n == HOLD_ACCOUNTS_MAX || budgets > RECORD_BOOKINGS_MAX)
            return false;
        p->accounts[p->n++] = account;
    }
    return true;
}

static uint64_t sum_capped(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - 1 - a ? UINT64_MAX - 1 : a + b;
}

/* UINT64_MAX would be no limit at all. */
static uint64_t limit_of(const struct account *account)
{
    return min_u64(account->limit, UINT64_MAX - 1);
}

static void write_budget(struct plan *p, uint32_t i, struct hold_account *to,
                         const struct hold_want *want)
{
    const struct account *account = p->accounts[i];
    uint64_t likely = min_u64(want->likely, HOLD_AMOUNT_MAX);
    uint64_t worst = max_u64(likely, min_u64(want->worst, HOLD_AMOUNT_MAX));
    uint64_t limit = limit_of(account);
    bool both = account->overshoot != 0 && account->overshoot != OVERSHOOT_AUTO;

    STORE(to->used, account->overshoot == 0 ? worst : likely);
    STORE(to->worst, both ? worst : 0);
    p->limits[2 * i] = limit;
    p->limits[2 * i + 1] = both ? sum_capped(limit, account->overshoot) : UINT64_MAX;
}

static void write_account(const struct ledger *l, struct plan *p, uint32_t i, uint32_t row,
                          const struct hold_want *want)
{
    const struct account *account = p->accounts[i];
    struct hold_account *to = hold_account_at(&l->a.s->holds, row, i);
    uint32_t window = 0;
    uint32_t flags = 0;

    to->id = account->id;
    STORE(to->index, account->index);
    if (account->kind == ACCOUNT_BUDGET) {
        window = window_number(&l->regions.published, &account->window, want->real_ms);
        window = steps_window(l->a.counters->rows[account->index].used, window & HOLD_WINDOW);
        flags = HOLD_BUDGET;
        if (account->overshoot == OVERSHOOT_AUTO)
            flags |= HOLD_RAISABLE;
        else if (account->overshoot != 0)
            flags |= HOLD_BOTH;
        write_budget(p, i, to, want);
    } else {
        STORE(to->used, 1);
        STORE(to->worst, 0);
        p->limits[2 * i] = limit_of(account);
        p->limits[2 * i + 1] = UINT64_MAX;
    }
    STORE(to->window, window | flags);
}

static void write_plan(const struct ledger *l, struct plan *p, uint32_t row,
                       const struct hold_want *want)
{
    for (uint32_t i = 0; i < p->n; i++)
        write_account(l, p, i, row, want);
    STORE(l->a.s->holds.rows[row].n, p->n);
}

/*
 * An account that was removed before it was named here may be given away again at any time; one that
 * was not is not given away while it is named: who names it and looks whether it is still there, and
 * who removes it and looks whether it is named, cannot miss each other.
 */
static void drop_removed(const struct ledger *l, struct plan *p, uint32_t row,
                         const struct hold_want *want)
{
    const struct published_shared *published = l->regions.published.base;
    uint32_t n = 0;

    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct account *account = p->accounts[i];

        if (LOAD(published->accounts[account->index].id) == account->id)
            p->accounts[n++] = account;
    }
    if (n == p->n)
        return;
    p->n = n;
    write_plan(l, p, row, want);
}

/* --- taking --- */

static uint64_t window_end(const struct ledger *l, const struct account *account, uint32_t window)
{
    uint64_t begin;
    uint64_t end;

    if (account->kind != ACCOUNT_BUDGET)
        return 0;
    window_bounds(&l->regions.published, &account->window, window, &begin, &end);
    return end;
}

static void explain(const struct ledger *l, uint32_t row, const struct account *account,
                    const struct steps_stop *stop, struct refusal *why)
{
    const struct hold_account *at = hold_account_look(&l->a.s->holds, row, stop->lane / 2);
    uint32_t window = LOAD(at->window) & HOLD_WINDOW;

    why->account = *account;
    why->used = stop->amount;
    if (stop->lane % 2 != 0) /* the worst did not fit: what counts for people is the likely */
        why->used = steps_amount(lane_cells(&l->a, row, stop->lane - 1), window);
    why->reset_ms = window_end(l, account, window);
}

/* Look before anything is changed: who is refused by the last account would hold the others a moment. */
static bool fits(const struct ledger *l, uint32_t row, const struct plan *p,
                 struct steps_stop *stop)
{
    for (uint32_t lane = 0; lane < 2 * p->n; lane++) {
        const struct hold_account *at = hold_account_look(&l->a.s->holds, row, lane / 2);
        uint64_t need = steps_lane_after(&l->a, row, HOLD_TAKING, lane);
        uint64_t amount;

        if (need == 0)
            continue;
        amount = steps_amount(lane_cells(&l->a, row, lane), LOAD(at->window) & HOLD_WINDOW);
        if (amount > p->limits[lane] || need > p->limits[lane] - amount) {
            *stop = (struct steps_stop){lane, amount};
            return false;
        }
    }
    return true;
}

enum hold_result hold_look(struct ledger *l, const struct hold_want *want, struct refusal *why)
{
    struct plan p;
    struct steps_stop stop;
    enum hold_result result = HOLD_OK;
    uint32_t row;

    if (!plan_make(&p, want) || !row_take(l, &row))
        return HOLD_FULL;
    write_plan(l, &p, row, want);
    set_phase(row_of(l, row), HOLD_TAKING);
    drop_removed(l, &p, row, want);
    if (!fits(l, row, &p, &stop)) {
        explain(l, row, p.accounts[stop.lane / 2], &stop, why);
        result = HOLD_OVER;
    }
    row_give(l, row);
    return result;
}

enum hold_result hold_take(struct ledger *l, const struct hold_want *want, uint32_t *out,
                           struct refusal *why)
{
    struct plan p;
    struct steps_stop stop;
    struct hold *h;
    uint32_t row;

    if (!plan_make(&p, want) || !row_take(l, &row))
        return HOLD_FULL;
    h = row_of(l, row);
    write_note(h, want->note);
    write_plan(l, &p, row, want);
    set_phase(h, HOLD_TAKING);
    drop_removed(l, &p, row, want);
    if (!fits(l, row, &p, &stop)) {
        explain(l, row, p.accounts[stop.lane / 2], &stop, why);
        row_give(l, row);
        return HOLD_OVER;
    }
    if (!steps_up(&l->a, row, HOLD_TAKING, p.limits, &stop)) {
        steps_down(&l->a, row, HOLD_UNTAKING, stop.lane);
        explain(l, row, p.accounts[stop.lane / 2], &stop, why);
        row_give(l, row);
        return HOLD_OVER;
    }
    set_phase(h, HOLD_HELD);
    *out = row;
    return HOLD_OK;
}

/* --- while it is held --- */

void hold_sent(struct ledger *l, uint32_t hold)
{
    atomic_store_explicit(&row_of(l, hold)->sent, 1, memory_order_release);
}

void hold_streamed(struct ledger *l, uint32_t hold, uint64_t bytes)
{
    STORE(row_of(l, hold)->streamed, bytes);
}

/* The limit may have changed since. An account that is gone limits nothing. */
static uint64_t raise_limit(const struct ledger *l, const struct hold_account *at,
                            struct account *out)
{
    uint64_t limit;

    if (!account_read(&l->regions.published, LOAD(at->index), out) || out->id != at->id)
        return UINT64_MAX;
    limit = limit_of(out);
    return sum_capped(limit, limit / HOLD_RAISE_SHARE);
}

bool hold_raise(struct ledger *l, uint32_t hold, uint64_t likely, struct refusal *why)
{
    struct hold *h = row_of(l, hold);
    uint64_t limits[HOLD_LANES];
    struct account account = {.kind = ACCOUNT_FREE};
    struct steps_stop stop;
    uint32_t n = hold_count(h);

    must(hold_phase_of(h) == HOLD_HELD);
    for (uint32_t i = 0; i < n; i++) {
        const struct hold_account *at = hold_account_look(&l->a.s->holds, hold, i);

        limits[2 * i] = limits[2 * i + 1] = UINT64_MAX;
        if ((LOAD(at->window) & HOLD_RAISABLE) != 0)
            limits[2 * i] = raise_limit(l, at, &account);
    }
    h->raised = min_u64(likely, HOLD_AMOUNT_MAX);
    set_phase(h, HOLD_RAISING);
    if (!steps_up(&l->a, hold, HOLD_RAISING, limits, &stop)) {
        const struct hold_account *at = hold_account_look(&l->a.s->holds, hold, stop.lane / 2);

        steps_down(&l->a, hold, HOLD_UNRAISING, stop.lane);
        set_phase(h, HOLD_HELD);
        (void)raise_limit(l, at, &account); /* it was there a moment ago */
        explain(l, hold, &account, &stop, why);
        return false;
    }
    /* Whoever finds this half done undoes it: what is raised here already is as much as it holds. */
    for (uint32_t i = 0; i < n; i++)
        STORE(hold_account_at(&l->a.s->holds, hold, i)->used,
              steps_lane_after(&l->a, hold, HOLD_RAISING, 2 * i));
    set_phase(h, HOLD_HELD);
    return true;
}

void hold_bookings(const struct ledger *l, uint32_t hold, struct record *rec)
{
    steps_bookings(&l->a, hold, rec);
}

/* --- its end --- */

void hold_release(struct ledger *l, uint32_t hold)
{
    struct hold *h = row_of(l, hold);

    must(hold_phase_of(h) == HOLD_HELD);
    set_phase(h, HOLD_RETURNING);
    steps_on(&l->a, hold, HOLD_RETURNING, 0);
    row_give(l, hold);
}

uint64_t hold_settle(struct ledger *l, uint32_t hold, const struct record *rec, uint64_t stored)
{
    struct hold *h = row_of(l, hold);
    uint64_t seq;

    must(hold_phase_of(h) == HOLD_HELD);
    steps_settle_begin(&l->a, hold, rec);
    seq = steps_settle_record(&l->a, hold, stored);
    steps_on(&l->a, hold, HOLD_SETTLING, 0);
    row_give(l, hold);
    return seq;
}
