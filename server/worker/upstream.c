/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/worker/upstream_io.h"
#include "shm/live.h"

#define ALIVE_MS 60000 /* without between_bytes_ms: a byte in this time means life */

const char *upstream_result_name(enum upstream_result r)
{
    static const char *const names[] = {
        [UPSTREAM_OK] = "ok",           [UPSTREAM_CONNECT] = "connect",
        [UPSTREAM_TLS] = "tls",         [UPSTREAM_FIRST_BYTE] = "first_byte",
        [UPSTREAM_SILENCE] = "silence", [UPSTREAM_TOTAL] = "total",
        [UPSTREAM_CUT] = "cut",         [UPSTREAM_NONSENSE] = "nonsense",
    };

    return (size_t)r < ARRAY_LEN(names) ? names[r] : "?";
}

/* --- calls and their pool --- */

static void call_link(struct upstream_call **head, struct upstream_call *call)
{
    call->next = *head;
    if (call->next != NULL)
        call->next->prev = &call->next;
    call->prev = head;
    *head = call;
}

static void call_unlink(struct upstream_call *call)
{
    if (call->prev == NULL)
        return;
    *call->prev = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    call->prev = NULL;
    call->next = NULL;
}

/* The first one, or NULL. */
static struct upstream_call *call_pop(struct upstream_call **head)
{
    struct upstream_call *call = *head;

    if (call == NULL)
        return NULL;
    *head = call->next;
    if (call->next != NULL)
        call->next->prev = head;
    call->prev = NULL;
    call->next = NULL;
    return call;
}

static void call_destroy(struct upstream_call *call)
{
    curl_call_free(call);
    buf_fini(&call->head);
    buf_fini(&call->out);
    free(call);
}

static struct upstream_call *call_take(struct upstream *u)
{
    struct upstream_call *call = call_pop(&u->pool);

    if (call != NULL) {
        u->n_pool--;
        return call;
    }
    call = xcalloc(1, sizeof(*call));
    call->upstream = u;
    return call;
}

static void call_give(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    loop_timer_stop(&call->limit);
    loop_timer_stop(&call->turn);
    call->state = CALL_FREE;
    call->ops = NULL;
    if (u->n_pool >= UPSTREAM_POOL_MAX) {
        call_destroy(call);
        return;
    }
    call_link(&u->pool, call);
    u->n_pool++;
}

static void call_end(struct upstream_call *call, enum upstream_result result, const char *detail)
{
    loop_timer_stop(&call->limit);
    call->state = CALL_ENDED;
    call->in_callback = true;
    call->ops->on_done(call->ctx, result, detail);
    call->in_callback = false;
    call_unlink(call); /* from the cancelled ones, should the callback have cancelled it */
    call_give(call);
}

/* --- time limits --- */

static void on_limit(struct timer *t);

/* Nothing has come yet. UPSTREAM_OK: *next_ms, a point in time, is when to look again. */
static enum upstream_result waiting_limit(const struct upstream_call *call, uint64_t now_ms,
                                          uint64_t total_at, uint64_t *next_ms)
{
    const struct upstream_request *req = &call->req;
    bool is_connected = call->connected_us != 0;
    uint32_t limit = is_connected ? req->first_byte_ms : req->connect_ms;
    uint64_t from = is_connected ? call->connected_ms : call->begun_ms;

    if (limit > 0 && now_ms >= from + limit)
        return is_connected ? UPSTREAM_FIRST_BYTE : UPSTREAM_CONNECT;
    if (now_ms >= total_at)
        return UPSTREAM_TOTAL;
    *next_ms = min_u64(total_at, limit > 0 ? from + limit : UINT64_MAX);
    if (!is_connected && req->first_byte_ms > 0)
        *next_ms = min_u64(*next_ms, now_ms + req->first_byte_ms);
    return UPSTREAM_OK;
}

/* Which limit has passed, or (UPSTREAM_OK) in *next_ms when to look again; 0: there is none. */
static enum upstream_result limit_passed(const struct upstream_call *call, uint64_t now_ms,
                                         uint64_t *next_ms)
{
    const struct upstream_request *req = &call->req;
    uint64_t silence_ms = req->between_bytes_ms > 0 ? req->between_bytes_ms : ALIVE_MS;
    uint64_t silent_at = call->last_byte_ms + silence_ms;
    uint64_t total_at = req->total_ms > 0 ? call->begun_ms + req->total_ms : UINT64_MAX;
    uint64_t look_at = now_ms + silence_ms;
    uint64_t next = UINT64_MAX;

    if (call->first_byte_us == 0) {
        enum upstream_result r = waiting_limit(call, now_ms, total_at, &next);
        if (r != UPSTREAM_OK)
            return r;
    } else if (!call->wants_pause && now_ms < silent_at) {
        look_at = silent_at;
    } else if (!call->wants_pause) {
        if (req->between_bytes_ms > 0)
            return UPSTREAM_SILENCE;
        if (now_ms >= total_at)
            return UPSTREAM_TOTAL;
    }
    /* Bytes move the limits without touching a timer, so it looks again at least this often. */
    if (req->between_bytes_ms > 0 || req->total_ms > 0)
        next = min_u64(next, look_at);
    *next_ms = next == UINT64_MAX ? 0 : next - now_ms;
    return UPSTREAM_OK;
}

/* False: one has passed, and the call is over. */
static bool arm_limit(struct upstream_call *call)
{
    uint64_t next_ms;
    enum upstream_result passed = limit_passed(call, loop_now_ms(call->upstream->loop), &next_ms);

    if (passed != UPSTREAM_OK) {
        upstream_ended(call, passed, "time limit");
        return false;
    }
    if (next_ms > 0)
        loop_timer_start(call->upstream->loop, &call->limit, next_ms, on_limit);
    return true;
}

static void on_limit(struct timer *t)
{
    struct upstream_call *call = container_of(t, struct upstream_call, limit);

    if (call->state == CALL_RUNNING)
        (void)arm_limit(call);
}

/* --- what the transports tell --- */

static void on_start(struct timer *t);

void upstream_on_connected(struct upstream_call *call)
{
    call->connected_us = max_u64(1, loop_now_us(call->upstream->loop) - call->begun_us);
    call->connected_ms = loop_now_ms(call->upstream->loop);
}

void upstream_on_bytes(struct upstream_call *call)
{
    if (call->first_byte_us == 0)
        call->first_byte_us = max_u64(1, loop_now_us(call->upstream->loop) - call->begun_us);
    call->last_byte_ms = loop_now_ms(call->upstream->loop);
}

void upstream_on_head(struct upstream_call *call, const struct upstream_head *head)
{
    call->has_head = true;
    call->in_callback = true;
    call->ops->on_head(call->ctx, head);
    call->in_callback = false;
}

void upstream_on_body(struct upstream_call *call, struct str bytes)
{
    call->in_callback = true;
    call->ops->on_body(call->ctx, bytes);
    call->in_callback = false;
}

void upstream_ended(struct upstream_call *call, enum upstream_result result, const char *detail)
{
    must(call->transport->leave(call));
    if (call->state == CALL_RUNNING) /* else cancelled in this very turn: its list gives it back */
        call_end(call, result, detail);
}

void upstream_failed(struct upstream_call *call, bool was_kept, enum upstream_result result,
                     const char *detail)
{
    struct upstream *u = call->upstream;

    if (!was_kept || call->is_second || call->first_byte_us > 0 || call->state != CALL_RUNNING) {
        upstream_ended(call, result, detail);
        return;
    }
    must(call->transport->leave(call));
    call->is_second = true;
    call->state = CALL_QUEUED;
    call_link(&u->queue, call);
    loop_timer_start(u->loop, &u->start_timer, 0, on_start);
}

/* --- the public side --- */

static void on_cancelled(struct timer *t)
{
    struct upstream *u = container_of(t, struct upstream, cancel_timer);
    struct upstream_call *call;

    while ((call = call_pop(&u->cancelled)) != NULL) {
        must(call->transport->leave(call));
        call_give(call);
    }
}

struct upstream *upstream_create(struct loop *loop, struct slot *slot, struct error *err)
{
    struct upstream *u = xcalloc(1, sizeof(*u));

    u->loop = loop;
    u->slot = slot;
    if (curl_side_open(u, err) != 0 || (u->resolver = resolve_create(loop, err)) == NULL) {
        upstream_free(u);
        return NULL;
    }
    u->conns = conns_create(u);
    return u;
}

void upstream_free(struct upstream *u)
{
    struct upstream_call *call;

    if (u == NULL)
        return;
    loop_timer_stop(&u->start_timer);
    loop_timer_stop(&u->cancel_timer);
    on_cancelled(&u->cancel_timer);
    while ((call = call_pop(&u->pool)) != NULL)
        call_destroy(call);
    conns_free(u->conns);
    resolve_free(u->resolver);
    curl_side_close(u);
    free(u);
}

static void on_start(struct timer *t)
{
    struct upstream *u = container_of(t, struct upstream, start_timer);
    struct upstream_call *call;

    while ((call = call_pop(&u->queue)) != NULL) {
        call->state = CALL_RUNNING;
        if (arm_limit(call))
            call->transport->begin(call);
    }
    curl_side_run(u);
}

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *ctx)
{
    struct upstream_call *call = call_take(u);

    call->state = CALL_QUEUED;
    call->ops = ops;
    call->ctx = ctx;
    call->req = *req;
    call->transport = plain_takes(call) ? &transport_plain : &transport_curl;
    call->begun_us = loop_now_us(u->loop);
    call->begun_ms = loop_now_ms(u->loop);
    call->connected_us = call->first_byte_us = 0;
    call->connected_ms = call->last_byte_ms = 0;
    call->wants_pause = call->is_paused = call->has_head = false;
    call->is_second = false;
    call->error[0] = '\0';
    call->status = 0;
    call->n_lines = 0;
    buf_clear(&call->head);
    call_link(&u->queue, call);
    loop_timer_start(u->loop, &u->start_timer, 0, on_start);
    return call;
}

void upstream_rebind(struct upstream_call *call, const struct upstream_ops *ops, void *ctx)
{
    call->ops = ops;
    call->ctx = ctx;
}

bool upstream_was_sent(const struct upstream_call *call)
{
    return call->connected_us != 0;
}

void upstream_cancel(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    must(call->state != CALL_FREE && call->state != CALL_CANCELLED);
    call->state = CALL_CANCELLED;
    call_unlink(call);
    loop_timer_stop(&call->limit);
    loop_timer_stop(&call->turn);
    if (call->in_callback || !call->transport->leave(call)) {
        call_link(&u->cancelled, call);
        loop_timer_start(u->loop, &u->cancel_timer, 0, on_cancelled);
        return;
    }
    call_give(call);
}

/* Out of the transport's callbacks: make its state what was asked for. */
static void on_turn(struct timer *t)
{
    struct upstream_call *call = container_of(t, struct upstream_call, turn);

    if (call->state != CALL_RUNNING || call->is_paused == call->wants_pause)
        return;
    call->is_paused = call->wants_pause;
    call->transport->flow(call);
}

void upstream_pause(struct upstream_call *call)
{
    call->wants_pause = true;
    if (!call->in_callback)
        loop_timer_start(call->upstream->loop, &call->turn, 0, on_turn);
}

void upstream_resume(struct upstream_call *call)
{
    call->wants_pause = false;
    call->last_byte_ms = loop_now_ms(call->upstream->loop);
    loop_timer_start(call->upstream->loop, &call->turn, 0, on_turn);
}
