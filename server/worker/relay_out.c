/*
 * relay_out - the client's side of the relay: pooled buffers, and what goes out of them.
 */
#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/worker/relay.h"
#include "server/worker/worker.h"

#define RELAY_MIN 4096     /* less would pause the provider at every read */
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

void relay_forget(struct request *r)
{
    struct relay_buffers *b = r->buffers;

    r->usage = (struct chat_usage){.known = false};
    r->content_bytes = 0;
    r->content_events = 0;
    r->stream_finished = false;
    r->stream_error = false;
    r->fail_error = NULL;
    r->is_stream = false;
    if (b == NULL)
        return;
    sse_reset(&b->sse);
    eventstream_reset(&b->eventstream);
    buf_clear(&b->held);
    buf_clear(&b->out);
    buf_clear(&b->tail);
}

uint64_t relay_max(const struct request *r)
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

void relay_flush(struct request *r)
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
    relay_flush(r);
    if (r->upstream_paused && r->call != NULL && r->buffers->out.len <= relay_max(r) / 2) {
        r->upstream_paused = false;
        upstream_resume(r->call);
    }
}

void relay_unheard(struct request *r)
{
    relay_take(r);
    content_end(r);
    throughput_end(r);
    loop_timer_stop(&r->timer);
    if (r->is_json && !r->is_stream)
        watch_tail(r, buf_view(&r->buffers->out));
    buf_clear(&r->buffers->out);
    if (r->upstream_paused) {
        r->upstream_paused = false;
        upstream_resume(r->call);
    }
}
