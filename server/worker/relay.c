#include "server/worker/relay.h"

#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/worker/fail.h"
#include "server/worker/refusal.h"
#include "server/worker/route.h"
#include "server/worker/send.h"
#include "server/worker/settle.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define RELAY_MIN 4096     /* less would pause the provider at every read */
#define KEY_COVERED_MIN 8  /* "none" and "unused" are no secrets, but words */
#define POOL_MAX 256       /* sets of buffers kept: a burst's worth */
#define POOL_CAP_MAX 16384 /* what one kept buffer may hold on to */

/* Process-wide: buffers that wait for a request, so that none is allocated per request. */
static struct relay_buffers *pool;
static size_t pool_n;

void relay_take(struct request *r)
{
    if (r->buffers != NULL)
        return;
    if (pool != NULL) {
        r->buffers = pool;
        pool = pool->next;
        pool_n--;
        return;
    }
    r->buffers = xcalloc(1, sizeof(*r->buffers));
}

static void trim(struct buf *b)
{
    if (b->cap > POOL_CAP_MAX)
        buf_fini(b);
    buf_clear(b);
}

void relay_release(struct request *r)
{
    struct relay_buffers *b = r->buffers;

    if (b == NULL)
        return;
    r->buffers = NULL;
    if (pool_n >= POOL_MAX) {
        sse_fini(&b->sse);
        eventstream_fini(&b->eventstream);
        buf_fini(&b->body);
        buf_fini(&b->held);
        buf_fini(&b->out);
        buf_fini(&b->sending);
        buf_fini(&b->tail);
        free(b);
        return;
    }
    trim(&b->sse.partial);
    trim(&b->sse.joined);
    sse_reset(&b->sse);
    trim(&b->eventstream.partial);
    eventstream_reset(&b->eventstream);
    trim(&b->body);
    trim(&b->held);
    trim(&b->out);
    trim(&b->sending);
    trim(&b->tail);
    b->next = pool;
    pool = b;
    pool_n++;
}

static uint64_t relay_max(const struct request *r)
{
    const struct pub_image *image = r->worker->view.image;

    /* the admin process can be reached before anything was published */
    return image != NULL ? max_u64(image->relay_max_bytes, RELAY_MIN) : RELAY_HOLD_MAX;
}

/* Hand over what waits. `final` ends the answer. */
static void push(struct request *r, bool final)
{
    struct relay_buffers *b = r->buffers;
    struct buf empty;
    struct str part;

    if (!r->answer_begun)
        head_send(r, final && r->content_length < 0 && !r->is_stream ? (int64_t)b->out.len
                     : r->withhold_usage                             ? -1
                                                                     : r->content_length);
    empty = b->sending;
    b->sending = b->out;
    b->out = empty;
    buf_clear(&b->out);
    part = buf_view(&b->sending);
    r->client_busy = true;
    if (final) {
        r->answer_ended = true;
        if (r->is_stream)
            stat_add(r->worker->slot, STAT_STREAMS_OPEN, (uint64_t)-1);
    }
    http_send(r->ex, &part, part.len > 0 ? 1 : 0, final);
}

/* Something is there to be sent, the client is ready, and it is not the answer's end. */
static void flush(struct request *r)
{
    struct relay_buffers *b = r->buffers;

    if (r->ex == NULL || r->client_busy || r->answer_ended || b->out.len == 0)
        return;
    if (r->is_json && !r->is_stream)
        watch_tail(r, buf_view(&b->out));
    r->bytes_out += b->out.len;
    push(r, false);
}

void relay_end(struct request *r)
{
    r->answer_closing = true;
    if (r->ex == NULL || r->client_busy || r->answer_ended)
        return;
    relay_take(r);
    push(r, true);
}

void relay_break(struct request *r, struct str event)
{
    relay_take(r);
    if (!r->attempt.is_abroad && r->is_eventstream &&
        eventstream_rest(&r->buffers->eventstream).len > 0) {
        relay_abort(r); /* the client is in the middle of a message, which nothing can end */
        return;
    }
    /* Half an event that the client has seen must not swallow ours. */
    if (!r->withhold_usage && !r->attempt.is_abroad && sse_rest(&r->buffers->sse).len > 0)
        buf_cstr(&r->buffers->out, "\n\n");
    buf_str(&r->buffers->out, event);
    relay_end(r);
}

void relay_abort(struct request *r)
{
    r->answer_closing = true;
    r->answer_ended = true;
    if (r->ex != NULL)
        http_abort(r->ex);
}

void relay_writable(struct request *r)
{
    r->client_busy = false;
    if (r->answer_ended || r->buffers == NULL)
        return;
    if (r->answer_closing) {
        relay_end(r);
        return;
    }
    if (r->upstream_done) {
        request_run(r);
        return;
    }
    flush(r);
    if (r->upstream_paused && r->call != NULL && r->buffers->out.len <= relay_max(r) / 2) {
        r->upstream_paused = false;
        upstream_resume(r->call);
    }
}

void relay_unheard(struct request *r)
{
    relay_take(r);
    loop_timer_stop(&r->timer);
    if (r->is_json && !r->is_stream)
        watch_tail(r, buf_view(&r->buffers->out));
    buf_clear(&r->buffers->out);
    if (r->upstream_paused) {
        r->upstream_paused = false;
        upstream_resume(r->call);
    }
}

static bool status_may_improve(int status)
{
    return status == 401 || status == 402 || status == 403 || status == 429 || status >= 500;
}

static void on_discard_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    request_enter(r);
    r->discard_over = true;
    request_run(r);
    request_leave(r);
}

static void on_head(void *ctx, const struct upstream_head *head)
{
    struct request *r = ctx;

    if (r->gone)
        return;
    request_enter(r);
    r->attempt.status = head->status;
    head_keep(r, head);
    relay_take(r);
    r->withhold_usage = r->withhold_usage && r->is_stream;
    r->watching = r->is_stream && !r->is_forward && !r->attempt.is_abroad && watch_is_work(r);
    if (r->attempt.is_abroad)
        translate_head(r);
    if (!r->is_forward && !r->unheard && status_may_improve(head->status) && route_has_more(r)) {
        /* Its end keeps the connection usable; a slow one is not worth the wait. */
        r->discard = true;
        loop_timer_start(r->worker->loop, &r->timer, RELAY_DISCARD_MS, on_discard_over);
    }
    request_leave(r);
}

static void on_hold_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    request_enter(r);
    if (!r->gone)
        flush(r);
    request_leave(r);
}

/* May these bytes wait for the rest? */
static bool hold(struct request *r)
{
    if (r->attempt.is_abroad)
        return !translate_is_streamed(r);
    /* (Gemini streams are JSON, too, unless the client asks for events) */
    if (r->answer_begun || r->is_stream || r->path.stream || !r->is_json ||
        r->buffers->out.len > min_u64(RELAY_HOLD_MAX, relay_max(r)))
        return false;
    if (r->content_length < 0)
        loop_timer_start(r->worker->loop, &r->timer, RELAY_HOLD_MS, on_hold_over);
    return r->content_length <= RELAY_HOLD_MAX;
}

/*
 * A provider that says which key it refuses must not say it to the client: in an error's body our
 * key's bytes are covered, as far as they have not left.
 */
static void cover_key(const struct request *r, struct buf *b, size_t new_bytes)
{
    struct str line = r->attempt.secret; /* "authorization: Bearer KEY" */
    const char *blank = line.len > 0 ? memrchr(line.p, ' ', line.len) : NULL;
    struct str key = blank != NULL ? str_skip(line, (size_t)(blank + 1 - line.p)) : STR_NONE;
    size_t back = key.len + new_bytes; /* it may have been cut by two reads */
    char *at;

    if (r->attempt.status < 400 || key.len < KEY_COVERED_MIN || b->len < key.len)
        return;
    at = b->data + (b->len > back ? b->len - back : 0);
    while ((at = memmem(at, b->len - (size_t)(at - b->data), key.p, key.len)) != NULL)
        memset(at, '*', key.len);
}

/* -1: the answer cannot go on; relay_step will say why. */
static int take_body(struct request *r, struct str bytes)
{
    int rc = 0;

    if (r->attempt.is_abroad)
        rc = translate_body(r, bytes);
    else if (r->is_stream)
        rc = watch_stream(r, bytes);
    else
        buf_str(&r->buffers->out, bytes);
    cover_key(r, r->attempt.is_abroad ? &r->buffers->held : &r->buffers->out, bytes.len);
    if (rc != 0 && r->broken == NULL)
        r->broken = r->fail_error != NULL ? &FAIL_UPSTREAM_ERROR : &FAIL_UPSTREAM_NONSENSE;
    return rc;
}

/* It has cost as much as its budgets let it: it ends here. */
static void stop_for_money(struct request *r)
{
    r->broken = &FAIL_BUDGET_EXCEEDED;
    loop_timer_start(r->worker->loop, &r->timer, 0, on_discard_over);
}

static void on_body(void *ctx, struct str bytes)
{
    struct request *r = ctx;

    if (r->gone || r->discard || r->broken != NULL)
        return;
    request_enter(r);
    if (r->attempt.first_byte_us == 0)
        r->attempt.first_byte_us = loop_now_us(r->worker->loop) - r->attempt.sent_us;
    r->answer_bytes += bytes.len;
    if (take_body(r, bytes) != 0)
        loop_timer_start(r->worker->loop, &r->timer, 0, on_discard_over);
    else if (!money_streamed(r, &r->refusal))
        stop_for_money(r);
    else if (r->unheard)
        relay_unheard(r);
    else if (!hold(r))
        flush(r);
    if (r->buffers->out.len > relay_max(r) && r->client_busy && !r->upstream_paused) {
        r->upstream_paused = true;
        upstream_pause(r->call);
    }
    request_leave(r);
}

static void on_done(void *ctx, enum upstream_result result, const char *detail)
{
    struct request *r = ctx;

    r->call = NULL;
    r->upstream_done = true;
    r->result = result;
    r->done_us = loop_now_us(r->worker->loop);
    if (r->gone)
        return;
    request_enter(r);
    loop_timer_stop(&r->timer);
    if (result != UPSTREAM_OK)
        log_warn("upstream_failed",
                 "req=%s provider=%.*s key=%.*s result=%s status=%d detail=\"%s\"", r->id_text,
                 STR_ARGS(r->attempt.provider), STR_ARGS(r->attempt.provider_key),
                 upstream_result_name(result), r->attempt.status, detail != NULL ? detail : "");
    request_run(r);
    request_leave(r);
}

const struct upstream_ops relay_ops = {on_head, on_body, on_done};

/* A chat stream says that it is over; one that just stops was cut, whatever its framing says. */
static bool stream_was_cut(const struct request *r)
{
    return r->is_stream && r->watching && r->attempt.status == 200 && !r->stream_finished &&
           !r->stream_error && (r->path.op == OP_CHAT || r->path.op == OP_COMPLETIONS) &&
           dialect_get(r->path.dialect) != NULL;
}

static enum sample_outcome outcome_of_status(const struct request *r)
{
    int status = r->attempt.status;

    if (r->broken == &FAIL_BUDGET_EXCEEDED)
        return SAMPLE_CLIENT_GONE; /* nobody's fault: we have left */
    if (status == 401 || status == 402 || status == 403)
        return SAMPLE_KEY_REFUSED;
    if (status == 429)
        return SAMPLE_RATE_LIMITED;
    if (status >= 500)
        return SAMPLE_UPSTREAM_ERROR;
    if (status >= 400)
        return SAMPLE_CALLER_FAULT;
    if (r->broken == &FAIL_UPSTREAM_CUT)
        return SAMPLE_CUT;
    return r->stream_error || r->broken != NULL ? SAMPLE_UPSTREAM_ERROR : SAMPLE_OK;
}

int relay_status(const struct request *r)
{
    return r->attempt.is_abroad ? translate_status(r) : r->attempt.status;
}

enum sample_outcome relay_outcome(const struct request *r)
{
    if (!r->upstream_done || r->result == UPSTREAM_OK)
        return r->upstream_done && stream_was_cut(r) ? SAMPLE_CUT : outcome_of_status(r);
    switch (r->result) {
    case UPSTREAM_CONNECT:
    case UPSTREAM_TLS:
        return SAMPLE_CONNECT;
    case UPSTREAM_FIRST_BYTE:
    case UPSTREAM_SILENCE:
    case UPSTREAM_TOTAL:
        return SAMPLE_TIMEOUT;
    case UPSTREAM_CUT:
        return SAMPLE_CUT;
    default:
        return SAMPLE_UPSTREAM_ERROR;
    }
}

static const struct fail *fail_of_result(const struct request *r)
{
    if (r->is_forward)
        return &FAIL_ADMIN_DOWN;
    switch (r->result) {
    case UPSTREAM_CONNECT:
        return &FAIL_UPSTREAM_CONNECT;
    case UPSTREAM_TLS:
        return &FAIL_UPSTREAM_TLS;
    case UPSTREAM_FIRST_BYTE:
    case UPSTREAM_TOTAL:
        return &FAIL_UPSTREAM_TIMEOUT;
    case UPSTREAM_SILENCE:
        return &FAIL_UPSTREAM_SILENT;
    case UPSTREAM_CUT:
        return &FAIL_UPSTREAM_CUT;
    default:
        return &FAIL_UPSTREAM_NONSENSE;
    }
}

static enum step_result fail_with(struct request *r, const struct fail *f)
{
    struct str detail = STR_NONE;

    if (!r->is_forward)
        detail = arena_printf(r->arena, "provider \"%.*s\"", STR_ARGS(r->attempt.provider));
    return request_fail(r, f, detail, STR_NONE);
}

/* A whole answer, before its last bytes leave: what settle will want to know. */
static void finish(struct request *r)
{
    if (r->is_stream && !r->attempt.is_abroad)
        watch_stream_end(r);
    else if (r->is_json && !r->is_forward && !r->attempt.is_abroad)
        watch_body_end(r, buf_view(&r->buffers->out));
    r->bytes_out += r->buffers->out.len;
    if (r->answer_begun)
        return;
    r->status = relay_status(r);
    r->first_byte_us = loop_now_us(r->worker->loop) - r->begun_us;
}

/* Nothing has come, and another route may do better: refused, dead before it said a word, or too slow to begin. */
static bool is_worth_another(const struct request *r)
{
    return r->upstream_done && !r->is_forward && r->attempt.status == 0 &&
           (r->result == UPSTREAM_CONNECT || r->result == UPSTREAM_TLS ||
            (watch_is_work(r) && (r->result == UPSTREAM_FIRST_BYTE || r->result == UPSTREAM_CUT)));
}

enum step_result relay_step(struct request *r)
{
    const struct fail *broken = r->broken;

    if (r->call != NULL && !r->discard_over)
        return STEP_WAIT;
    if (r->upstream_done && r->result == UPSTREAM_OK && !r->discard && broken == NULL) {
        if (r->client_busy)
            return STEP_WAIT; /* relay_writable runs us again: settled when it is taken */
        if (r->attempt.is_abroad)
            r->broken = translate_end(r);
        broken = r->broken;
        if (broken == NULL && !stream_was_cut(r)) {
            finish(r);
            attempt_end(r, relay_outcome(r));
            return STEP_NEXT;
        }
        if (broken == NULL)
            broken = &FAIL_UPSTREAM_CUT;
    }
    attempt_end(r, relay_outcome(r));
    if (r->broken == &FAIL_BUDGET_EXCEEDED)
        return refusal_fail(r, &r->refusal);
    if (r->discard ||
        (!r->answer_begun && !r->unheard && is_worth_another(r) && route_has_more(r))) {
        /* A timeout, or a connection that broke: the provider may have worked on it. */
        if (!r->discard && r->result != UPSTREAM_CONNECT && r->result != UPSTREAM_TLS)
            settle_abandoned(r, fail_of_result(r));
        money_release(r);
        return STEP_RETRY;
    }
    if (r->buffers != NULL && !r->answer_begun)
        buf_clear(&r->buffers->out); /* held back, and no part of an error's answer */
    return fail_with(r, broken != NULL ? broken : fail_of_result(r));
}
