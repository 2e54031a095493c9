/*
 * attempt - the bookkeeping around one upstream call: send.h's other half.
 */
#include "server/base/crypto.h"
#include "server/worker/hedge.h"
#include "server/worker/outcome.h"
#include "server/worker/relay.h"
#include "server/worker/report.h"
#include "server/worker/retry.h"
#include "server/worker/send.h"
#include "server/worker/worker.h"

void attempt_begin(struct request *r)
{
    struct worker *w = r->worker;
    struct attempt *a = &r->attempt;

    if (a->row < ROUTES_MAX) {
        must(r->n_attempts < ATTEMPTS_MAX);
        if (r->n_attempts > 0 && !hedge_is_starting(r))
            stat_add(w->slot, STAT_RETRIES, 1);
        if (!hedge_is_starting(r))
            retry_begins(r);
        r->tried_rows[r->n_attempts++] = a->row;
        stat_add(w->slot, STAT_ATTEMPTS, 1);
        live_add(&w->slot->routes[a->row].attempts, 1);
        live_enter(w->slot, a->row);
        a->in_flight = true;
    }
    a->sent_us = loop_now_us(w->loop);
    if (a->in_flight)
        a->trail = trail_add(r, a, hedge_is_starting(r));
    r->answer_bytes = 0;
    money_sent(r);
    r->upstream_done = false;
    r->upstream_paused = false;
    r->discard = false;
    r->discard_over = false;
    r->broken = NULL;
    r->call = upstream_start(w->upstream, &a->upstream, &relay_ops, r);
    hedge_watch(r);
}

static uint32_t clamp_u32(uint64_t n)
{
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool is_upstreams_fault(enum sample_outcome outcome)
{
    return outcome >= SAMPLE_UPSTREAM_ERROR;
}

/* A long answer's sample comes late: what its head told of scarce limits goes ahead. */
void attempt_tell_early(struct request *r)
{
    const struct attempt *a = &r->attempt;
    struct sample s = {
        .version = SAMPLE_VERSION,
        .outcome = SAMPLE_OK,
        .slot = (uint16_t)r->worker->in->slot,
        .generation = a->generation,
        .row = a->row,
        .http_status = (uint16_t)a->status,
        .sent_ms = (uint32_t)loop_now_ms(r->worker->loop),
    };

    told_fill(&a->told, a->model, &s);
    s.flags |= SAMPLE_EARLY;
    report_sample(r->worker->report, &s);
}

static void tell(struct request *r, enum sample_outcome outcome, uint64_t end_us)
{
    struct worker *w = r->worker;
    const struct attempt *a = &r->attempt;
    struct route_live *live = &w->slot->routes[a->row];
    uint64_t total_us = end_us - a->sent_us;
    struct sample s = {
        .version = SAMPLE_VERSION,
        .outcome = (uint8_t)outcome,
        .slot = (uint16_t)w->in->slot,
        .generation = a->generation,
        .row = a->row,
        .first_byte_us = clamp_u32(a->first_byte_us),
        .total_us = clamp_u32(total_us),
        .tokens_out = clamp_u32(r->usage.output),
        .http_status = (uint16_t)a->status,
        .sent_ms = (uint32_t)(end_us / 1000),
        .tokens_in = clamp_u32(r->usage.input),
    };

    told_fill(&a->told, a->model, &s);
    if (is_upstreams_fault(outcome)) {
        stat_add(w->slot, STAT_UPSTREAM_ERRORS, 1);
        live_add(&live->errors, 1);
    }
    live_add(&live->first_byte_us_sum, a->first_byte_us);
    live_add(&live->total_us_sum, total_us);
    if (a->first_byte_us > 0)
        histogram_add(&w->slot->histograms[HISTOGRAM_FIRST_BYTE], a->first_byte_us);
    report_sample(w->report, &s);
}

void attempt_end(struct request *r, enum sample_outcome outcome)
{
    struct attempt *a = &r->attempt;

    content_end(r);
    throughput_end(r);
    if (r->call != NULL) {
        struct upstream_call *call = r->call;

        r->call = NULL;
        upstream_cancel(call);
    }
    if (a->in_flight) {
        uint64_t end_us = r->upstream_done ? r->done_us : loop_now_us(r->worker->loop);

        a->in_flight = false;
        live_leave(r->worker->slot, a->row);
        tell(r, outcome, end_us);
        if (outcome == SAMPLE_OK || outcome == SAMPLE_CALLER_FAULT)
            retry_was_good(r);
        else if (outcome_rule(outcome)->is_tried_again)
            retry_was_bad(r);
        trail_note(&r->trail, a->trail, a, outcome, end_us);
    }
    if (a->secret.len > 0) {
        crypto_wipe((char *)(uintptr_t)a->secret.p, a->secret.len); /* our own copy in the arena */
        a->secret = STR_NONE;
    }
}
