#include "shm/owners.h"

#include "shm/map.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)

static const struct published_shared *shared(const struct region *published)
{
    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    return published->base;
}

static void load_owner(const struct owner_row *row, struct owner *out)
{
    out->kind = LOAD(row->kind);
    out->flags = LOAD(row->flags);
    out->parent = LOAD(row->parent);
    out->id = LOAD(row->id);
    out->n_accounts = LOAD(row->n_accounts);
    for (uint32_t i = 0; i < OWNER_ACCOUNTS_MAX; i++)
        out->accounts[i] = LOAD(row->accounts[i]);
}

bool owner_read(const struct region *published, uint32_t index, struct owner *out)
{
    const struct owner_row *row;

    if (index == ROW_NONE || index >= OWNERS_MAX)
        return false;
    row = &shared(published)->owners[index];
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        struct owner owner = {.index = index};
        uint32_t n;

        if (!seqlock_read_begin(&row->lock, &n))
            continue;
        load_owner(row, &owner);
        if (!seqlock_read_ok(&row->lock, n))
            continue;
        if (owner.kind == OWNER_FREE || owner.kind >= OWNER_KINDS ||
            owner.n_accounts > OWNER_ACCOUNTS_MAX)
            return false;
        *out = owner;
        return true;
    }
    return false;
}

static void load_account(const struct account_row *row, struct account *out)
{
    out->kind = LOAD(row->kind);
    out->owner = LOAD(row->owner);
    out->owner_kind = LOAD(row->owner_kind);
    out->id = LOAD(row->id);
    out->limit = LOAD(row->limit);
    out->overshoot = LOAD(row->overshoot);
    out->window = (struct window){.calendar = LOAD(row->calendar),
                                  .period = LOAD(row->period),
                                  .anchor_ms = LOAD(row->anchor_ms),
                                  .length_ms = LOAD(row->length_ms)};
}

bool account_read(const struct region *published, uint32_t index, struct account *out)
{
    const struct account_row *row;

    if (index == ROW_NONE || index >= ACCOUNTS_MAX)
        return false;
    row = &shared(published)->accounts[index];
    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        struct account account = {.index = index};
        uint32_t n;

        if (!seqlock_read_begin(&row->lock, &n))
            continue;
        load_account(row, &account);
        if (!seqlock_read_ok(&row->lock, n))
            continue;
        if (account.kind == ACCOUNT_FREE || account.kind >= ACCOUNT_KINDS || account.id == 0)
            return false;
        *out = account;
        return true;
    }
    return false;
}

static uint32_t high_of(uint32_t high, uint32_t max)
{
    return high == 0 ? 1 : (uint32_t)min_u64(high, max);
}

uint32_t owners_high(const struct region *published)
{
    return high_of(LOAD(shared(published)->owners_high), OWNERS_MAX);
}

uint32_t accounts_high(const struct region *published)
{
    return high_of(LOAD(shared(published)->accounts_high), ACCOUNTS_MAX);
}
