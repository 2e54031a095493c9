#include "server/aggregator/audit.h"

#include <stdlib.h>

#include "server/aggregator/booked.h"
#include "server/aggregator/frames.h"
#include "server/aggregator/query_audit.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/live.h"
#include "shm/outbox.h"
#include "shm/owners.h"
#include "shm/weights.h"

#define TRIES_MAX 8       /* snapshots that were too old before they were used */
#define ADVANCE_EVERY 256 /* accounts after which the outboxes are read on */
#define STEADY_MS 120 /* a process that can run has had its turn, also on a machine that is full */
#define STATES_WRONG 16

struct run {
    const struct regions *regions;
    struct journal_view *view;
    struct booked *waiting; /* of records behind the snapshot's */
    struct booked *held;    /* by account row and window */
    uint64_t next[SLOTS_MAX];
    uint8_t *buffer; /* OUTBOX_CHUNK_BYTES */
    bool is_stale;   /* an outbox has forgotten what we had not read */
    uint64_t real_ms, give_up_ms;
    struct audit *out;
};

/* --- what waits in outboxes --- */

static void take_frames(struct run *r, uint32_t slot, size_t len)
{
    uint64_t garbage = 0;
    struct frame f;
    size_t at = 0;

    while (frames_next(r->buffer, len, &at, &f, &garbage)) {
        struct record record;

        if (f.seq >= r->next[slot] && record_decode(f.bytes, f.len, &record) == 0)
            booked_add(r->waiting, &record, r->real_ms);
    }
}

/* What came into the outboxes since the last time. */
static void advance(struct run *r)
{
    uint32_t slots = live_slots(&r->regions->live);

    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct outbox *o = &live_slot(&r->regions->live, slot)->outbox;
        uint64_t had = r->next[slot];
        uint64_t next;
        size_t len;

        while ((len = outbox_read(o, r->next[slot], r->buffer, OUTBOX_CHUNK_BYTES, &next)) > 0) {
            take_frames(r, slot, len);
            r->next[slot] = next;
        }
        /* What is stored may be overwritten: it could have been while we read it, or before. */
        r->is_stale |= weights_stored(&r->regions->weights, slot) >= had;
    }
}

/* --- counters --- */

struct look {
    uint64_t counter, held, waiting;
};

static uint64_t counter_of(const struct run *r, const struct account *a, uint32_t window)
{
    for (uint32_t which = 0; which < 2; which++) {
        uint32_t number;
        uint64_t amount;

        if (account_counter(r->regions, a, which, &number, &amount) && number == window)
            return amount;
    }
    return 0;
}

static uint64_t waiting_of(const struct run *r, struct booking key)
{
    const struct booked_sum *sum = booked_find(r->waiting, key);

    return sum != NULL ? sum->added : 0;
}

static int64_t difference_of(const struct look *l, uint64_t journal)
{
    return (int64_t)(l->counter - l->held - l->waiting - journal);
}

static uint64_t size_of(int64_t difference)
{
    return difference < 0 ? (uint64_t)-difference : (uint64_t)difference;
}

static void look(struct run *r, const struct account *a, struct booking key, struct look *out)
{
    out->counter = counter_of(r, a, key.window);
    out->held = account_held(r->regions, a, key.window);
    advance(r);
    out->waiting = waiting_of(r, key);
}

static bool is_same(const struct look *a, const struct look *b)
{
    return a->counter == b->counter && a->held == b->held && a->waiting == b->waiting;
}

struct rest {
    struct look last;
    uint64_t since_ms; /* it has been as it is */
    uint32_t n;        /* looks at it */
    uint32_t n_wrong;  /* states in a row that were seen twice and had this difference */
    int64_t wrong;
};

/*
 * Two looks that are the same are of a moment at which nothing happened, or of a worker that was
 * stopped in the middle. So one state without a difference is enough, and a difference is believed
 * when state after state has it, or when one stays for longer than a process waits for its turn.
 */
static bool is_believed(struct rest *r, const struct look *now, int64_t difference)
{
    uint64_t now_ms = clock_mono_ms();

    if (!is_same(&r->last, now)) {
        r->last = *now;
        r->since_ms = now_ms;
        r->n = 1;
        return false;
    }
    if (difference == 0 || now_ms - r->since_ms >= STEADY_MS)
        return true;
    if (++r->n == 2) {
        r->n_wrong = difference == r->wrong ? r->n_wrong + 1 : 1;
        r->wrong = difference;
    }
    return r->n_wrong >= STATES_WRONG;
}

/* Look until what is seen can be believed. False: it never could, *l is the least difference. */
static bool rest(struct run *r, const struct account *a, struct booking key, uint64_t journal,
                 struct look *l)
{
    struct rest rest = {.n = 0};
    struct look now;

    do {
        look(r, a, key, &now);
        if (is_believed(&rest, &now, difference_of(&now, journal))) {
            *l = now;
            return true;
        }
        if (size_of(difference_of(&now, journal)) < size_of(difference_of(l, journal)))
            *l = now;
    } while (!r->is_stale && clock_mono_ms() < r->give_up_ms);
    return false;
}

static void keep(struct audit *out, const struct audit_row *row)
{
    if (row->difference == 0)
        return;
    if (row->is_busy)
        out->busy_difference += size_of(row->difference);
    else
        out->difference += size_of(row->difference);
    if (out->n_rows < AUDIT_ROWS_MAX)
        out->rows[out->n_rows++] = *row;
    else
        out->truncated++;
}

static void check_window(struct run *r, const struct account *a, uint32_t window)
{
    struct booking key = {a->id, window};
    const struct booked_sum *held =
        booked_find(r->held, (struct booking){.account = a->index, .window = window});
    struct look l = {counter_of(r, a, window), held != NULL ? held->added : 0, waiting_of(r, key)};
    struct account_sum journal;
    struct owner owner = {.id = 0};
    struct audit_row row = {.kind = AUDIT_COUNTER, .key = key};
    bool rests = true;

    journal_view_account(r->view, key, &journal);
    if (difference_of(&l, journal.nanousd) != 0)
        rests = rest(r, a, key, journal.nanousd, &l);
    r->out->windows++;
    r->out->counter += l.counter;
    r->out->held += l.held;
    r->out->waiting += l.waiting;
    r->out->journal += journal.nanousd;
    r->out->busy += !rests;
    if (difference_of(&l, journal.nanousd) == 0)
        return;
    if (owner_read(&r->regions->published, a->owner, &owner))
        row.owner_id = owner.id;
    row.owner_kind = a->owner_kind;
    row.counter = l.counter;
    row.held = l.held;
    row.waiting = l.waiting;
    row.journal = journal.nanousd;
    row.difference = difference_of(&l, journal.nanousd);
    row.is_busy = !rests;
    keep(r->out, &row);
}

/* The windows that counters keep, and the present one: the journal may have it alone. */
static void check_account(struct run *r, const struct account *a)
{
    uint32_t windows[3];
    size_t n = 0;
    uint64_t amount;

    for (uint32_t which = 0; which < 2; which++)
        n += account_counter(r->regions, a, which, &windows[n], &amount);
    windows[n++] = window_number(&r->regions->published, &a->window, r->real_ms);
    for (size_t i = 0; i < n; i++) {
        bool is_new = true;

        for (size_t j = 0; j < i; j++)
            is_new = is_new && windows[j] != windows[i];
        if (is_new)
            check_window(r, a, windows[i]);
    }
    r->out->accounts++;
}

static void add_held(void *ctx, const struct held *held)
{
    booked_at(ctx, (struct booking){.account = held->index, .window = held->window})->added +=
        held->amount;
}

static void check_counters(struct run *r)
{
    uint32_t high = accounts_high(&r->regions->published);

    held_each(r->regions, add_held, r->held);
    for (uint32_t i = ROW_NONE + 1; i < high && !r->is_stale; i++) {
        struct account a;

        if (i % ADVANCE_EVERY == 0)
            advance(r);
        if (account_read(&r->regions->published, i, &a) && a.kind == ACCOUNT_BUDGET)
            check_account(r, &a);
    }
}

/* --- journal and log --- */

struct log_check {
    struct audit *out;
    struct booked *sums;
};

static void check_sum(void *ctx, const struct booking *key, const struct account_sum *sum)
{
    struct log_check *c = ctx;
    const struct booked_sum *log = booked_find(c->sums, *key);
    struct audit_row row = {.kind = AUDIT_LOG,
                            .key = *key,
                            .journal = sum->nanousd,
                            .log = log != NULL ? log->added : 0,
                            .forgotten = sum->forgotten};

    row.difference = (int64_t)(row.journal - row.log - row.forgotten);
    c->out->log_windows++;
    c->out->log += row.log;
    c->out->log_forgotten += row.forgotten;
    keep(c->out, &row);
}

static void check_log(struct run *r)
{
    struct log_check c = {r->out, booked_create()};
    struct journal_log log;

    journal_view_log(r->view, AUDIT_LOG_MAX, c.sums, &log);
    r->out->has_log = log.is_whole;
    r->out->log_rows = log.rows;
    r->out->log_since_ms = log.begin_ms;
    if (log.is_whole)
        journal_view_each(r->view, check_sum, &c);
    booked_free(c.sums);
}

/* --- all of it --- */

/* 1: the outboxes were faster, begin again; 0: done; -1 with *err. */
static int try(struct run *r, struct query *q, struct error *err)
{
    const struct region_header *live = r->regions->live.base;
    struct audit_row *rows = r->out->rows;
    int rc;

    /* First: whatever is called stored now is in the snapshot, unless somebody removed the journal. */
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
        r->next[slot] = weights_stored(&r->regions->weights, slot) + 1;
    if (journal_view_open(q, live->boot_id, &r->view, err) != 0)
        return -1;
    *r->out = (struct audit){.rows = rows};
    r->is_stale = false;
    booked_clear(r->waiting);
    booked_clear(r->held);
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
        r->next[slot] = max_u64(r->next[slot], journal_view_seq(r->view, slot) + 1);
    advance(r);
    check_counters(r);
    if (!r->is_stale)
        check_log(r);
    rc = journal_view_failed(r->view, err) != 0 ? -1 : r->is_stale;
    journal_view_close(r->view);
    return rc;
}

int audit_money(const struct regions *regions, struct query *q, uint64_t real_ms, struct arena *a,
                struct audit *out, struct error *err)
{
    struct run r = {.regions = regions,
                    .waiting = booked_create(),
                    .held = booked_create(),
                    .buffer = xalloc(OUTBOX_CHUNK_BYTES),
                    .real_ms = real_ms,
                    .give_up_ms = clock_mono_ms() + AUDIT_WAIT_MS,
                    .out = out};
    int rc = 1;

    *out = (struct audit){.rows = arena_alloc(a, AUDIT_ROWS_MAX * sizeof(*out->rows))};
    for (int i = 0; i < TRIES_MAX && rc > 0; i++)
        rc = try(&r, q, err);
    free(r.buffer);
    booked_free(r.held);
    booked_free(r.waiting);
    if (rc > 0)
        return error_set(err, "the journal moved on faster than the accounts could be read");
    return rc;
}
