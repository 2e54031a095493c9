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
    curl_easy_cleanup(call->easy);
    curl_url_cleanup(call->parsed);
    buf_fini(&call->head);
    buf_fini(&call->url);
    buf_fini(&call->proxy);
    buf_fini(&call->ca);
    buf_fini(&call->path);
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
    call->easy = upstream_easy_create(call);
    must(call->easy != NULL); /* fails for want of memory only */
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

/* Take it out of curl; its connection stays open only if the answer was whole. */
static void call_remove(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    must(!u->inside_curl);
    u->inside_curl = true;
    (void)curl_multi_remove_handle(u->multi, call->easy); /* fails for strangers only */
    u->inside_curl = false;
    call->in_multi = false;
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

static void arm_limit(struct upstream_call *call)
{
    uint64_t next_ms;
    enum upstream_result passed = limit_passed(call, loop_now_ms(call->upstream->loop), &next_ms);

    if (passed != UPSTREAM_OK) {
        call_remove(call);
        call_end(call, passed, "time limit");
    } else if (next_ms > 0) {
        loop_timer_start(call->upstream->loop, &call->limit, next_ms, on_limit);
    }
}

static void on_limit(struct timer *t)
{
    struct upstream_call *call = container_of(t, struct upstream_call, limit);

    if (call->state == CALL_RUNNING)
        arm_limit(call);
}

/* --- what curl tells --- */

static void on_start(struct timer *t);

void upstream_on_body(struct upstream_call *call, struct str bytes)
{
    call->in_callback = true;
    call->ops->on_body(call->ctx, bytes);
    call->in_callback = false;
    if (call->state != CALL_RUNNING || !call->wants_pause || call->is_paused)
        return;
    call->is_paused = true;
    (void)curl_easy_pause(call->easy, CURLPAUSE_RECV); /* allowed inside its own callback */
}

static enum upstream_result result_of(const struct upstream_call *call, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return call->has_head ? UPSTREAM_OK : UPSTREAM_NONSENSE;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_INTERFACE_FAILED:
    case CURLE_URL_MALFORMAT:
        return UPSTREAM_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return UPSTREAM_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return call->connected_us == 0 ? UPSTREAM_CONNECT : UPSTREAM_FIRST_BYTE;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_FAIL_REWIND:
        return UPSTREAM_CUT;
    default: /* not HTTP (curl takes it for HTTP/0.9), a head past its bound, and the like */
        return UPSTREAM_NONSENSE;
    }
}

static bool is_reused(const struct upstream_call *call)
{
    long connects = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    return call->connected_us > 0 && connects == 0;
}

/*
 * A kept-alive connection that the provider had closed: curl tries again by itself, but it counts
 * over the life of an easy handle, not per transfer, and gives up at every sixth.
 */
static bool died_idle(const struct upstream_call *call, CURLcode code)
{
    return (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING) &&
           call->first_byte_us == 0 && !call->is_second && is_reused(call);
}

void upstream_on_done(struct upstream_call *call, CURLcode code)
{
    call_remove(call);
    if (call->state != CALL_RUNNING) /* cancelled in this very turn: its list gives it back */
        return;
    if (died_idle(call, code)) {
        call->is_second = true;
        call->state = CALL_QUEUED;
        call_link(&call->upstream->queue, call);
        loop_timer_start(call->upstream->loop, &call->upstream->start_timer, 0, on_start);
        return;
    }
    call_end(call, result_of(call, code),
             call->error[0] != '\0' ? call->error : curl_easy_strerror(code));
}

/* --- the public side --- */

struct upstream *upstream_create(struct loop *loop, struct slot *slot, struct error *err)
{
    struct upstream *u = xcalloc(1, sizeof(*u));

    u->loop = loop;
    u->slot = slot;
    if (upstream_multi_open(u, err) != 0) {
        free(u);
        return NULL;
    }
    return u;
}

void upstream_free(struct upstream *u)
{
    struct upstream_call *call;

    if (u == NULL)
        return;
    loop_timer_stop(&u->start_timer);
    loop_timer_stop(&u->cancel_timer);
    while ((call = call_pop(&u->pool)) != NULL)
        call_destroy(call);
    upstream_multi_close(u);
    free(u);
}

static void on_start(struct timer *t)
{
    struct upstream *u = container_of(t, struct upstream, start_timer);
    struct upstream_call *call;

    while ((call = call_pop(&u->queue)) != NULL) {
        upstream_easy_prepare(call);
        call->state = CALL_RUNNING;
        call->in_multi = true;
        u->inside_curl = true;
        (void)curl_multi_add_handle(u->multi, call->easy); /* fails for strangers only */
        u->inside_curl = false;
        arm_limit(call);
    }
    upstream_run(u);
}

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *ctx)
{
    struct upstream_call *call = call_take(u);

    call->state = CALL_QUEUED;
    call->ops = ops;
    call->ctx = ctx;
    call->req = *req;
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

static void on_cancelled(struct timer *t)
{
    struct upstream *u = container_of(t, struct upstream, cancel_timer);
    struct upstream_call *call;

    while ((call = call_pop(&u->cancelled)) != NULL) {
        if (call->in_multi)
            call_remove(call);
        call_give(call);
    }
}

void upstream_cancel(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    must(call->state != CALL_FREE && call->state != CALL_CANCELLED);
    call->state = CALL_CANCELLED;
    call_unlink(call);
    loop_timer_stop(&call->limit);
    loop_timer_stop(&call->turn);
    if (call->in_callback || (call->in_multi && u->inside_curl)) {
        /* curl cannot lose a handle now; its callbacks refuse everything from here on. */
        call_link(&u->cancelled, call);
        loop_timer_start(u->loop, &u->cancel_timer, 0, on_cancelled);
        return;
    }
    if (call->in_multi)
        call_remove(call);
    call_give(call);
}

/* Out of curl's callbacks: make its state what was asked for. */
static void on_turn(struct timer *t)
{
    struct upstream_call *call = container_of(t, struct upstream_call, turn);
    struct upstream *u = call->upstream;

    if (call->state != CALL_RUNNING || call->is_paused == call->wants_pause)
        return;
    call->is_paused = call->wants_pause;
    u->inside_curl = true; /* what curl had kept back comes through the callbacks right now */
    (void)curl_easy_pause(call->easy, call->is_paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    u->inside_curl = false;
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

void upstream_timing(const struct upstream_call *call, struct upstream_timing *out)
{
    *out = (struct upstream_timing){call->connected_us, call->first_byte_us};
}
