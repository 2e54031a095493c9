/*
 * watch - usage and the stream's fate, read from the answer while it passes.
 */
#include "server/worker/relay.h"

static void on_event(void *ctx, const struct sse_event *event)
{
    struct request *r = ctx;
    struct openai_event seen;

    if (event->data.len > 0) {
        openai_event(event->data, &seen, &r->usage);
        r->content_bytes += seen.content_bytes;
        r->stream_finished = r->stream_finished || seen.is_done || seen.is_finish;
        r->stream_error = r->stream_error || seen.is_error;
        if (r->withhold_usage && seen.is_usage_only)
            return; /* we asked for it, the client did not */
    }
    if (r->withhold_usage)
        buf_str(&r->buffers->out, event->raw);
}

int watch_stream(struct request *r, struct str bytes)
{
    if (!r->withhold_usage)
        buf_str(&r->buffers->out, bytes);
    if (!r->watching)
        return 0;
    if (sse_feed(&r->buffers->sse, bytes, on_event, r) == 0)
        return 0;
    if (r->withhold_usage)
        return -1;
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

    if (tail->len == 0) {
        openai_usage(held, &r->usage);
        return;
    }
    watch_tail(r, held);
    openai_usage(buf_view(tail), &r->usage);
}
