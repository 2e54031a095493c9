#include "shm/ledger_steps.h"

#include "shm/counter.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

struct actor actor_for(const struct regions *regions, uint32_t slot)
{
    struct actor a = {regions->counters.base, regions->live.base, NULL, slot};

    must(regions->counters.kind == REGION_COUNTERS && a.counters != NULL);
    must(regions->live.kind == REGION_LIVE && a.live != NULL);
    a.s = live_slot(&regions->live, slot);
    return a;
}

/* --- what a row says --- */

enum point { NOTHING, HELD, RAISED, FINAL };

static const struct {
    enum point before, after;
} changes[HOLD_PHASES] = {
    [HOLD_TAKING] = {NOTHING, HELD},   [HOLD_UNTAKING] = {HELD, NOTHING},
    [HOLD_HELD] = {HELD, HELD},        [HOLD_RAISING] = {HELD, RAISED},
    [HOLD_UNRAISING] = {RAISED, HELD}, [HOLD_RETURNING] = {HELD, NOTHING},
    [HOLD_SETTLING] = {HELD, FINAL},
};

static uint64_t amount_at(const struct actor *a, uint32_t row, uint32_t lane, enum point p)
{
    const struct hold_account *account = hold_account_look(&a->s->holds, row, lane / 2);
    const struct hold *h = &a->s->holds.rows[row];
    uint32_t flags = LOAD(account->window);
    bool is_worst = lane % 2 != 0;
    uint64_t held = is_worst ? LOAD(account->worst) : LOAD(account->used);

    switch (p) {
    case NOTHING:
        return 0;
    case HELD:
        return held;
    case RAISED:
        return !is_worst && (flags & HOLD_RAISABLE) != 0 ? max_u64(held, h->raised) : held;
    default:
        if ((flags & HOLD_BUDGET) == 0 || (is_worst && (flags & HOLD_BOTH) == 0))
            return 0;
        return h->cost;
    }
}

uint64_t steps_lane_before(const struct actor *a, uint32_t row, enum hold_phase phase,
                           uint32_t lane)
{
    return amount_at(a, row, lane, changes[phase].before);
}

uint64_t steps_lane_after(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t lane)
{
    return amount_at(a, row, lane, changes[phase].after);
}

struct counter *lane_cells(const struct actor *a, uint32_t row, uint32_t lane)
{
    const struct hold_account *account = hold_account_look(&a->s->holds, row, lane / 2);
    struct counter_row *counters = &a->counters->rows[LOAD(account->index) % ACCOUNTS_MAX];

    return lane % 2 != 0 ? counters->worst : counters->used;
}

/* --- one addition --- */

static uint64_t next_operation(const struct actor *a)
{
    struct holds *holds = &a->s->holds;
    uint64_t n = LOAD(holds->operation) + 1;

    if ((uint32_t)n == 0)
        n++; /* a tag with 0 there is nobody's */
    STORE(holds->operation, n);
    if (LOAD(holds->epoch) != n >> HOLD_EPOCH_BITS)
        atomic_store_explicit(&holds->epoch, n >> HOLD_EPOCH_BITS, memory_order_release);
    return n & HOLD_OPERATION;
}

/*
 * Before a tag of another slot is replaced: note that its operation was made, in case its worker died
 * between making it and saying so. Notes only grow, so that an old tag met later does not hide a
 * newer one. A tag has the operation's lower half; the upper one is that of the other slot's epoch,
 * which is stored before the operations in it begin.
 */
static void note_seen(const struct actor *a, uint64_t tag)
{
    uint32_t of = tag_slot(tag);
    uint64_t latest;
    uint64_t operation;
    _Atomic uint64_t *seen;

    if (of == a->slot || of >= SLOTS_MAX || tag_operation(tag) == 0)
        return;
    latest = atomic_load_explicit(&a->live->slots[of].holds.epoch, memory_order_acquire);
    latest = ((latest + 1) << HOLD_EPOCH_BITS) - 1;
    operation = latest - (uint32_t)((uint32_t)latest - tag_operation(tag));
    seen = &a->counters->seen[a->slot][of];
    if (operation <= latest && operation > LOAD(*seen))
        STORE(*seen, operation);
}

/* Not above what fits, not below nothing: both would be errors of ours, and would stay. */
static uint64_t moved(uint64_t amount, uint64_t before, uint64_t after)
{
    if (after >= before)
        return amount + min_u64(after - before, UINT64_MAX - amount);
    return amount - min_u64(before - after, amount);
}

struct addition {
    struct counter *cells;
    uint32_t window;
    bool is_new; /* the clock says that this is the window now */
    uint64_t before, after;
    uint64_t limit;
    uint64_t operation;
};

/*
 * Neither cell has the window. A hold that took nothing has not begun it, and now it has something to
 * book; or it is not kept any more, and what is booked there is the journal's alone.
 */
static bool may_begin(const struct addition *x, uint32_t oldest)
{
    return x->is_new || (x->after > x->before && x->window > oldest);
}

static bool add(const struct actor *a, const struct addition *x, uint64_t *out_amount)
{
    uint64_t tag = counter_tag(a->slot, x->operation, x->window);

    for (;;) {
        struct counter old = counter_look(&x->cells[0]);
        struct counter *cell = &x->cells[0];
        uint64_t amount;

        if (tag_window(old.tag) != x->window) {
            struct counter second = counter_look(&x->cells[1]);

            if (tag_window(second.tag) == x->window ||
                tag_window(second.tag) <= tag_window(old.tag)) {
                old = second; /* it is the one, or the older one, which makes room */
                cell = &x->cells[1];
            }
            if (tag_window(old.tag) != x->window && !may_begin(x, tag_window(old.tag)))
                return true;
        }
        amount = tag_window(old.tag) == x->window ? old.amount : 0;
        if (x->limit != UINT64_MAX && x->after > x->before &&
            (amount > x->limit || x->after - x->before > x->limit - amount)) {
            *out_amount = amount;
            return false;
        }
        note_seen(a, old.tag);
        if (counter_swap(cell, old, (struct counter){moved(amount, x->before, x->after), tag}))
            return true;
    }
}

/* The word says which lane by which operation before it is done. */
static bool add_lane(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t lane,
                     uint64_t limit, uint64_t *out_amount)
{
    const struct hold_account *account = hold_account_look(&a->s->holds, row, lane / 2);
    struct addition x = {.cells = lane_cells(a, row, lane),
                         .window = LOAD(account->window) & HOLD_WINDOW,
                         .is_new = phase == HOLD_TAKING,
                         .before = steps_lane_before(a, row, phase, lane),
                         .after = steps_lane_after(a, row, phase, lane),
                         .limit = limit};

    if (x.before == x.after)
        return true;
    x.operation = next_operation(a);
    atomic_store_explicit(&a->s->holds.rows[row].word, hold_word(phase, lane, x.operation),
                          memory_order_release);
    return add(a, &x, out_amount);
}

/* --- changes --- */

bool steps_up(const struct actor *a, uint32_t row, enum hold_phase phase, const uint64_t *limits,
              struct steps_stop *stop)
{
    uint32_t lanes = 2 * hold_count(&a->s->holds.rows[row]);

    for (uint32_t lane = 0; lane < lanes; lane++) {
        uint64_t amount;

        if (!add_lane(a, row, phase, lane, limits[lane], &amount)) {
            *stop = (struct steps_stop){lane, amount};
            return false;
        }
    }
    return true;
}

void steps_on(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t from)
{
    uint32_t lanes = 2 * hold_count(&a->s->holds.rows[row]);
    uint64_t amount;

    for (uint32_t lane = from; lane < lanes; lane++)
        (void)add_lane(a, row, phase, lane, UINT64_MAX, &amount);
}

void steps_down(const struct actor *a, uint32_t row, enum hold_phase phase, uint32_t from)
{
    uint32_t lanes = 2 * hold_count(&a->s->holds.rows[row]);
    uint64_t amount;

    for (uint32_t lane = from < lanes ? from : lanes; lane-- > 0;)
        (void)add_lane(a, row, phase, lane, UINT64_MAX, &amount); /* less always fits */
}

bool steps_was_made(const struct actor *a, uint32_t row, uint64_t word)
{
    uint32_t lane = hold_word_lane(word);
    uint64_t operation = word & HOLD_OPERATION;
    const struct counter *cells;

    if (operation == 0 || lane >= 2 * hold_count(&a->s->holds.rows[row]))
        return false;
    /* The counters first: who replaces the tag after we looked has noted it before. */
    cells = lane_cells(a, row, lane);
    for (int i = 0; i < 2; i++) {
        uint64_t tag = __atomic_load_n(&cells[i].tag, __ATOMIC_ACQUIRE);

        if (tag_slot(tag) == a->slot && tag_operation(tag) == (uint32_t)operation)
            return true;
    }
    for (uint32_t by = 0; by < SLOTS_MAX; by++) {
        if (atomic_load_explicit(&a->counters->seen[by][a->slot], memory_order_acquire) ==
            operation)
            return true;
    }
    return false;
}

/* --- windows --- */

uint32_t steps_window(const struct counter cells[2], uint32_t number)
{
    uint32_t windows[2];
    uint32_t least;

    for (int i = 0; i < 2; i++)
        windows[i] = tag_window(__atomic_load_n(&cells[i].tag, __ATOMIC_ACQUIRE));
    least = windows[0] < windows[1] ? windows[0] : windows[1];
    /* A little: what was used then still counts. Far: it would count for ever. */
    if (number < least && least - number <= COUNTER_NEAR)
        return least;
    return number;
}

uint64_t steps_amount(const struct counter cells[2], uint32_t window)
{
    for (int i = 0; i < 2; i++) {
        struct counter now = counter_look(&cells[i]);

        if (tag_window(now.tag) == window)
            return now.amount;
    }
    return 0;
}
