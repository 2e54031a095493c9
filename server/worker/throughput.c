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

static void on_look(struct timer *t);

static void wait_for_look(struct request *r)
{
    uint32_t ms = r->attempt.over_ms / THROUGHPUT_PARTS;

    loop_timer_start(r->worker->loop, &r->throughput.timer, ms > 0 ? ms : 1, on_look);
}

static void mark(struct request *r)
{
    struct throughput *t = &r->throughput;
    uint32_t i = t->looks % THROUGHPUT_PARTS;

    t->marks[i].bytes = r->content_bytes;
    t->marks[i].events = r->content_events;
}

/* In the period that ends with this look: its first mark is the one that the next will overwrite. */
static bool is_slow(const struct request *r)
{
    const struct throughput *t = &r->throughput;
    uint32_t i = t->looks % THROUGHPUT_PARTS;
    uint64_t tokens;

    if (t->looks < THROUGHPUT_PARTS || t->looks <= t->free_until || r->stream_finished ||
        r->stream_error || r->broken != NULL)
        return false;
    tokens = max_u64(estimate_text(r->content_bytes - t->marks[i].bytes),
                     r->content_events - t->marks[i].events);
    return throughput_is_slow(tokens, r->attempt.at_least, r->attempt.over_ms);
}

static void on_look(struct timer *timer)
{
    struct request *r = container_of(timer, struct request, throughput.timer);

    request_enter(r);
    r->throughput.looks++;
    if (r->upstream_paused)
        throughput_paused(r);
    if (!r->gone && r->call != NULL && is_slow(r)) {
        r->broken = &FAIL_UPSTREAM_SLOW;
        r->discard_over = true; /* its end is not waited for */
        request_run(r);
    } else if (!r->gone && r->call != NULL) {
        mark(r);
        wait_for_look(r);
    }
    request_leave(r);
}

void throughput_begin(struct request *r)
{
    int status = r->attempt.status;

    if (r->attempt.at_least == 0 || !r->is_stream || status < 200 || status >= 300 ||
        !watch_is_work(r) || r->unheard || (!r->watching && !r->attempt.is_abroad))
        return;
    r->throughput.looks = r->throughput.free_until = 0;
    mark(r);
    wait_for_look(r);
}

void throughput_paused(struct request *r)
{
    r->throughput.free_until = r->throughput.looks + THROUGHPUT_PARTS;
}

void throughput_end(struct request *r)
{
    loop_timer_stop(&r->throughput.timer);
}
