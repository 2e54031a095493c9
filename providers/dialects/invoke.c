#include "providers/dialects/invoke.h"

#include "providers/base64.h"
#include "providers/dialects/anthropic.h"
#include "providers/dialects/bedrock.h"
#include "providers/eventstream.h"
#include "providers/peek.h"
#include "providers/write.h"

#define INNER_MAX 4096 /* bytes of an inner event that are looked at; ends and usage are shorter */
#define METRICS "amazon-bedrock-invocationMetrics"

/* --- framing --- */

static void put_chunk(struct buf *out, struct str inner)
{
    size_t at = eventstream_begin(out, false, "chunk");

    write_key(out, "bytes");
    buf_char(out, '"');
    base64_put(out, inner);
    buf_char(out, '"');
    eventstream_end(out, at);
}

void invoke_chunk(struct buf *out, size_t at, struct arena *scratch)
{
    struct str inner = arena_str(scratch, (struct str){out->data + at, out->len - at});

    out->len = at;
    put_chunk(out, inner);
}

void invoke_write_metrics(struct buf *out, const struct chat_usage *u)
{
    uint64_t written = u->written_5m + u->written_1h;
    uint64_t cached = u->cached + written;

    write_key(out, METRICS);
    write_open(out, '{');
    write_member_u64(out, "inputTokenCount", u->input > cached ? u->input - cached : 0);
    write_member_u64(out, "outputTokenCount", u->output);
    if (cached > 0) {
        write_member_u64(out, "cacheReadInputTokenCount", u->cached);
        write_member_u64(out, "cacheWriteInputTokenCount", written);
    }
    write_close(out, '}');
}

/* --- Anthropic's bodies --- */

struct encoder {
    struct arena *scratch;
    struct str id; /* ours */
    void *inner;
    struct chat_usage usage;
};

/* Its constant says nothing to anybody else. */
static void forget_version(struct chat *chat)
{
    struct chat_extra **at = &chat->extras;

    chat->last_extra = NULL;
    while (*at != NULL) {
        if (str_eq((*at)->name, STR("anthropic_version"))) {
            *at = (*at)->next;
            chat->n_extras--;
        } else {
            chat->last_extra = *at;
            at = &(*at)->next;
        }
    }
}

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    if (anthropic_decode_request(c, url, body, out, err) != 0)
        return -1;
    out->stream = url->stream; /* it is the path that says so */
    forget_version(out);
    return 0;
}

static void *encoder_of(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->scratch = c->scratch;
    e->id = reply->id;
    e->inner = anthropic_encoder(c, reply);
    return e;
}

/* The data of the next server-sent event in *rest. */
static bool next_data(struct str *rest, struct str *data)
{
    struct str line;

    while (str_next(rest, '\n', &line)) {
        if (str_starts(line, STR("data: "))) {
            *data = str_skip(line, 6);
            return true;
        }
    }
    return false;
}

static void put_events(struct encoder *e, struct str events, struct buf *out)
{
    struct str data;

    while (next_data(&events, &data)) {
        size_t at = out->len;

        if (!str_eq(data, STR("{\"type\":\"message_stop\"}"))) {
            put_chunk(out, data);
            continue;
        }
        buf_add(out, data.p, data.len - 1);
        invoke_write_metrics(out, &e->usage);
        write_close(out, '}');
        invoke_chunk(out, at, e->scratch);
    }
}

static void encode_event(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct encoder *e = encoder;
    size_t at = out->len;
    struct str events;

    if (ev->kind == EVENT_ERROR) {
        bedrock_encode_error_event(ev->error, e->id, out);
        return;
    }
    if (ev->kind == EVENT_USAGE)
        e->usage = *ev->usage;
    anthropic_encode_event(e->inner, ev, out);
    if (out->len == at)
        return;
    events = arena_str(e->scratch, (struct str){out->data + at, out->len - at});
    out->len = at;
    put_events(e, events, out);
}

static void encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    struct encoder *e = encoder;

    if (answer->has_error)
        bedrock_encode_error(&answer->error, e->id, out);
    else
        anthropic_encode_answer(e->inner, answer, loss, out);
}

/* --- at home --- */

static void look_metrics(struct str inner, struct chat_seen *seen, struct chat_usage *usage)
{
    struct chat_usage u = {.known = true};
    struct str object;
    struct str key;
    size_t end = inner.len;
    size_t at = 0;
    uint64_t n;

    if (!peek_last(inner, METRICS, &end, &object))
        return;
    seen->is_done = true;
    while (peek_key(object, &at, &key)) {
        if (!peek_number(object, at, &n))
            continue;
        if (str_eq(key, STR("inputTokenCount"))) {
            u.input += n;
        } else if (str_eq(key, STR("cacheReadInputTokenCount"))) {
            u.input += n;
            u.cached = n;
        } else if (str_eq(key, STR("cacheWriteInputTokenCount"))) {
            u.input += n;
            u.written_5m = n;
        } else if (str_eq(key, STR("outputTokenCount"))) {
            u.output = n;
        }
    }
    if (!usage->known) /* a vendor's own figures say more */
        *usage = u;
}

/* What a chunk carries, still in base64. */
static struct str bytes_of(struct str payload)
{
    struct str key;
    size_t at = 0;

    while (peek_key(payload, &at, &key)) {
        if (str_eq(key, STR("bytes")))
            return peek_text(payload, at);
    }
    return STR_NONE;
}

bool invoke_is_preamble(struct str payload)
{
    char inner[INNER_MAX];
    struct chat_frame frame = {.data = {inner, 0}};
    struct str bytes = bytes_of(payload);

    return bytes.len > 0 && base64_room(bytes) <= sizeof(inner) &&
           base64_read(bytes, inner, &frame.data.len) && anthropic_is_preamble(&frame);
}

void invoke_look_chunk(struct str payload, struct chat_seen *seen, struct chat_usage *usage)
{
    char inner[INNER_MAX];
    struct chat_frame frame = {.name = STR_NONE};
    struct str bytes = bytes_of(payload);

    *seen = (struct chat_seen){.is_done = false};
    if (bytes.len == 0)
        return;
    if (base64_room(bytes) > sizeof(inner) || !base64_read(bytes, inner, &frame.data.len)) {
        seen->content_bytes = bytes.len / 4 * 3; /* a picture, or long arguments */
        return;
    }
    frame.data.p = inner;
    anthropic_look_frame(&frame, seen, usage);
    look_metrics(frame.data, seen, usage);
    if (!seen->is_done && seen->content_bytes == 0 && !seen->is_finish)
        seen->content_bytes = frame.data.len; /* some other vendor's piece of text */
}

/* Claude's answer, else Titan's; other vendors' tell no usage in their bodies. */
void invoke_look_answer(struct str body, struct chat_usage *usage)
{
    struct chat_usage u = {.known = false};
    struct str key;
    size_t at = 0;
    uint64_t n;

    anthropic_look_answer(body, &u);
    while (!u.known && peek_key(body, &at, &key)) {
        if (str_eq(key, STR("inputTextTokenCount")) && peek_number(body, at, &n))
            u.input = n;
        else if (str_eq(key, STR("tokenCount")) && peek_number(body, at, &n)) {
            u.output = n;
            u.known = true;
        }
    }
    if (u.known)
        *usage = u;
}

const struct dialect dialect_invoke_anthropic = {
    .id = DIALECT_BEDROCK,
    .name = "invoke-anthropic",
    .decode_request = decode_request,
    .encoder = encoder_of,
    .encode_event = encode_event,
    .encode_answer = encode_answer,
    BEDROCK_SHARED,
};
