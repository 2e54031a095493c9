#include "server/worker/throughput.h"

#include "server/worker/estimate.h"
#include "server/worker/fail.h"
#include "server/worker/relay.h"
#include "server/worker/worker.h"

#define PARTS_PER_UNIT 1000000 /* thousandths of a token, times milliseconds of a second */

bool throughput_is_slow(uint64_t tokens, uint32_t at_least, uint32_t over_ms)
{
    return tokens < UINT64_MAX / PARTS_PER_UNIT &&
           tokens * PARTS_PER_UNIT < (uint64_t)at_least * over_ms;
}

static void on_period(struct timer *t);

static void begin_period(struct request *r)
{
    struct throughput *t = &r->throughput;

    t->bytes = r->content_bytes;
    t->events = r->content_events;
    t->was_paused = r->upstream_paused;
    loop_timer_start(r->worker->loop, &t->timer, r->attempt.over_ms, on_period);
}

static bool is_slow(const struct request *r)
{
    const struct throughput *t = &r->throughput;
    uint64_t tokens =
        max_u64(estimate_text(r->content_bytes - t->bytes), r->content_events - t->events);

    return !t->was_paused && !r->stream_finished && !r->stream_error && r->broken == NULL &&
           throughput_is_slow(tokens, r->attempt.at_least, r->attempt.over_ms);
}

static void on_period(struct timer *timer)
{
    struct request *r = container_of(timer, struct request, throughput.timer);

    request_enter(r);
    if (!r->gone && r->call != NULL && is_slow(r)) {
        r->broken = &FAIL_UPSTREAM_SLOW;
        r->discard_over = true; /* its end is not waited for */
        request_run(r);
    } else if (!r->gone && r->call != NULL) {
        begin_period(r);
    }
    request_leave(r);
}

void throughput_begin(struct request *r)
{
    int status = r->attempt.status;

    if (r->attempt.at_least == 0 || !r->is_stream || status < 200 || status >= 300 ||
        !watch_is_work(r) || r->unheard || (!r->watching && !r->attempt.is_abroad))
        return;
    begin_period(r);
}

void throughput_paused(struct request *r)
{
    r->throughput.was_paused = true;
}

void throughput_end(struct request *r)
{
    loop_timer_stop(&r->throughput.timer);
}
