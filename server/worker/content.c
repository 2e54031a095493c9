#include "server/worker/content.h"

#include "providers/dialect.h"
#include "providers/peek.h"
#include "server/worker/fail.h"
#include "server/worker/outcome.h"
#include "server/worker/relay.h"
#include "server/worker/route.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

/* Gemini streams without alt=sse: a JSON array that comes piece by piece. */
static bool is_array(const struct request *r)
{
    return !r->is_stream && !r->attempt.is_abroad && r->path.stream && r->is_json &&
           r->path.dialect == DIALECT_GEMINI;
}

static bool is_of_chat(const struct request *r)
{
    return r->path.op == OP_CHAT || r->path.op == OP_COMPLETIONS || r->path.op == OP_INVOKE;
}

static void release(struct request *r)
{
    r->content.is_held = false;
    r->content.is_timed = false;
    loop_timer_stop(&r->content.timer);
}

static void on_hold_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, content.timer);

    request_enter(r);
    if (!r->gone && r->content.is_held) {
        release(r);
        relay_flush(r);
    }
    request_leave(r);
}

void content_begin(struct request *r)
{
    int status = r->attempt.status;

    r->content.has_error = false;
    r->content.is_held = (r->is_stream || is_array(r)) && status >= 200 && status < 300 &&
                         is_of_chat(r) && watch_is_work(r) && !r->is_forward && !r->unheard &&
                         translate_client(r) != NULL;
    r->content.head_ms = loop_now_ms(r->worker->loop);
}

/* --- errors, at home: their words are wanted for the next attempt only --- */

static void on_event(void *ctx, const struct chat_event *e)
{
    struct request *r = ctx;
    struct arena *a = r->arena;

    if (e->kind != EVENT_ERROR || r->content.has_error)
        return;
    r->content.has_error = true;
    r->content.error = *e->error;
    r->content.error.message = arena_str(a, e->error->message);
    r->content.error.type = arena_str(a, e->error->type);
    r->content.error.code = arena_str(a, e->error->code);
    r->content.error.param = arena_str(a, e->error->param);
}

static void read_error(struct request *r, const struct chat_frame *frame)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    const struct dialect *d = translate_client(r);
    const struct chat_sink sink = {on_event, r};

    /* nonsense is an error as well, only without words */
    (void)d->decode_frame(d->decoder(&codec), frame, &sink);
    worker_scratch_reset(r->worker);
    if (r->content.has_error)
        return;
    r->content.has_error = true;
    r->content.error = (struct chat_error){.kind = ERROR_UPSTREAM,
                                           .status = FAIL_UPSTREAM_ERROR.status,
                                           .message = str_of(FAIL_UPSTREAM_ERROR.text)};
}

/* --- what passes --- */

void content_frame(struct request *r, const struct chat_frame *frame, const struct chat_seen *seen)
{
    if (!r->content.is_held || r->content.has_error)
        return;
    if (seen->is_error)
        read_error(r, frame);
    else if (seen->content_bytes > 0 || seen->is_done || seen->is_finish ||
             !translate_client(r)->is_preamble(frame))
        release(r);
}

void content_event(struct request *r, const struct chat_event *e)
{
    if (!r->content.is_held)
        return;
    switch (e->kind) {
    case EVENT_START:
    case EVENT_USAGE:
    case EVENT_BLOCK_STOP:
        return;
    case EVENT_BLOCK_START:
        if (e->block_kind == BLOCK_TEXT || e->block_kind == BLOCK_THINKING)
            return;
        break;
    case EVENT_DELTA:
        if (e->text.len == 0)
            return;
        break;
    default:
        break;
    }
    release(r);
}

/* The elements so far, looked at as one frame that may be cut off. */
static void look_array(struct request *r)
{
    const struct dialect *d = translate_client(r);
    struct str all = buf_view(&r->buffers->out);
    struct chat_usage usage = {.known = false};
    struct chat_frame frame = {.name = STR_NONE};
    struct chat_seen seen;
    size_t at = peek_skip(all, 0);

    if (at < all.len && all.p[at] == '[')
        at = peek_skip(all, at + 1);
    frame.data = str_skip(all, at);
    d->look_frame(&frame, &seen, &usage);
    if (seen.is_error) {
        frame.data = peek_object(frame.data, 0);
        if (frame.data.len == 0)
            return; /* the rest of it is still on its way */
        r->stream_error = true;
    }
    content_frame(r, &frame, &seen);
}

bool content_waits(struct request *r)
{
    struct content *c = &r->content;

    if (!c->is_held)
        return false;
    if (is_array(r))
        look_array(r);
    if (c->has_error && r->broken == NULL && outcome_is_worth_another(r) && route_has_more(r)) {
        r->broken = &FAIL_UPSTREAM_ERROR;
        r->fail_error = &c->error;
        relay_give_up(r);
        return true;
    }
    if (c->has_error || r->buffers->out.len > min_u64(CONTENT_HOLD_MAX, relay_max(r)))
        release(r);
    else if (c->is_held && !c->is_timed) {
        c->is_timed = true;
        loop_timer_start(r->worker->loop, &c->timer, CONTENT_HOLD_MS, on_hold_over);
    }
    return c->is_held;
}

void content_end(struct request *r)
{
    release(r);
}

const struct chat_error *content_error(const struct request *r)
{
    if (r->content.has_error)
        return &r->content.error;
    return r->fail_error;
}
