#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/map.h"
#include "shm/owners.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* So many rows rest after their removal before the first one is used again: a request that read one
 * has ended long before, and the memory that resting rows cost stays small. */
#define RESTING 16384u
#define BATCH 4096u /* rows that one look at all holds may set free */

/* Removed rows, the earliest first; and those of them that no hold names. */
struct free_rows {
    uint32_t *ring; /* room is a power of two */
    uint32_t room, first, n;
    uint32_t ready[BATCH];
    uint32_t n_ready;
};

struct owner_table {
    struct published_shared *p;
    struct counters_shared *counters;
    const struct region *live;
    struct free_rows owners, accounts;
};

/* --- free rows --- */

static void rest(struct free_rows *f, uint32_t row)
{
    if (f->n == f->room) {
        uint32_t room = f->room > 0 ? 2 * f->room : 64;
        uint32_t *ring = xcalloc(room, sizeof(*ring));

        for (uint32_t i = 0; i < f->n; i++)
            ring[i] = f->ring[(f->first + i) & (f->room - 1)];
        free(f->ring);
        f->ring = ring;
        f->room = room;
        f->first = 0;
    }
    f->ring[(f->first + f->n++) & (f->room - 1)] = row;
}

static uint32_t rested(struct free_rows *f)
{
    uint32_t row = f->ring[f->first];

    f->first = (f->first + 1) & (f->room - 1);
    f->n--;
    return row;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Mark those of `rows` (ascending) that open holds of a slot name. */
static void mark_named(const struct holds *holds, const uint32_t *rows, uint32_t n, bool *named)
{
    uint32_t high = holds_high(holds);

    for (uint32_t row = 0; row < high; row++) {
        if (hold_phase_of(&holds->rows[row]) == HOLD_FREE)
            continue;
        for (uint32_t i = 0; i < hold_count(&holds->rows[row]); i++) {
            uint32_t index = LOAD(hold_account_look(holds, row, i)->index);
            const uint32_t *at = bsearch(&index, rows, n, sizeof(*rows), by_number);

            if (at != NULL)
                named[at - rows] = true;
        }
    }
}

/* The rows that rested longest, without those that holds name: they go on resting. */
static void make_ready(const struct owner_table *t, struct free_rows *f)
{
    uint32_t rows[BATCH];
    bool named[BATCH] = {false};
    uint32_t n = 0;
    uint32_t slots = live_slots(t->live);

    while (n < BATCH && f->n > 0)
        rows[n++] = rested(f);
    qsort(rows, n, sizeof(*rows), by_number);
    /* A worker names an account and then looks whether it is still there: ledger.c. */
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t slot = 0; slot < slots; slot++)
        mark_named(&live_slot(t->live, slot)->holds, rows, n, named);
    for (uint32_t i = n; i-- > 0;) {
        if (named[i])
            rest(f, rows[i]);
        else
            f->ready[f->n_ready++] = rows[i];
    }
}

/* Never used ones first, while few have been removed: nobody can mean what they were. */
static bool take(const struct owner_table *t, struct free_rows *f, _Atomic uint32_t *high,
                 uint32_t max, uint32_t *out)
{
    uint32_t n = LOAD(*high);

    if (f->n_ready == 0 && f->n > 0 && (f->n >= RESTING || n >= max)) {
        if (f == &t->accounts)
            make_ready(t, f);
        else
            f->ready[f->n_ready++] = rested(f);
    }
    if (f->n_ready > 0) {
        *out = f->ready[--f->n_ready];
        return true;
    }
    if (n >= max)
        return false;
    *out = n > 0 ? n : 1;
    STORE(*high, *out + 1);
    return true;
}

/* --- rows --- */

static void write_owner(struct owner_row *row, const struct owner *owner)
{
    seqlock_write_begin(&row->lock);
    STORE(row->kind, owner->kind);
    STORE(row->flags, owner->flags);
    STORE(row->parent, owner->parent);
    STORE(row->id, owner->id);
    STORE(row->n_accounts, owner->n_accounts);
    for (uint32_t i = 0; i < OWNER_ACCOUNTS_MAX; i++)
        STORE(row->accounts[i], i < owner->n_accounts ? owner->accounts[i] : ROW_NONE);
    seqlock_write_end(&row->lock);
}

static void write_account(struct account_row *row, const struct account *account)
{
    seqlock_write_begin(&row->lock);
    STORE(row->kind, account->kind);
    STORE(row->owner, account->owner);
    STORE(row->owner_kind, account->owner_kind);
    STORE(row->id, account->id);
    STORE(row->limit, account->limit);
    STORE(row->overshoot, account->overshoot);
    STORE(row->calendar, account->window.calendar);
    STORE(row->period, account->window.period);
    STORE(row->anchor_ms, account->window.anchor_ms);
    STORE(row->length_ms, account->window.length_ms);
    seqlock_write_end(&row->lock);
}

static bool owner_is_sound(const struct owner *owner)
{
    return owner->kind > OWNER_FREE && owner->kind < OWNER_KINDS &&
           owner->n_accounts <= OWNER_ACCOUNTS_MAX;
}

static bool account_is_sound(const struct account *account)
{
    return account->kind > ACCOUNT_FREE && account->kind < ACCOUNT_KINDS && account->id != 0;
}

int owner_table_add(struct owner_table *t, struct owner *owner, struct error *err)
{
    uint32_t index;

    must(owner_is_sound(owner));
    if (!take(t, &t->owners, &t->p->owners_high, OWNERS_MAX, &index))
        return error_set(err, "the table of customers, teams and keys is full (%u rows)",
                         OWNERS_MAX - 1);
    owner->index = index;
    write_owner(&t->p->owners[index], owner);
    return 0;
}

int account_table_add(struct owner_table *t, struct account *account, struct error *err)
{
    uint32_t index;

    must(account_is_sound(account));
    if (!take(t, &t->accounts, &t->p->accounts_high, ACCOUNTS_MAX, &index))
        return error_set(err, "the table of budgets and limits is full (%u rows)",
                         ACCOUNTS_MAX - 1);
    account->index = index;
    memset(&t->counters->rows[index], 0, sizeof(t->counters->rows[index]));
    atomic_thread_fence(memory_order_release); /* who finds the account finds its counters 0 */
    write_account(&t->p->accounts[index], account);
    return 0;
}

void owner_table_put(struct owner_table *t, const struct owner *owner)
{
    must(owner_is_sound(owner) && owner->index != ROW_NONE && owner->index < OWNERS_MAX);
    must(LOAD(t->p->owners[owner->index].kind) != OWNER_FREE);
    write_owner(&t->p->owners[owner->index], owner);
}

void account_table_put(struct owner_table *t, const struct account *account)
{
    const struct account_row *row;

    must(account_is_sound(account) && account->index != ROW_NONE && account->index < ACCOUNTS_MAX);
    row = &t->p->accounts[account->index];
    must(LOAD(row->kind) == account->kind && LOAD(row->id) == account->id);
    write_account(&t->p->accounts[account->index], account);
}

void owner_table_remove(struct owner_table *t, uint32_t index)
{
    static const struct owner none = {.kind = OWNER_FREE};

    must(index != ROW_NONE && index < OWNERS_MAX);
    if (LOAD(t->p->owners[index].kind) == OWNER_FREE)
        return;
    write_owner(&t->p->owners[index], &none);
    rest(&t->owners, index);
}

void account_table_remove(struct owner_table *t, uint32_t index)
{
    static const struct account none = {.kind = ACCOUNT_FREE};

    must(index != ROW_NONE && index < ACCOUNTS_MAX);
    if (LOAD(t->p->accounts[index].id) == 0)
        return;
    write_account(&t->p->accounts[index], &none);
    rest(&t->accounts, index);
}

/* --- taking over --- */

/* What the last writer died in is no row: the master makes it anew from what it has stored. */
static bool is_half_written(const struct seqlock *lock)
{
    return (LOAD(lock->n) & 1) != 0;
}

struct owner_table *owner_table_open(struct region *published, struct region *counters,
                                     const struct region *live)
{
    static const struct owner no_owner = {.kind = OWNER_FREE};
    static const struct account no_account = {.kind = ACCOUNT_FREE};
    struct owner_table *t = xcalloc(1, sizeof(*t));
    uint32_t high;

    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    must(counters->kind == REGION_COUNTERS && counters->base != NULL);
    t->p = published->base;
    t->counters = counters->base;
    t->live = live;
    high = owners_high(published);
    for (uint32_t i = 1; i < high; i++) {
        struct owner_row *row = &t->p->owners[i];

        if (is_half_written(&row->lock))
            write_owner(row, &no_owner);
        if (LOAD(row->kind) == OWNER_FREE)
            rest(&t->owners, i);
    }
    high = accounts_high(published);
    for (uint32_t i = 1; i < high; i++) {
        struct account_row *row = &t->p->accounts[i];

        if (is_half_written(&row->lock))
            write_account(row, &no_account);
        if (LOAD(row->id) == 0)
            rest(&t->accounts, i);
    }
    return t;
}

void owner_table_close(struct owner_table *t)
{
    if (t == NULL)
        return;
    free(t->owners.ring);
    free(t->accounts.ring);
    free(t);
}
