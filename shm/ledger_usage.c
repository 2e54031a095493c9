#include "shm/calendar.h"
#include "shm/counter.h"
#include "shm/ledger_steps.h"
#include "shm/rates.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)

static struct counter_row *row_of(const struct region *counters, uint32_t index)
{
    struct counters_shared *shared = counters->base;

    must(counters->kind == REGION_COUNTERS && shared != NULL);
    must(index != ROW_NONE && index < ACCOUNTS_MAX);
    return &shared->rows[index];
}

void account_usage(const struct regions *regions, const struct account *a, uint64_t real_ms,
                   struct usage_now *out)
{
    const struct counter_row *row = row_of(&regions->counters, a->index);
    uint64_t begin;
    uint32_t window;

    if (a->kind == ACCOUNT_CONCURRENCY) {
        *out = (struct usage_now){steps_amount(row->used, 0), 0};
        return;
    }
    if (a->kind != ACCOUNT_BUDGET) {
        rate_usage(&row->used[0], a, real_ms, out);
        return;
    }
    window = window_number(&regions->published, &a->window, real_ms) & HOLD_WINDOW;
    window = steps_window(row->used, window);
    out->used = steps_amount(row->used, window);
    window_bounds(&regions->published, &a->window, window, &begin, &out->reset_ms);
}

/* What a hold has in an account's counter `used` now; a lane that is in doubt counts as not done. */
static uint64_t held_in(const struct actor *a, uint32_t row, uint32_t i)
{
    uint64_t word = LOAD(a->s->holds.rows[row].word);
    enum hold_phase phase = hold_word_phase(word);
    uint32_t at = hold_word_lane(word);
    bool is_done = phase == HOLD_UNTAKING || phase == HOLD_UNRAISING ? 2 * i > at : 2 * i < at;

    if (phase == HOLD_FREE || (is_done && phase == HOLD_SETTLING))
        return 0; /* what is settled is not held */
    return is_done ? steps_lane_after(a, row, phase, 2 * i)
                   : steps_lane_before(a, row, phase, 2 * i);
}

bool account_counter(const struct regions *regions, const struct account *a, uint32_t which,
                     uint32_t *out_number, uint64_t *out_amount)
{
    const struct counter_row *row = row_of(&regions->counters, a->index);
    struct counter now;

    must(which < 2 && a->kind == ACCOUNT_BUDGET);
    now = counter_look(&row->used[which]);
    *out_number = tag_window(now.tag);
    *out_amount = now.amount;
    return now.tag != 0 || now.amount != 0; /* a tag of 0: restored, in window 0 */
}

static void held_of_row(const struct actor *a, uint32_t row, held_fn *fn, void *ctx)
{
    uint32_t n = hold_count(&a->s->holds.rows[row]);

    for (uint32_t i = 0; i < n; i++) {
        const struct hold_account *at = hold_account_look(&a->s->holds, row, i);
        struct held held = {LOAD(at->index), LOAD(at->window) & HOLD_WINDOW, held_in(a, row, i)};

        if (held.amount > 0)
            fn(ctx, &held);
    }
}

void held_each(const struct regions *regions, held_fn *fn, void *ctx)
{
    uint32_t slots = live_slots(&regions->live);

    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct actor actor = actor_for(regions, slot);
        uint32_t high = holds_high(&actor.s->holds);

        for (uint32_t row = 0; row < high; row++)
            held_of_row(&actor, row, fn, ctx);
    }
}

struct held_sum {
    uint32_t index, window;
    uint64_t amount;
};

static void add_held(void *ctx, const struct held *held)
{
    struct held_sum *sum = ctx;

    if (held->index == sum->index && held->window == sum->window)
        sum->amount += held->amount;
}

uint64_t account_held(const struct regions *regions, const struct account *a, uint32_t number)
{
    struct held_sum sum = {a->index, a->kind == ACCOUNT_BUDGET ? number & HOLD_WINDOW : 0, 0};

    held_each(regions, add_held, &sum);
    return sum.amount;
}

uint32_t ledger_holds(const struct region *live, uint32_t slot)
{
    const struct holds *holds = &live_slot(live, slot)->holds;
    uint32_t high = holds_high(holds);
    uint32_t n = 0;

    for (uint32_t row = 0; row < high; row++)
        n += hold_phase_of(&holds->rows[row]) != HOLD_FREE;
    return n;
}

static void restore(struct counter cells[2], uint32_t window, uint64_t used)
{
    struct counter *cell = &cells[0];

    if (tag_window(cells[0].tag) != window &&
        (tag_window(cells[1].tag) == window ||
         tag_window(cells[1].tag) <= tag_window(cells[0].tag)))
        cell = &cells[1];
    /* Three windows and more: the latest two stay. */
    if (tag_window(cell->tag) > window)
        return;
    *cell = (struct counter){used, counter_tag(0, 0, window)};
}

void account_restore(struct region *counters, const struct account *a, uint32_t number,
                     uint64_t used)
{
    struct counter_row *row = row_of(counters, a->index);

    restore(row->used, number & HOLD_WINDOW, used);
    if (a->overshoot != 0 && a->overshoot != OVERSHOOT_AUTO)
        restore(row->worst, number & HOLD_WINDOW, used);
}
