#include "server/worker/relay.h"

#include "server/base/log.h"
#include "server/worker/fail.h"
#include "server/worker/outcome.h"
#include "server/worker/primary.h"
#include "server/worker/refusal.h"
#include "server/worker/route.h"
#include "server/worker/send.h"
#include "server/worker/settle.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define KEY_COVERED_MIN 8 /* "none" and "unused" are no secrets, but words */

static void on_discard_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    request_enter(r);
    r->discard_over = true;
    request_run(r);
    request_leave(r);
}

void relay_give_up(struct request *r)
{
    loop_timer_start(r->worker->loop, &r->timer, RELAY_DISCARD_MS, on_discard_over);
}

/* An error that another route may do better than, or that is told less than the first one's. */
static bool is_unwanted(struct request *r)
{
    if (r->is_forward || r->unheard)
        return false;
    if (outcome_may_improve(r->attempt.status) && route_has_more(r))
        return true;
    if (!primary_outranks(r, r->attempt.status))
        return false;
    r->primary->is_deciding = true;
    return true;
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
    if (!r->is_json && !r->is_stream && outcome_is_page(r, head)) {
        r->broken = &FAIL_UPSTREAM_TYPE; /* nothing of it is anybody's answer */
        r->attempt.is_page = true;
        loop_timer_start(r->worker->loop, &r->timer, 0, on_discard_over);
        request_leave(r);
        return;
    }
    r->watching = r->is_stream && !r->is_forward && !r->attempt.is_abroad && watch_is_work(r);
    if (r->attempt.is_abroad)
        translate_head(r);
    content_begin(r);
    throughput_begin(r);
    if (!r->content.is_judged && is_unwanted(r)) {
        /* Its end keeps the connection usable; a slow one is not worth the wait. */
        r->discard = true;
        relay_give_up(r);
    }
    request_leave(r);
}

static void on_hold_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    request_enter(r);
    if (!r->gone)
        relay_flush(r);
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
void relay_cover_key(const struct request *r, struct buf *b, size_t new_bytes)
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
    relay_cover_key(r, r->attempt.is_abroad ? &r->buffers->held : &r->buffers->out, bytes.len);
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

    if (r->attempt.status == 429 && !r->is_forward)
        told_body(&r->attempt.told, r->arena, bytes);
    if (r->gone || r->broken != NULL)
        return;
    if (r->discard) {
        primary_body(r, bytes);
        return;
    }
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
    else if (!content_waits(r) && !hold(r))
        relay_flush(r);
    if (r->buffers->out.len > relay_max(r) && r->client_busy && !r->upstream_paused) {
        r->upstream_paused = true;
        throughput_paused(r);
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

static enum step_result fail_with(struct request *r, const struct fail *f)
{
    struct str detail = STR_NONE;

    if (!r->is_forward)
        detail = arena_printf(r->arena, "provider \"%.*s\"", STR_ARGS(r->attempt.provider));
    return request_fail(r, f, detail, STR_NONE);
}

/* A whole answer, before its last bytes leave: what settle will want to know. */
static enum step_result finish(struct request *r)
{
    if (r->is_stream && !r->attempt.is_abroad)
        watch_stream_end(r);
    else if (r->is_json && !r->is_forward && !r->attempt.is_abroad)
        watch_body_end(r, buf_view(&r->buffers->out));
    r->bytes_out += r->buffers->out.len;
    if (!r->answer_begun) {
        r->status = relay_status(r);
        r->first_byte_us = loop_now_us(r->worker->loop) - r->begun_us;
    }
    attempt_end(r, relay_outcome(r));
    return STEP_NEXT;
}

static const struct fail *reason_of(const struct request *r, const struct fail *broken)
{
    if (broken != NULL)
        return broken;
    return r->content.is_diverted ? &FAIL_FILTERED : outcome_fail(r);
}

/* Whatever became of its answer, the provider may have worked on it, unless it says that it did not. */
static void abandon(struct request *r, const struct fail *broken)
{
    bool is_refused =
        r->attempt.status != 0 && (r->attempt.status < 200 || r->attempt.status >= 300);

    if (r->discard || is_refused || broken == &FAIL_UPSTREAM_TYPE ||
        (broken == NULL && (r->result == UPSTREAM_CONNECT || r->result == UPSTREAM_TLS)))
        return;
    if (content_error(r) == NULL || r->usage.known)
        settle_abandoned(r, reason_of(r, broken));
}

/* A refusal that was read leads to a list of its own, or is dropped, or told, like any other. */
static bool goes_elsewhere(struct request *r)
{
    if (content_diverts(r))
        return true;
    r->content.is_judged = false;
    r->discard = is_unwanted(r);
    return r->discard;
}

static bool moves_on(struct request *r)
{
    return r->discard || r->content.is_diverted ||
           (!r->answer_begun && !r->unheard && outcome_is_worth_another(r) && route_has_more(r));
}

/* The answer came whole: STEP_NEXT when it is the client's; else *broken says what is wrong with it, if that is it. */
static enum step_result take_whole(struct request *r, const struct fail **broken)
{
    if (r->client_busy)
        return STEP_WAIT; /* relay_writable runs us again: settled when it is taken */
    if (r->content.is_judged && goes_elsewhere(r))
        return STEP_RETRY;
    if (r->attempt.is_abroad)
        r->broken = translate_end(r);
    *broken = r->broken == NULL && outcome_is_cut(r) ? &FAIL_UPSTREAM_CUT : r->broken;
    return *broken == NULL && !content_diverts(r) ? finish(r) : STEP_RETRY;
}

enum step_result relay_step(struct request *r)
{
    const struct fail *broken = r->broken;

    if (r->call != NULL && !r->discard_over)
        return STEP_WAIT;
    if (r->upstream_done && r->result == UPSTREAM_OK && !r->discard && broken == NULL) {
        enum step_result result = take_whole(r, &broken);

        if (result != STEP_RETRY)
            return result;
    }
    if (!r->discard && content_diverts(r) && r->attempt.status >= 400)
        attempt_end(r, SAMPLE_CALLER_FAULT); /* whatever its status says of the key */
    attempt_end(r, relay_outcome(r));
    if (r->broken == &FAIL_BUDGET_EXCEEDED) {
        r->primary = NULL; /* the budget is the client's own */
        return refusal_fail(r, &r->refusal);
    }
    if (r->primary != NULL && r->primary->is_deciding)
        return fail_with(r, &FAIL_UPSTREAM_ERROR); /* and primary_tell knows better */
    if (moves_on(r)) {
        abandon(r, broken);
        primary_keep(r, reason_of(r, broken));
        money_release(r);
        relay_forget(r);
        return STEP_RETRY;
    }
    if (r->buffers != NULL && !r->answer_begun)
        buf_clear(&r->buffers->out); /* held back, and no part of an error's answer */
    primary_yield(r);
    return fail_with(r, broken != NULL ? broken : outcome_fail(r));
}
