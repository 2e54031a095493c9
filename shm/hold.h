/*
 * hold - what a worker's slot says of its open holds, so that anybody can go on where it stopped.
 *
 * Runs in:  worker (writes its own), whoever recovers a dead one (writes), everybody (reads).
 * Region: live; behind ledger.h: only shm/ reads it.   A hold is changed by additions to counters,
 * one after another, numbered by lane: lane 2i is the account's counter `used`, lane 2i + 1 its
 * counter `worst`. `word` tells in one store which change is going on, which lane is in doubt and by
 * which operation; what each lane had before and has after follows from the row (ledger_steps.c).
 * Does not: change counters.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_HOLD_H
#define SHM_HOLD_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/layout.h"
#include "shm/ledger.h"
#include "shm/outbox.h"

#define HOLD_INLINE 8 /* accounts in the row itself: few requests have more */
#define HOLD_LANES (2 * HOLD_ACCOUNTS_MAX)
#define HOLD_EPOCH_BITS 12 /* operations between two stores of `epoch` */

enum hold_phase {
    HOLD_FREE,
    HOLD_TAKING,
    HOLD_UNTAKING, /* it did not fit, or its worker died */
    HOLD_HELD,
    HOLD_RAISING,
    HOLD_UNRAISING,
    HOLD_RETURNING,
    HOLD_SETTLING,
    HOLD_PHASES
};

struct hold_account {
    uint64_t id;
    _Atomic uint32_t index;       /* row */
    _Atomic uint32_t window;      /* its number; HOLD_* flags above it */
    _Atomic uint64_t used, worst; /* held in each counter */
};
#define HOLD_WINDOW 0xffffffu    /* bits of the number */
#define HOLD_BUDGET (1u << 24)   /* the cost is booked; else nothing stays */
#define HOLD_BOTH (1u << 25)     /* the counter `worst` is in use, too */
#define HOLD_RAISABLE (1u << 26) /* OVERSHOOT_AUTO */

enum hold_text {
    HOLD_KEY_NAME,
    HOLD_PROVIDER,
    HOLD_PROVIDER_KEY,
    HOLD_MODEL,
    HOLD_ASKED,
    HOLD_ENDPOINT,
    HOLD_TEXTS
};

struct hold {
    _Alignas(CACHE_LINE) _Atomic uint64_t word; /* phase, lane, operation: hold_word */
    _Atomic uint64_t streamed;                  /* bytes of text */
    _Atomic uint32_t n;                         /* accounts */
    _Atomic uint32_t sent;
    uint64_t raised; /* RAISING: what is to be held */
    uint64_t cost;   /* SETTLING */
    uint64_t seq;    /* SETTLING: the number that the record has, or is to get */
    uint64_t begun_ms, key_id, team_id, customer_id;
    uint64_t input_pico, output_pico, request_nanousd;
    uint32_t row, attempts, flags, input;
    uint8_t id[16];
    struct hold_account accounts[HOLD_INLINE];
    uint16_t text_len[HOLD_TEXTS];
    char texts[HOLD_TEXTS_MAX]; /* one behind the other */
};

struct holds {                                       /* of a slot */
    _Alignas(CACHE_LINE) _Atomic uint64_t operation; /* the last one begun; never goes back */
    _Atomic uint32_t high;                           /* rows that may be open */
    _Alignas(CACHE_LINE) _Atomic uint64_t epoch; /* operation >> HOLD_EPOCH_BITS, for the others */
    _Alignas(CACHE_LINE) uint32_t record_len;    /* of the hold that is being settled */
    uint8_t record[OUTBOX_RECORD_MAX];
    _Alignas(4096) struct hold rows[HOLDS_MAX];
    _Alignas(4096) struct hold_account more[HOLDS_MAX][HOLD_ACCOUNTS_MAX - HOLD_INLINE];
};

/* 8 bits of phase, 8 of lane, 48 of operation; operation 0: nothing is in doubt, and the lanes
 * before this one (behind it, when a change is undone) are done. */
#define HOLD_OPERATION ((1ull << 48) - 1)

static inline uint64_t hold_word(enum hold_phase phase, uint32_t lane, uint64_t operation)
{
    return (uint64_t)phase << 56 | (uint64_t)lane << 48 | operation;
}

static inline enum hold_phase hold_word_phase(uint64_t word)
{
    return word >> 56 < HOLD_PHASES ? (enum hold_phase)(word >> 56) : HOLD_FREE;
}

static inline uint32_t hold_word_lane(uint64_t word)
{
    uint32_t lane = word >> 48 & 0xff;

    return lane < HOLD_LANES ? lane : HOLD_LANES;
}

static inline enum hold_phase hold_phase_of(const struct hold *h)
{
    return hold_word_phase(atomic_load_explicit(&h->word, memory_order_acquire));
}

static inline uint32_t hold_count(const struct hold *h)
{
    uint32_t n = atomic_load_explicit(&h->n, memory_order_relaxed);

    return n < HOLD_ACCOUNTS_MAX ? n : HOLD_ACCOUNTS_MAX;
}

static inline uint32_t holds_high(const struct holds *s)
{
    uint32_t high = atomic_load_explicit(&s->high, memory_order_acquire);

    return high < HOLDS_MAX ? high : HOLDS_MAX;
}

static inline struct hold_account *hold_account_at(struct holds *s, uint32_t row, uint32_t i)
{
    return i < HOLD_INLINE ? &s->rows[row].accounts[i] : &s->more[row][i - HOLD_INLINE];
}

static inline const struct hold_account *hold_account_look(const struct holds *s, uint32_t row,
                                                           uint32_t i)
{
    return i < HOLD_INLINE ? &s->rows[row].accounts[i] : &s->more[row][i - HOLD_INLINE];
}

#endif
