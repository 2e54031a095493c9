/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/worker/loop.h"
#include "server/worker/report.h"
#include "server/worker/worker.h"
#include "shm/live.h"
#include "shm/outbox.h"
#include "shm/weights.h"

#define BATCH_MS 10 /* what is reported may wait so long: a write for many, not one for each */
#define FULL_MS 50  /* the record pipe is full; the outbox keeps what it does not take */
#define SAMPLES_MAX (PIPE_BUF / sizeof(struct sample))

struct report {
    struct worker *worker;
    struct timer timer;
    uint64_t next_seq; /* of the outbox, to be sent */
    uint32_t n_samples;
    struct sample samples[SAMPLES_MAX];
};

static void on_time(struct timer *t)
{
    report_flush(container_of(t, struct report, timer));
}

static void flush_later(struct report *r, uint32_t ms)
{
    if (r->timer.prev == NULL)
        loop_timer_start(r->worker->loop, &r->timer, ms, on_time);
}

static void send_samples(struct report *r)
{
    size_t bytes = r->n_samples * sizeof(r->samples[0]);
    ssize_t n = bytes > 0 ? write(r->worker->in->sample_fd, r->samples, bytes) : 0;

    /* At most PIPE_BUF, so it is all or nothing. A full pipe must not slow a request. */
    if (n != (ssize_t)bytes)
        stat_add(r->worker->slot, STAT_SAMPLES_DROPPED, r->n_samples);
    r->n_samples = 0;
}

static uint64_t stored_of(const struct worker *w)
{
    return weights_stored(&w->in->regions.weights, w->in->slot);
}

static void send_records(struct report *r)
{
    const struct worker *w = r->worker;
    uint8_t batch[PIPE_BUF];
    uint64_t next;
    size_t bytes;

    r->next_seq = max_u64(r->next_seq, stored_of(w) + 1);
    while ((bytes = outbox_read(&w->slot->outbox, r->next_seq, batch, sizeof(batch), &next)) > 0) {
        if (write(w->in->record_fd, batch, bytes) != (ssize_t)bytes) {
            flush_later(r, FULL_MS);
            return;
        }
        r->next_seq = next;
    }
    /* Numbers that a dying predecessor left without a record are not waited for. */
    r->next_seq = max_u64(r->next_seq, outbox_last(&w->slot->outbox) + 1);
}

struct report *report_create(struct worker *w)
{
    struct report *r = xcalloc(1, sizeof(*r));

    r->worker = w;
    /* What a predecessor in this slot left is sent again: whoever has it drops it. */
    r->next_seq = stored_of(w) + 1;
    if (!report_is_sent(r))
        flush_later(r, BATCH_MS);
    return r;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    loop_timer_stop(&r->timer);
    free(r);
}

void report_sample(struct report *r, const struct sample *s)
{
    r->samples[r->n_samples++] = *s;
    if (r->n_samples == SAMPLES_MAX)
        send_samples(r);
    else
        flush_later(r, BATCH_MS);
}

uint64_t report_stored(const struct report *r)
{
    return stored_of(r->worker);
}

void report_settled(struct report *r, uint64_t seq)
{
    struct worker *w = r->worker;
    bool is_strict = w->view.image != NULL && (w->view.image->flags & PUB_DURABILITY_STRICT) != 0;

    if (seq == 0) {
        stat_add(w->slot, STAT_RECORDS_SPILLED, 1);
        log_error("record_lost", "slot=%u text=\"the outbox is full: is the aggregator alive?\"",
                  w->in->slot);
        return;
    }
    stat_add(w->slot, STAT_RECORDS, 1);
    if (is_strict)
        send_records(r); /* somebody waits for it to be stored */
    else
        flush_later(r, BATCH_MS);
}

uint64_t report_record(struct report *r, const struct record *rec)
{
    struct worker *w = r->worker;
    uint8_t bytes[OUTBOX_RECORD_MAX];
    size_t len = record_encode(rec, bytes, sizeof(bytes));
    uint64_t seq = 0;

    if (len > 0)
        seq = outbox_put(&w->slot->outbox, bytes, (uint32_t)len, stored_of(w));
    report_settled(r, seq);
    return seq;
}

void report_flush(struct report *r)
{
    loop_timer_stop(&r->timer);
    send_samples(r);
    send_records(r);
}

bool report_is_sent(const struct report *r)
{
    return r->n_samples == 0 && r->next_seq > outbox_last(&r->worker->slot->outbox);
}
