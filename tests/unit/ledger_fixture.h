/*
 * ledger_fixture - regions, accounts and records for the tests of shm's money.
 *
 * Runs in:  tests.   Reads, writes: nothing.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_LEDGER_FIXTURE_H
#define UNIT_LEDGER_FIXTURE_H

#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/live.h"
#include "shm/owners.h"
#include "shm/weights.h"
#include "tests/unit/unit.h"

#define FIXTURE_HOUR 3600000ull
#define FIXTURE_NOW (CALENDAR_EPOCH_MS + 100 * FIXTURE_HOUR)

struct ledger_fixture {
    struct regions regions;
    struct owner_table *table;
    uint64_t next_id;
};

static inline void fixture_open(struct ledger_fixture *f)
{
    struct error err = ERROR_INIT;

    memset(f, 0, sizeof(*f));
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &f->regions.published, &err), 0);
    assert_int_equal(region_create(REGION_WEIGHTS, 1, &f->regions.weights, &err), 0);
    assert_int_equal(region_create(REGION_LIVE, 1, &f->regions.live, &err), 0);
    assert_int_equal(region_create(REGION_COUNTERS, 1, &f->regions.counters, &err), 0);
    f->regions.secrets = (struct region)REGION_NONE(REGION_SECRETS);
    f->regions.tokens = (struct region)REGION_NONE(REGION_TOKENS);
    f->table = owner_table_open(&f->regions.published, &f->regions.counters, &f->regions.live);
    f->next_id = 1000;
}

static inline void fixture_close(struct ledger_fixture *f)
{
    owner_table_close(f->table);
    region_close(&f->regions.published);
    region_close(&f->regions.weights);
    region_close(&f->regions.live);
    region_close(&f->regions.counters);
}

static inline struct account fixture_account(struct ledger_fixture *f, enum account_kind kind,
                                             uint64_t limit, uint64_t length_ms)
{
    struct error err = ERROR_INIT;
    struct account a = {.kind = kind,
                        .id = f->next_id++,
                        .limit = limit,
                        .window = {.anchor_ms = CALENDAR_EPOCH_MS, .length_ms = length_ms}};

    assert_int_equal(account_table_add(f->table, &a, &err), 0);
    return a;
}

static inline struct account fixture_budget(struct ledger_fixture *f, uint64_t limit,
                                            uint64_t overshoot)
{
    struct account a = fixture_account(f, ACCOUNT_BUDGET, limit, FIXTURE_HOUR);

    a.overshoot = overshoot;
    account_table_put(f->table, &a);
    return a;
}

static inline struct ledger *fixture_worker(struct ledger_fixture *f, uint32_t slot)
{
    live_take(live_slot(&f->regions.live, slot), (uint32_t)getpid(), FIXTURE_NOW);
    return ledger_open(&f->regions, slot);
}

static inline uint64_t fixture_used(const struct ledger_fixture *f, const struct account *a,
                                    uint64_t real_ms)
{
    struct usage_now now;

    account_usage(&f->regions, a, real_ms, &now);
    return now.used;
}

static inline uint64_t fixture_reset(const struct ledger_fixture *f, const struct account *a,
                                     uint64_t real_ms)
{
    struct usage_now now;

    account_usage(&f->regions, a, real_ms, &now);
    return now.reset_ms;
}

static inline struct hold_want fixture_want(const struct account *accounts, uint32_t n,
                                            uint64_t likely, uint64_t worst)
{
    static const struct hold_note note = {.id = {1, 2, 3},
                                          .begun_ms = FIXTURE_NOW - 500,
                                          .key_id = 7,
                                          .input = 100,
                                          .input_pico = 2500000,
                                          .output_pico = 10000000,
                                          .request_nanousd = 11,
                                          .key_name = {"a-key", 5},
                                          .provider = {"openai", 6},
                                          .model = {"gpt-4o", 6},
                                          .endpoint = {"chat.completions", 16}};

    return (struct hold_want){accounts, n, likely, worst, FIXTURE_NOW, &note};
}

static inline uint32_t fixture_take(struct ledger *l, const struct hold_want *want)
{
    struct refusal why;
    uint32_t hold;

    assert_int_equal(hold_take(l, want, &hold, &why), HOLD_OK);
    return hold;
}

static inline struct refusal fixture_refused(struct ledger *l, const struct hold_want *want)
{
    struct refusal why;
    uint32_t hold;

    assert_int_equal(hold_take(l, want, &hold, &why), HOLD_OVER);
    return why;
}

/* Settle at a cost, with the record that a worker would write. */
static inline uint64_t fixture_settle(struct ledger *l, uint32_t hold, uint64_t cost)
{
    struct record rec = {.key_id = 7, .cost_nanousd = cost, .status = 200};

    hold_bookings(l, hold, &rec);
    return hold_settle(l, hold, &rec, 0);
}

/* Each record of a slot's outbox from number `from` on; returns the number after the last one. */
typedef void fixture_record_fn(void *ctx, const struct record *rec);

static inline uint64_t fixture_records(const struct ledger_fixture *f, uint32_t slot, uint64_t from,
                                       fixture_record_fn *fn, void *ctx)
{
    static uint8_t bytes[65536];
    const struct outbox *o = &live_slot(&f->regions.live, slot)->outbox;

    for (;;) {
        uint64_t next;
        size_t len = outbox_read(o, from, bytes, sizeof(bytes), &next);

        for (size_t at = 0; at < len;) {
            struct outbox_head head;
            struct record rec;

            memcpy(&head, bytes + at, sizeof(head));
            assert_true(head.seq == from);
            assert_int_equal(record_decode(bytes + at + sizeof(head), head.len, &rec), 0);
            fn(ctx, &rec);
            at += sizeof(head) + head.len;
            from++;
        }
        if (len == 0)
            return from;
    }
}

#endif
