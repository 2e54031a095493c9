#include <string.h>

#include "shm/counter.h"
#include "shm/ledger_steps.h"
#include "shm/outbox.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)

#define BYTES_PER_TOKEN 4
#define PICO_PER_NANO_HALF 500
#define STATUS_CRASHED 500

static const char crashed[] = "worker_crashed";

void steps_bookings(const struct actor *a, uint32_t row, struct record *rec)
{
    uint32_t n = hold_count(&a->s->holds.rows[row]);

    rec->n_bookings = 0;
    for (uint32_t i = 0; i < n && rec->n_bookings < RECORD_BOOKINGS_MAX; i++) {
        const struct hold_account *at = hold_account_look(&a->s->holds, row, i);
        uint32_t window = LOAD(at->window);

        if ((window & HOLD_BUDGET) != 0)
            rec->bookings[rec->n_bookings++] = (struct booking){at->id, window & HOLD_WINDOW};
    }
}

void steps_settle_begin(const struct actor *a, uint32_t row, const struct record *rec)
{
    struct holds *holds = &a->s->holds;
    struct hold *h = &holds->rows[row];

    /* One at a time: a worker settles one request after the other, and so does who recovers it. */
    holds->record_len = (uint32_t)record_encode(rec, holds->record, sizeof(holds->record));
    h->cost = min_u64(rec->cost_nanousd, HOLD_AMOUNT_MAX);
    h->seq = outbox_last(&a->s->outbox) + 1;
    atomic_store_explicit(&h->word, hold_word(HOLD_SETTLING, 0, 0), memory_order_release);
}

uint64_t steps_settle_record(const struct actor *a, uint32_t row, uint64_t stored)
{
    struct holds *holds = &a->s->holds;
    const struct hold *h = &holds->rows[row];

    if (outbox_last(&a->s->outbox) >= h->seq)
        return h->seq;
    if (holds->record_len == 0 || holds->record_len > sizeof(holds->record))
        return 0;
    return outbox_put(&a->s->outbox, holds->record, holds->record_len, stored);
}

/* --- what is known after a crash --- */

static struct str text_at(const struct hold *h, enum hold_text which)
{
    size_t at = 0;

    for (int i = 0; i < (int)which; i++)
        at += h->text_len[i];
    if (at > HOLD_TEXTS_MAX || h->text_len[which] > HOLD_TEXTS_MAX - at)
        return STR_NONE;
    return (struct str){h->texts + at, h->text_len[which]};
}

/* Nano-dollars, rounded once. */
static uint64_t cost_of(const struct hold *h, uint64_t output)
{
    unsigned __int128 pico =
        (unsigned __int128)h->input * h->input_pico + (unsigned __int128)output * h->output_pico;
    unsigned __int128 nano = (pico + PICO_PER_NANO_HALF) / (2 * PICO_PER_NANO_HALF);

    nano += h->request_nanousd;
    return nano > HOLD_AMOUNT_MAX ? HOLD_AMOUNT_MAX : (uint64_t)nano;
}

void steps_crash_record(const struct actor *a, uint32_t row, uint64_t real_ms, struct record *out)
{
    const struct hold *h = &a->s->holds.rows[row];
    uint64_t bytes = LOAD(h->streamed);
    uint64_t output = bytes / BYTES_PER_TOKEN + (bytes % BYTES_PER_TOKEN != 0);

    *out = (struct record){.begun_ms = h->begun_ms,
                           .key_id = h->key_id,
                           .team_id = h->team_id,
                           .customer_id = h->customer_id,
                           .key_name = text_at(h, HOLD_KEY_NAME),
                           .provider = text_at(h, HOLD_PROVIDER),
                           .provider_key = text_at(h, HOLD_PROVIDER_KEY),
                           .model = text_at(h, HOLD_MODEL),
                           .asked = text_at(h, HOLD_ASKED),
                           .endpoint = text_at(h, HOLD_ENDPOINT),
                           .fail = {crashed, sizeof(crashed) - 1},
                           .status = STATUS_CRASHED,
                           .attempts = h->attempts,
                           .flags = h->flags | RECORD_ESTIMATED | RECORD_CRASHED,
                           .slot = a->slot,
                           .row = h->row,
                           .tokens = {.input = h->input, .output = output},
                           .total_us = (real_ms - min_u64(h->begun_ms, real_ms)) * 1000,
                           .cost_nanousd = cost_of(h, output)};
    memcpy(out->id, h->id, sizeof(out->id));
    steps_bookings(a, row, out);
}
