/*
 * watch - usage and the stream's fate, read from the answer while it passes.
 */
#include "server/worker/relay.h"
#include "server/worker/translate.h"

bool watch_is_work(const struct request *r)
{
    return r->is_post;
}

/* True: the frame is nobody's but ours. */
static bool take_frame(struct request *r, const struct chat_frame *frame)
{
    const struct dialect *d = translate_client(r);
    struct chat_seen seen = {.is_done = false};
    bool was_known = r->usage.known;

    if (d == NULL)
        return false;
    d->look_frame(frame, &seen, &r->usage);
    if (r->usage.known && !was_known)
        money_look_service(r, frame->data);
    r->content_bytes += seen.content_bytes;
    r->content_events += seen.content_bytes > 0;
    r->stream_finished = r->stream_finished || seen.is_done || seen.is_finish;
    r->stream_error = r->stream_error || seen.is_error;
    content_frame(r, frame, &seen);
    return r->withhold_usage && seen.is_usage_only; /* we asked for it, the client did not */
}

static void look_answer(struct request *r, struct str body)
{
    const struct dialect *d = translate_client(r);

    if (d != NULL)
        d->look_answer(body, &r->usage);
    money_look_service(r, body);
}

static void on_event(void *ctx, const struct sse_event *event)
{
    struct request *r = ctx;
    struct chat_frame frame = {event->name, event->data, false};

    if (event->data.len > 0 && take_frame(r, &frame))
        return;
    if (r->withhold_usage)
        buf_str(&r->buffers->out, event->raw);
}

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct chat_frame frame = {m->type, m->payload, m->is_exception};

    (void)take_frame(ctx, &frame);
}

int watch_stream(struct request *r, struct str bytes)
{
    int rc;

    if (!r->withhold_usage)
        buf_str(&r->buffers->out, bytes);
    if (!r->watching)
        return 0;
    rc = r->is_eventstream ? eventstream_feed(&r->buffers->eventstream, bytes, on_message, r)
                           : sse_feed(&r->buffers->sse, bytes, on_event, r);
    if (rc == 0)
        return 0;
    if (r->withhold_usage)
        return -1;
    content_end(r);
    r->watching = false; /* the client may well want it; we only lose sight of its usage */
    return 0;
}

void watch_stream_end(struct request *r)
{
    if (r->watching && r->withhold_usage)
        buf_str(&r->buffers->out, sse_rest(&r->buffers->sse));
}

void watch_tail(struct request *r, struct str bytes)
{
    struct buf *tail = &r->buffers->tail;

    if (bytes.len > RELAY_TAIL_MAX)
        bytes = str_skip(bytes, bytes.len - RELAY_TAIL_MAX);
    /* twice the room, so that bytes are moved once per RELAY_TAIL_MAX only */
    if (tail->len + bytes.len > 2 * RELAY_TAIL_MAX)
        buf_drop(tail, tail->len - (RELAY_TAIL_MAX - min_u64(bytes.len, RELAY_TAIL_MAX)));
    buf_str(tail, bytes);
}

void watch_body_end(struct request *r, struct str held)
{
    struct buf *tail = &r->buffers->tail;

    if (!watch_is_work(r))
        return;
    if (tail->len == 0) {
        look_answer(r, held);
        return;
    }
    watch_tail(r, held);
    look_answer(r, buf_view(tail));
}
