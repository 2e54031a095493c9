#include "server/worker/content.h"

#include "providers/dialect.h"
#include "providers/peek.h"
#include "server/worker/fail.h"
#include "server/worker/outcome.h"
#include "server/worker/relay.h"
#include "server/worker/route.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

/* --- what has to wait --- */

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

/* What is refused like this may have been too long, or filtered. */
static bool is_refusal(int status)
{
    return status == 400 || status == 403 || status == 413 || status == 422;
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
    struct content *c = &r->content;
    int status = r->attempt.status;

    c->is_held = c->is_whole = c->is_judged = c->is_diverted = c->has_error = false;
    c->cause = CAUSE_OTHER;
    if (r->is_forward || r->unheard || !watch_is_work(r))
        return;
    if (is_refusal(status)) {
        c->is_judged = course_has_list(r, CAUSE_CONTEXT) || course_has_list(r, CAUSE_FILTER);
        return;
    }
    if (status < 200 || status >= 300 || !is_of_chat(r) || translate_client(r) == NULL)
        return;
    c->is_filtered = course_is_filtered(r);
    c->is_whole = c->is_filtered && !r->is_stream && r->is_json && !is_array(r);
    c->is_held = r->is_stream || is_array(r) || c->is_whole;
}

/* --- errors and filters: a frame is read as if it were abroad --- */

static void copy_error(struct request *r, const struct chat_error *e)
{
    struct arena *a = r->arena;

    r->content.has_error = true;
    r->content.error = *e;
    r->content.error.message = arena_str(a, e->message);
    r->content.error.type = arena_str(a, e->type);
    r->content.error.code = arena_str(a, e->code);
    r->content.error.param = arena_str(a, e->param);
}

static void on_event(void *ctx, const struct chat_event *e)
{
    struct request *r = ctx;

    if (e->kind == EVENT_ERROR && !r->content.has_error)
        copy_error(r, e->error);
    else if (e->kind != EVENT_ERROR)
        content_event(r, e);
}

static void read_error(struct request *r, const struct chat_frame *frame)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    const struct dialect *d = translate_client(r);
    const struct chat_sink sink = {on_event, r};

    /* nonsense is an error as well, only without words */
    (void)d->decode_frame(d->decoder(&codec), frame, &sink);
    worker_scratch_reset(r->worker);
    if (!r->content.has_error)
        copy_error(r, &(struct chat_error){.kind = ERROR_UPSTREAM,
                                           .status = FAIL_UPSTREAM_ERROR.status,
                                           .message = str_of(FAIL_UPSTREAM_ERROR.text)});
}

/* (An end is all that is wanted of it: that the rest is missing is no error.) */
static void on_end_event(void *ctx, const struct chat_event *e)
{
    if (e->kind != EVENT_ERROR)
        content_event(ctx, e);
}

/* Has a filter ended it before its first word? Else it has simply ended. */
static void read_end(struct request *r, const struct chat_frame *frame)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    const struct dialect *d = translate_client(r);
    const struct chat_sink sink = {on_end_event, r};
    void *decoder = d->decoder(&codec);

    (void)d->decode_frame(decoder, frame, &sink);
    d->decode_end(decoder, &sink); /* some say only then why it was */
    worker_scratch_reset(r->worker);
    if (r->content.cause == CAUSE_OTHER)
        release(r);
}

/* --- what passes --- */

void content_frame(struct request *r, const struct chat_frame *frame, const struct chat_seen *seen)
{
    struct content *c = &r->content;

    if (!c->is_held || c->has_error || c->cause != CAUSE_OTHER)
        return;
    if (seen->is_error)
        read_error(r, frame);
    else if (c->is_filtered && seen->is_finish && seen->content_bytes == 0)
        read_end(r, frame);
    else if (seen->content_bytes > 0 || seen->is_done || seen->is_finish ||
             !translate_client(r)->is_preamble(frame))
        release(r);
}

void content_event(struct request *r, const struct chat_event *e)
{
    struct content *c = &r->content;

    if (!c->is_held)
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
    case EVENT_STOP:
        if (c->is_filtered && e->stop == STOP_FILTER)
            c->cause = CAUSE_FILTER;
        break;
    default:
        break;
    }
    if (c->cause == CAUSE_OTHER || e->kind == EVENT_DELTA)
        release(r); /* (another choice may have content) */
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

static void divert(struct request *r, enum error_cause cause)
{
    struct str name = r->course.name;

    if (cause == CAUSE_OTHER || !course_divert(r, cause))
        return;
    r->content.is_diverted = true;
    r->content.name = name;
}

/* An error came at home before any content: on to another one, if there is one that may do better. */
static bool gives_up(struct request *r)
{
    struct content *c = &r->content;

    if (!c->has_error || r->broken != NULL)
        return false;
    divert(r, cause_of(&c->error));
    if (!c->is_diverted && (!outcome_is_worth_another(r) || !route_has_more(r)))
        return false;
    r->broken = &FAIL_UPSTREAM_ERROR;
    r->fail_error = &c->error;
    relay_give_up(r);
    return true;
}

bool content_waits(struct request *r)
{
    struct content *c = &r->content;

    if (c->is_judged)
        c->is_judged = r->buffers->out.len <= RELAY_HOLD_MAX;
    if (c->is_judged)
        return true;
    if (!c->is_held)
        return false;
    if (is_array(r))
        look_array(r);
    if (gives_up(r))
        return true;
    if (c->has_error || r->buffers->out.len > min_u64(CONTENT_HOLD_MAX, relay_max(r)))
        release(r);
    else if (c->is_held && !c->is_whole && !c->is_timed) {
        c->is_timed = true;
        loop_timer_start(r->worker->loop, &c->timer, CONTENT_HOLD_MS, on_hold_over);
    }
    return c->is_held;
}

/* --- the end --- */

/* A refusal that is whole: what is it about? */
static enum error_cause judge(struct request *r)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    const struct dialect *d = dialect_get(r->attempt.face->dialect);
    const struct relay_buffers *b = r->buffers;
    struct chat_error e = {.kind = ERROR_INVALID};
    enum error_cause cause;

    if (d == NULL || b == NULL)
        return CAUSE_OTHER;
    d->decode_error(&codec, r->attempt.status, buf_view(r->attempt.is_abroad ? &b->held : &b->out),
                    &e);
    cause = cause_of(&e);
    worker_scratch_reset(r->worker);
    return cause;
}

static void on_whole_event(void *ctx, const struct chat_event *e)
{
    struct request *r = ctx;

    if (e->kind == EVENT_USAGE)
        r->usage = *e->usage;
    else if (e->kind != EVENT_ERROR)
        content_event(r, e);
}

/* A whole answer at home that may be nothing but a filter's word. */
static enum error_cause judge_whole(struct request *r)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    const struct dialect *d = translate_client(r);
    const struct chat_sink sink = {on_whole_event, r};

    (void)d->decode_answer(d->decoder(&codec), buf_view(&r->buffers->out), &sink);
    worker_scratch_reset(r->worker);
    if (r->content.is_held && r->content.cause != CAUSE_OTHER) {
        r->stream_finished = true; /* what it told of its usage is all there is */
        return r->content.cause;
    }
    r->usage = (struct chat_usage){.known = false}; /* read from its bytes, as ever */
    return CAUSE_OTHER;
}

bool content_diverts(struct request *r)
{
    struct content *c = &r->content;
    bool is_whole = r->upstream_done && r->result == UPSTREAM_OK;
    enum error_cause cause = CAUSE_OTHER;

    if (c->is_diverted)
        return true;
    if (r->answer_begun || r->unheard || r->is_forward)
        return false;
    if (c->is_judged && is_whole)
        cause = judge(r);
    else if (r->stream_error && content_error(r) != NULL)
        cause = cause_of(content_error(r));
    else if (c->is_held && c->is_whole && is_whole && !r->attempt.is_abroad && r->buffers != NULL)
        cause = judge_whole(r);
    else if (c->is_held && r->broken == NULL)
        cause = c->cause;
    divert(r, cause);
    return c->is_diverted;
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
