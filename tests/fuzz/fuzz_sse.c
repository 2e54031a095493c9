/*
 * The event splitter on any bytes: cut differently, the same events come out, and what was handed
 * out with what is left is the stream.
 */
#include "providers/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf events, raw;
};

static void on_event(void *ctx, const struct sse_event *event)
{
    struct seen *seen = ctx;

    buf_str(&seen->events, event->name);
    buf_char(&seen->events, '\0');
    buf_str(&seen->events, event->data);
    buf_char(&seen->events, '\1');
    buf_str(&seen->raw, event->raw);
}

/* step 0: all at once */
static void feed(struct str stream, size_t step, struct seen *seen)
{
    struct sse s = SSE_INIT;
    size_t at = 0;

    while (at < stream.len) {
        size_t n = step == 0 ? stream.len : min_u64(step, stream.len - at);

        must(sse_feed(&s, (struct str){stream.p + at, n}, on_event, seen) == 0);
        at += n;
    }
    buf_str(&seen->raw, sse_rest(&s));
    must(str_eq(buf_view(&seen->raw), stream));
    sse_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = {BUF_INIT, BUF_INIT};
    struct seen cut = {BUF_INIT, BUF_INIT};
    struct str stream;

    if (size < 1)
        return 0;
    stream = (struct str){(const char *)data + 1, size - 1};
    feed(stream, 0, &whole);
    feed(stream, 1 + data[0] % 16, &cut);
    must(str_eq(buf_view(&whole.events), buf_view(&cut.events)));
    buf_fini(&whole.events);
    buf_fini(&whole.raw);
    buf_fini(&cut.events);
    buf_fini(&cut.raw);
    return 0;
}
