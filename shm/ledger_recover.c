#include "shm/counter.h"
#include "shm/ledger_steps.h"
#include "shm/weights.h"

/*
 * Going on where a dead worker stopped, in its name: the same words before the same additions, so that
 * whoever does this may be killed, too. A worker does one thing at a time, and so does this: at most
 * one hold is in the midst of a change, and it is ended before the others are begun (it owns the
 * slot's one encoded record).
 */
struct recovery {
    struct actor a;
    uint64_t real_ms, stored;
    struct recovered done;
};

static void set_word(const struct recovery *r, uint32_t row, enum hold_phase phase)
{
    atomic_store_explicit(&r->a.s->holds.rows[row].word, hold_word(phase, 0, 0),
                          memory_order_release);
}

static void finish(struct recovery *r, uint32_t row, enum hold_phase phase, uint32_t from)
{
    if (phase == HOLD_SETTLING && steps_settle_record(&r->a, row, r->stored) == 0)
        r->done.unrecorded++;
    steps_on(&r->a, row, phase, from);
    set_word(r, row, HOLD_FREE);
    if (phase == HOLD_SETTLING)
        r->done.settled++;
    else
        r->done.returned++;
}

/* A change that was going on is undone or finished. */
static void end_change(struct recovery *r, uint32_t row)
{
    uint64_t word = atomic_load_explicit(&r->a.s->holds.rows[row].word, memory_order_acquire);
    enum hold_phase phase = hold_word_phase(word);
    bool was_made = steps_was_made(&r->a, row, word);
    uint32_t lane = hold_word_lane(word);

    switch (phase) {
    case HOLD_TAKING:
        steps_down(&r->a, row, HOLD_UNTAKING, was_made ? lane + 1 : lane);
        set_word(r, row, HOLD_FREE);
        break;
    case HOLD_UNTAKING:
        steps_down(&r->a, row, HOLD_UNTAKING, was_made ? lane : lane + 1);
        set_word(r, row, HOLD_FREE);
        break;
    case HOLD_RAISING:
        steps_down(&r->a, row, HOLD_UNRAISING, was_made ? lane + 1 : lane);
        set_word(r, row, HOLD_HELD);
        break;
    case HOLD_UNRAISING:
        steps_down(&r->a, row, HOLD_UNRAISING, was_made ? lane : lane + 1);
        set_word(r, row, HOLD_HELD);
        break;
    case HOLD_RETURNING:
    case HOLD_SETTLING:
        finish(r, row, phase, was_made ? lane + 1 : lane);
        break;
    default: /* nothing was going on */
        break;
    }
}

static void end_held(struct recovery *r, uint32_t row)
{
    struct hold *h = &r->a.s->holds.rows[row];
    struct record rec;

    if (hold_phase_of(h) != HOLD_HELD)
        return;
    if (atomic_load_explicit(&h->sent, memory_order_acquire) == 0) {
        set_word(r, row, HOLD_RETURNING);
        finish(r, row, HOLD_RETURNING, 0);
        return;
    }
    steps_crash_record(&r->a, row, r->real_ms, &rec);
    steps_settle_begin(&r->a, row, &rec);
    finish(r, row, HOLD_SETTLING, 0);
}

struct recovered ledger_recover(const struct regions *regions, uint32_t slot, uint64_t real_ms)
{
    struct recovery r = {.a = actor_for(regions, slot), .real_ms = real_ms};
    uint32_t high;

    r.stored = weights_stored(&regions->weights, slot);
    high = holds_high(&r.a.s->holds);
    if (high == 0)
        return r.done;           /* it never had any: its memory is not touched */
    outbox_open(&r.a.s->outbox); /* what it was writing there counts, or does not */
    for (uint32_t row = 0; row < high; row++)
        end_change(&r, row);
    for (uint32_t row = 0; row < high; row++)
        end_held(&r, row);
    return r.done;
}
