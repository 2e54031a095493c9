#include "server/worker/request.h"

#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/worker/answer.h"
#include "server/worker/explain.h"
#include "server/worker/fail.h"
#include "server/worker/forward.h"
#include "server/worker/hedge.h"
#include "server/worker/parse.h"
#include "server/worker/primary.h"
#include "server/worker/queue.h"
#include "server/worker/relay.h"
#include "server/worker/send.h"
#include "server/worker/settle.h"
#include "server/worker/shadow.h"
#include "server/worker/worker.h"

enum { AT_ROUTE = 5 };

/* The path of a request for a model. */
static const struct step steps[] = {
    {"auth", auth_step},   {"parse", parse_step}, {"admit", admit_step},
    {"guard", guard_step}, {"cache", cache_step}, [AT_ROUTE] = {"route", route_step},
    {"send", send_step},   {"relay", relay_step}, {"settle", settle_step},
};

/* ... and of one for the admin process. */
static const struct step forward_steps[] = {
    {"forward", forward_step},
    {"relay", relay_step},
    {"settle", settle_step},
};

static void release(struct request *r)
{
    struct worker *w = r->worker;

    loop_timer_stop(&r->timer);
    loop_timer_stop(&r->patience);
    if (r->shadow != NULL) {
        shadow_release(r);
    } else if (r->unheard) {
        w->n_unheard--;
        w->unheard_bytes -= r->attempt.parts.bytes; /* as they were: it is the last attempt */
    }
    hedge_release(r);
    relay_release(r);
    queue_leave(r);
    if (r->shadow == NULL)
        stat_add(w->slot, STAT_REQUESTS_OPEN, (uint64_t)-1);
    worker_arena_give(w, r->arena); /* `r` lies in it */
}

/* The client has gone, or has all it will get. */
static void end(struct request *r)
{
    bool is_early = !r->answer_ended;

    hedge_stop(r);
    attempt_end(r, r->upstream_done ? relay_outcome(r) : SAMPLE_CLIENT_GONE);
    if (is_early && r->answer_begun && r->is_stream)
        stat_add(r->worker->slot, STAT_STREAMS_OPEN, (uint64_t)-1);
    settle(r);
    release(r);
}

static void on_end_later(struct timer *t)
{
    end(container_of(t, struct request, timer));
}

/* So that the log can say which request a worker died of (live.h). */
static void show_step(const struct request *r)
{
    uint64_t hint;

    memcpy(&hint, r->id, sizeof(hint));
    live_step(r->worker->slot, r->step, hint);
}

void request_enter(struct request *r)
{
    r->depth++;
    show_step(r);
}

void request_leave(struct request *r)
{
    must(r->depth > 0);
    if (--r->depth > 0)
        return;
    live_step(r->worker->slot, 0, 0);
    if (!r->gone && !(r->unheard && r->settled))
        return;
    /* We may be inside a callback of the call itself, which cannot be cancelled from there. */
    if (r->call != NULL)
        loop_timer_start(r->worker->loop, &r->timer, 0, on_end_later);
    else
        end(r);
}

enum step_result request_fail(struct request *r, const struct fail *f, struct str detail,
                              struct str param)
{
    r->fail = f;
    r->fail_detail = detail;
    r->fail_param = param;
    return STEP_FAIL;
}

static void failed(struct request *r)
{
    if (!primary_tell(r))
        fail_answer(r, r->fail, r->fail_detail, r->fail_param);
    settle(r); /* if there was nobody to answer */
}

/* False: the request waits or has ended. */
static bool run_one(struct request *r)
{
    enum step_result result = r->steps[r->step].run(r);

    switch (result) {
    case STEP_NEXT:
        r->step++;
        return true;
    case STEP_RETRY:
        r->step = AT_ROUTE;
        return true;
    case STEP_FAIL:
        failed(r);
        return false;
    case STEP_DONE:
        settle(r);
        return false;
    case STEP_WAIT:
        return false;
    }
    return false;
}

void request_run(struct request *r)
{
    if (r->running || r->settled || r->gone)
        return;
    request_enter(r);
    r->running = true;
    do
        show_step(r);
    while (run_one(r) && !r->gone);
    r->running = false;
    request_leave(r);
}

struct request *request_make(struct worker *w, struct http_exchange *ex, struct arena *arena)
{
    struct request *r = arena_zalloc(arena, sizeof(*r));

    r->worker = w;
    r->ex = ex;
    r->arena = arena;
    r->steps = steps;
    r->attempt.row = UINT32_MAX;
    r->content_length = -1;
    r->body_bytes = ex->body.len;
    r->is_post = str_eq(ex->method, STR("POST"));
    r->begun_us = loop_now_us(w->loop);
    r->begun_ms = clock_real_ms();
    crypto_uuid(r->begun_ms, r->id);
    crypto_uuid_format(r->id, r->id_text);
    ex->request = r;
    return r;
}

enum step_result request_look(struct request *r)
{
    enum step_result result = parse_path(r);

    if (result == STEP_NEXT)
        result = parse_method(r);
    for (uint32_t i = 0; i <= AT_ROUTE && result == STEP_NEXT; i++) {
        r->explain->is_routed = i == AT_ROUTE;
        result = steps[i].run(r);
    }
    return result;
}

static struct request *create(struct worker *w, struct http_exchange *ex)
{
    struct request *r = request_make(w, ex, worker_arena_take(w));

    stat_add(w->slot, STAT_REQUESTS, 1);
    stat_add(w->slot, STAT_REQUESTS_OPEN, 1);
    return r;
}

/* "What can I do here?" needs no key. */
static void answer_options(struct request *r)
{
    struct http_header allow = {
        STR("allow"),
        arena_concat(r->arena, (struct str[]){str_of(r->path.allow), STR(", OPTIONS")}, 2)};

    answer_empty(r, 204, &allow, 1);
    settle(r);
}

void request_begin(struct worker *w, struct http_exchange *ex)
{
    struct request *r = create(w, ex);

    request_enter(r);
    if (forward_wants(ex->path)) {
        r->is_forward = true;
        r->steps = forward_steps;
        request_run(r);
    } else if (w->view.generation == 0) {
        (void)request_fail(r, &FAIL_NOT_READY, STR_NONE, STR_NONE);
        failed(r);
    } else if (parse_path(r) == STEP_FAIL) {
        failed(r);
    } else if (str_eq(ex->method, STR("OPTIONS"))) {
        answer_options(r);
    } else if (parse_method(r) == STEP_FAIL) {
        failed(r);
    } else {
        request_run(r);
    }
    request_leave(r);
}

void request_on_writable(struct request *r)
{
    request_enter(r);
    relay_writable(r);
    request_leave(r);
}

uint64_t request_real_ms(const struct request *r)
{
    uint64_t begun_ms = r->begun_us / 1000;

    return r->begun_ms + (max_u64(loop_now_ms(r->worker->loop), begun_ms) - begun_ms);
}

/* --- on_disconnect: finish --- */

/* Long enough for any answer; a provider that never ends must not be listened to for ever. */
#define UNHEARD_MS 600000
/* Who asks and leaves again and again must not take all holds and memory: beyond this calls are ended. */
#define UNHEARD_MAX 1024
#define UNHEARD_BYTES_MAX (64u << 20) /* of their requests, which nobody else counts */

void request_drop(struct request *r)
{
    must(r->unheard && r->depth == 0);
    r->gone = true;
    end(r);
}

static void on_patience_over(struct timer *t)
{
    request_drop(container_of(t, struct request, patience));
}

/* A call is under way, and it was said to let it go on. */
static bool goes_on(const struct request *r)
{
    const struct worker *w = r->worker;

    return r->call != NULL && r->money.is_held && !r->settled && !r->discard && !r->is_forward &&
           (w->view.image->flags & PUB_FINISH) != 0 && !w->draining && w->n_unheard < UNHEARD_MAX &&
           r->attempt.parts.bytes <= UNHEARD_BYTES_MAX - w->unheard_bytes;
}

/* What the call still reads of the exchange is copied: the exchange ends now. */
static void go_on(struct request *r)
{
    struct openai_parts *parts = &r->attempt.parts;

    for (size_t i = 0; i < parts->n; i++)
        parts->parts[i] = arena_str(r->arena, parts->parts[i]);
    r->unheard = true;
    r->worker->n_unheard++;
    r->worker->unheard_bytes += parts->bytes;
    r->client_busy = false;
    loop_timer_start(r->worker->loop, &r->patience, UNHEARD_MS, on_patience_over);
    relay_unheard(r);
}

void request_on_gone(struct request *r)
{
    must(!r->gone);
    hedge_stop(r);
    if (goes_on(r)) {
        go_on(r);
        r->ex = NULL;
        return;
    }
    r->gone = true;
    r->ex = NULL;
    if (r->depth == 0)
        end(r); /* else request_leave does it */
}
