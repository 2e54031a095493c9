/*
 * Event stream messages in any bytes: cut differently, the same messages come out and the same
 * verdict; what is written by the encoder is read again.
 */
#include "providers/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf messages;
    int rc;
};

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct seen *seen = ctx;

    buf_str(&seen->messages, m->type);
    buf_char(&seen->messages, m->is_exception ? '\1' : '\0');
    buf_str(&seen->messages, m->payload);
    buf_str(&seen->messages, m->raw);
}

/* step 0: all at once */
static void feed(struct str stream, size_t step, struct seen *seen)
{
    struct eventstream s = EVENTSTREAM_INIT;
    size_t at = 0;

    while (at < stream.len && seen->rc == 0) {
        size_t n = step == 0 ? stream.len : min_u64(step, stream.len - at);

        seen->rc = eventstream_feed(&s, (struct str){stream.p + at, n}, on_message, seen);
        at += n;
    }
    eventstream_fini(&s);
}

static void check(struct str stream, size_t step, bool is_sound)
{
    struct seen whole = {BUF_INIT, 0};
    struct seen cut = {BUF_INIT, 0};

    feed(stream, 0, &whole);
    feed(stream, step, &cut);
    must(whole.rc == cut.rc);
    must(!is_sound || whole.rc == 0);
    must(str_eq(buf_view(&whole.messages), buf_view(&cut.messages)));
    buf_fini(&whole.messages);
    buf_fini(&cut.messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b = BUF_INIT;
    struct str bytes;

    if (size < 1)
        return 0;
    bytes = (struct str){(const char *)data + 1, size - 1};
    check(bytes, 1 + data[0] % 16, false);
    /* the same bytes as a payload between two other messages */
    eventstream_put(&b, "messageStart", STR("{}"));
    eventstream_put(&b, "chunk", bytes);
    eventstream_end(&b, eventstream_begin(&b, true, "validationException"));
    check(buf_view(&b), 1 + data[0] % 16, true);
    buf_fini(&b);
    return 0;
}
