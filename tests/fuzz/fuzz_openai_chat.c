/*
 * What a client and a provider of the OpenAI dialect may send where it is translated: requests (of
 * the legacy endpoint, too), frames, answers, error bodies. What was written of a request is written
 * the same after it was read again; what comes of a stream is well ordered, and a client's stream
 * made of it is JSON, event by event.
 */
#include "providers/dialect.h"
#include "providers/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;

/* The body written of a body for a vendor with these quirks; empty when one of the two cannot be. */
static struct str rewritten(const struct dialect *d, struct str body, uint32_t quirks)
{
    struct chat_target target = {.model = STR("m"), .quirks = quirks, .wants_usage = true};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.status = 0};
    struct json_error wrong;
    struct buf out = BUF_INIT;
    struct chat chat;
    struct str text = STR_NONE;

    if (d->decode_request(&codec, NULL, body, &chat, &err) != 0 ||
        dialect_openai.encode_request(&codec, &chat, &target, &loss, &out, &err) != 0) {
        must(err.status == 400 && err.message.len > 0 && out.len == 0);
    } else {
        text = arena_str(codec.arena, buf_view(&out));
        must(json_parse_raw(codec.json, codec.arena, text, &wrong) != NULL);
    }
    buf_fini(&out);
    return text;
}

static void try_request_of(const struct dialect *d, struct str body, uint32_t quirks)
{
    struct str first = rewritten(d, body, quirks);

    if (first.len > 0)
        must(str_eq(rewritten(&dialect_openai, first, quirks), first));
}

static void try_request(struct str body)
{
    try_request_of(&dialect_openai, body, 0);
    try_request_of(&dialect_openai, body,
                   QUIRK_CACHE_CONTROL | QUIRK_SAMPLING | QUIRK_REASONING_CONTENT |
                       QUIRK_REASONING_OBJECT | QUIRK_MAX_COMPLETION);
    try_request_of(&dialect_openai, body, QUIRK_STRING_CONTENT | QUIRK_ENABLE_THINKING);
}

static void try_completion(struct str body)
{
    try_request_of(&dialect_completions, body, 0);
}

/* --- the order of events --- */

struct choice_order {
    bool is_open, has_stopped;
    enum chat_block_kind kind;
    uint32_t blocks;
};

struct order {
    bool has_begun, has_ended;
    struct choice_order choices[CHOICES_MAX];
    const struct dialect *client;
    void *encoder;
    struct buf out;
};

static void in_choice(struct choice_order *o, const struct chat_event *e)
{
    switch (e->kind) {
    case EVENT_BLOCK_START:
        must(!o->is_open && !o->has_stopped && e->block == o->blocks);
        o->is_open = true;
        o->kind = e->block_kind;
        o->blocks++;
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
    case EVENT_CITATION:
        must(o->is_open && e->block_kind == o->kind && e->block + 1 == o->blocks);
        break;
    case EVENT_BLOCK_STOP:
        must(o->is_open);
        o->is_open = false;
        break;
    case EVENT_STOP:
        must(!o->is_open && !o->has_stopped);
        o->has_stopped = true;
        break;
    default:
        break;
    }
}

static void on_event(void *ctx, const struct chat_event *e)
{
    struct order *o = ctx;

    must(!o->has_ended && e->choice < CHOICES_MAX);
    must(e->kind != EVENT_START || !o->has_begun);
    must(e->kind == EVENT_START || e->kind == EVENT_ERROR || e->kind == EVENT_USAGE ||
         o->has_begun);
    if (e->kind == EVENT_START)
        o->has_begun = true;
    in_choice(&o->choices[e->choice], e);
    o->has_ended = e->kind == EVENT_END || e->kind == EVENT_ERROR;
    o->client->encode_event(o->encoder, e, &o->out);
}

static void on_sse(void *ctx, const struct sse_event *e)
{
    struct json_error wrong;

    (void)ctx;
    if (!str_eq(e->data, STR("[DONE]")))
        must(json_parse_raw(codec.json, codec.arena, e->data, &wrong) != NULL);
}

static void check_stream(struct order *o)
{
    struct sse sse = SSE_INIT;

    must(sse_feed(&sse, buf_view(&o->out), on_sse, NULL) == 0);
    must(sse_rest(&sse).len == 0);
    sse_fini(&sse);
    buf_fini(&o->out);
}

#define REQUEST                                                                                    \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream_options\":{"   \
    "\"include_usage\":true},\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"patch\"}}]}"

static struct chat chat;
static struct chat_reply reply;

static struct order order_create(const struct dialect *client)
{
    struct order o = {.client = client};
    struct chat_error err;

    must(dialect_openai.decode_request(&codec, NULL, STR(REQUEST), &chat, &err) == 0);
    reply = (struct chat_reply){.chat = &chat, .id = STR("1"), .model = STR("m"), .stream = true};
    o.encoder = client->encoder(&codec, &reply);
    return o;
}

/* One frame a line. */
static void try_stream_for(const struct dialect *client, struct str body)
{
    struct order o = order_create(client);
    struct chat_sink sink = {on_event, &o};
    void *decoder = dialect_openai.decoder(&codec);
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct str line;

    while (str_next(&body, '\n', &line)) {
        struct chat_frame frame = {.data = line};

        if (dialect_openai.decode_frame(decoder, &frame, &sink) != 0)
            break;
        dialect_openai.look_frame(&frame, &seen, &usage);
        arena_reset(codec.scratch);
    }
    dialect_openai.decode_end(decoder, &sink);
    must(o.has_ended);
    check_stream(&o);
}

static void try_stream(struct str body)
{
    try_stream_for(&dialect_openai, body);
    try_stream_for(&dialect_completions, body);
}

static void try_answer(struct str body)
{
    struct order o = order_create(&dialect_openai);
    struct chat_sink sink = {on_event, &o};
    struct chat_usage usage = {.known = false};
    struct chat_error err;

    if (dialect_openai.decode_answer(dialect_openai.decoder(&codec), body, &sink) != 0)
        must(!o.has_begun && !o.has_ended);
    else
        must(o.has_ended);
    check_stream(&o);
    dialect_openai.look_answer(body, &usage);
    dialect_openai.decode_error(&codec, 500, body, &err);
    must(err.message.len > 0 && err.kind != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = {try_request, try_completion, try_stream,
                                                  try_answer};

    if (size < 1)
        return 0;
    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    targets[data[0] % ARRAY_LEN(targets)]((struct str){(const char *)data + 1, size - 1});
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
