/*
 * ledger - what has been used of budgets and limits, exactly, whoever is killed in the middle.
 *
 * Runs in:  workers (their own holds; adds to counters), master and aggregator (in a dead worker's
 * place), admin (reads).   Regions: counters, live.
 *
 * A counter is 16 bytes changed by one compare-and-swap: the amount, and a tag of slot, operation
 * and window. An amount is what was spent in that window plus what is held. A request takes a hold
 * before it calls a provider: a row in the worker's own slot with what it added where, written
 * before each addition, so that whoever finds the row can tell which additions were made: the
 * counter still has the tag, or the one who replaced it has noted it first (`seen`). So a hold of a
 * dead worker is undone or settled by simply going on where it stopped, by anybody who has the slot
 * to himself, and that one may die in the middle, too. No lock, no wait, nothing to repair.
 *
 * Likely and worst cost: a budget without overshoot holds the worst. One with a stated overshoot
 * holds the likely cost within its limit and, in a second counter, the worst within limit +
 * overshoot. OVERSHOOT_AUTO holds the likely cost and lets it be raised up to a tenth beyond the
 * limit (hold_raise); who cannot be raised is cut.
 *
 * A request settles into the window in which it was reserved, if that one is still kept: each
 * account keeps its two latest. The journal has them all.
 * Does not: know prices, log, sleep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_LEDGER_H
#define SHM_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/layout.h"
#include "shm/owners.h"
#include "shm/record.h"
#include "shm/region.h"

struct live_shared;
struct slot;

#define HOLDS_MAX 16384u /* of one worker: upstream calls at the same time */
/* Of one hold: budgets (RECORD_BOOKINGS_MAX), and a concurrency limit of each owner on its path. */
#define HOLD_ACCOUNTS_MAX 44
#define HOLD_TEXTS_MAX 320
#define HOLD_RAISE_SHARE 10 /* OVERSHOOT_AUTO: a tenth of the limit */
/* What is held or booked for one request: more would be an error, and sums must not overflow. */
#define HOLD_AMOUNT_MAX (1ull << 62)

/* What a record needs to be written for a worker that died: the names are cut to fit. */
struct hold_note {
    uint8_t id[16];    /* of the request */
    uint64_t begun_ms; /* real time */
    uint64_t key_id, team_id, customer_id;
    uint32_t row; /* of the route */
    uint32_t attempts;
    uint32_t flags;      /* RECORD_STREAM */
    uint32_t input;      /* tokens of the prompt, estimated */
    uint64_t input_pico; /* price per token */
    uint64_t output_pico;
    uint64_t request_nanousd; /* price per request */
    struct str key_name, provider, provider_key, model, asked, endpoint;
};

/* --- worker --- */

struct ledger; /* private memory: which rows are free */

/* The slot must have been taken (live_take), and be without holds (ledger_recover). */
struct ledger *ledger_open(const struct regions *regions, uint32_t slot);
void ledger_close(struct ledger *l); /* takes NULL */

struct hold_want {
    const struct account *accounts; /* budgets and concurrency limits; others are passed over */
    uint32_t n;
    uint64_t likely, worst; /* nano-dollars; likely <= worst */
    uint64_t real_ms;
    const struct hold_note *note;
};

/* Why a hold or a rate limit was refused. */
struct refusal {
    struct account account;
    uint64_t used;     /* in the window, what is held included */
    uint64_t reset_ms; /* real time at which the window ends; a sliding limit: when there is room
                          again; 0: not known (concurrency) */
};

enum hold_result { HOLD_OK, HOLD_OVER, HOLD_FULL };

/*
 * All or nothing. HOLD_OK: *out is the hold. HOLD_OVER: *why; an amount of 0 always fits. HOLD_FULL:
 * HOLDS_MAX are open, or there are more accounts than a hold may name. An account that was removed
 * since it was read is passed over.
 */
BF_MUST_CHECK enum hold_result hold_take(struct ledger *l, const struct hold_want *want,
                                         uint32_t *out, struct refusal *why);
/*
 * Would hold_take give one? Writes nothing but a row of the ledger's own slot, and that is free again
 * behind it: counters may be mapped read-only. want->note is not looked at.
 */
BF_MUST_CHECK enum hold_result hold_look(struct ledger *l, const struct hold_want *want,
                                         struct refusal *why);
/* From here on the provider may bill: a crash settles instead of returning. */
void hold_sent(struct ledger *l, uint32_t hold);
/* Bytes of text that the provider has streamed so far. One relaxed store. */
void hold_streamed(struct ledger *l, uint32_t hold, uint64_t bytes);
/* OVERSHOOT_AUTO: hold `likely` instead of less. False: it does not fit; what was held stays. */
BF_MUST_CHECK bool hold_raise(struct ledger *l, uint32_t hold, uint64_t likely,
                              struct refusal *why);
/* Nothing was used: everything goes back. */
void hold_release(struct ledger *l, uint32_t hold);
/* Fill in what the record must say of the accounts that the hold names (record.h: bookings). */
void hold_bookings(const struct ledger *l, uint32_t hold, struct record *rec);
/*
 * What was used: the record goes into the slot's outbox and its cost to the accounts, both or, after
 * recovery, both. `rec->cost_nanousd` (at most HOLD_AMOUNT_MAX) is what is booked. Returns the record's number; 0: the outbox
 * is full, and the accounts have it all the same.
 */
uint64_t hold_settle(struct ledger *l, uint32_t hold, const struct record *rec, uint64_t stored);

/* --- for a dead worker: master; aggregator when no master is left --- */

struct recovered {
    uint32_t returned, settled; /* holds */
    uint32_t unrecorded;        /* settled, but the outbox had no room for the record */
};
/* End every hold of a slot that nobody runs: not sent: returned; sent: settled at what had been
 * streamed, in a record marked RECORD_ESTIMATED | RECORD_CRASHED. May be called again at any time. */
struct recovered ledger_recover(const struct regions *regions, uint32_t slot, uint64_t real_ms);

/* --- sliding limits: requests and tokens --- */

/*
 * Take `amount` if it fits. One 16-byte word: the current window's beginning and sum and the
 * previous one's sum, which counts by the share of it that is still within one length of now. So a
 * whole limit may be used at once, and no more than it follows in any steady minute: GCRA can have
 * one or the other (README.md). False: *why; its reset_ms is 0 when `amount` is more than the limit and
 * never fits.
 */
BF_MUST_CHECK bool rate_take(const struct regions *regions, const struct account *a,
                             uint64_t amount, uint64_t real_ms, struct refusal *why);
/* Would it fit? Takes nothing. */
BF_MUST_CHECK bool rate_fits(const struct regions *regions, const struct account *a,
                             uint64_t amount, uint64_t real_ms, struct refusal *why);
/* What was taken turned out to be `actual`: the difference is added or given back. */
void rate_correct(const struct regions *regions, const struct account *a, uint64_t taken,
                  uint64_t actual, uint64_t real_ms);

/* --- anybody --- */

struct usage_now {
    uint64_t used;     /* budgets and concurrency: what is held included; sliding: weighed */
    uint64_t reset_ms; /* budgets: as in struct refusal; sliding: when all of it is free again */
};
void account_usage(const struct regions *regions, const struct account *a, uint64_t real_ms,
                   struct usage_now *out);
/* Σ of open holds on an account's window, over all slots: looks at every open hold. */
uint64_t account_held(const struct regions *regions, const struct account *a, uint32_t number);
/* The same of all accounts in one look: every share of every open hold, whatever its kind. */
struct held {
    uint32_t index, window; /* of the account; 0 where it has no windows */
    uint64_t amount;
};
typedef void held_fn(void *ctx, const struct held *held);
void held_each(const struct regions *regions, held_fn *fn, void *ctx);
/* What counter `which` (0, 1) of a budget has, and of which window. False: it was never used. */
bool account_counter(const struct regions *regions, const struct account *a, uint32_t which,
                     uint32_t *out_number, uint64_t *out_amount);
/* Holds open in a slot. */
uint32_t ledger_holds(const struct region *live, uint32_t slot);

/*
 * Master, before any worker runs: what the journal has for a window of an account, when new regions
 * were made. Nothing else may write meanwhile.
 */
void account_restore(struct region *counters, const struct account *a, uint32_t number,
                     uint64_t used);

#endif
