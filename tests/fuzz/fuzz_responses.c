/*
 * What a client and a provider of the Responses dialect may send: requests, frames, answers, error
 * bodies. A request that was written and read again is written alike; what comes of a stream is well
 * ordered, and a client's stream made of it is JSON, line by line.
 */
#include <string.h>

#include "providers/dialect.h"
#include "providers/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;

static const struct chat_target target = {.model = {"m", 1}};

/* As it would be sent; STR_NONE: it cannot be said. */
static struct str written(const struct chat *chat)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.status = 0};
    struct buf out = BUF_INIT;
    struct str text = STR_NONE;

    if (dialect_responses.encode_request(&codec, chat, &target, &loss, &out, &err) == 0 &&
        loss_is_full(&loss))
        text = arena_str(codec.arena, buf_view(&out));
    buf_fini(&out);
    return text;
}

static void try_request(struct str body)
{
    struct chat chat;
    struct chat_error err = {.status = 0};
    struct json_error wrong;
    struct str once;

    if (dialect_responses.decode_request(&codec, NULL, body, &chat, &err) != 0) {
        must(err.status == 400 && err.message.len > 0);
        return;
    }
    once = written(&chat);
    if (once.len == 0)
        return;
    must(json_parse_raw(codec.json, codec.arena, once, &wrong) != NULL);
    must(dialect_responses.decode_request(&codec, NULL, once, &chat, &err) == 0);
    must(str_eq(written(&chat), once));
}

/* --- the order of events --- */

struct order {
    bool has_begun, is_open, has_stopped, has_ended;
    enum chat_block_kind kind;
    uint32_t blocks;
    void *encoder;
    struct buf out;
};

static void on_event(void *ctx, const struct chat_event *e)
{
    struct order *o = ctx;

    must(!o->has_ended);
    must(o->has_begun || e->kind == EVENT_START || e->kind == EVENT_ERROR);
    switch (e->kind) {
    case EVENT_START:
        must(!o->has_begun);
        o->has_begun = true;
        break;
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
    case EVENT_END:
        must(o->has_stopped);
        o->has_ended = true;
        break;
    case EVENT_ERROR:
        o->has_ended = true;
        break;
    default:
        break;
    }
    dialect_responses.encode_event(o->encoder, e, &o->out);
}

static void on_sse(void *ctx, const struct sse_event *e)
{
    struct json_error wrong;

    (void)ctx;
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
    "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"apply_patch\"}]}"

static struct order order_create(struct chat *chat, struct chat_reply *reply)
{
    struct chat_error err;
    struct order o = {.has_begun = false};

    must(dialect_responses.decode_request(&codec, NULL, STR(REQUEST), chat, &err) == 0);
    *reply = (struct chat_reply){.chat = chat, .id = STR("1"), .model = STR("m"), .stream = true};
    o.encoder = dialect_responses.encoder(&codec, reply);
    return o;
}

/* One frame a line. */
static void try_stream(struct str body)
{
    struct chat chat;
    struct chat_reply reply;
    struct order o = order_create(&chat, &reply);
    struct chat_sink sink = {on_event, &o};
    void *decoder = dialect_responses.decoder(&codec);
    struct chat_usage usage;
    struct chat_seen seen;
    struct str line;

    while (str_next(&body, '\n', &line)) {
        struct chat_frame frame = {.data = line};

        if (dialect_responses.decode_frame(decoder, &frame, &sink) != 0)
            break;
        dialect_responses.look_frame(&frame, &seen, &usage);
        arena_reset(codec.scratch);
    }
    dialect_responses.decode_end(decoder, &sink);
    must(o.has_ended);
    check_stream(&o);
}

static void try_answer(struct str body)
{
    struct chat chat;
    struct chat_reply reply;
    struct order o = order_create(&chat, &reply);
    struct chat_sink sink = {on_event, &o};
    struct chat_usage usage;
    struct chat_error err;

    if (dialect_responses.decode_answer(dialect_responses.decoder(&codec), body, &sink) != 0)
        must(!o.has_begun && !o.has_ended);
    check_stream(&o);
    dialect_responses.look_answer(body, &usage);
    dialect_responses.decode_error(&codec, 500, body, &err);
    must(err.message.len > 0 && err.kind != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = {try_request, try_stream, try_answer};

    if (size < 1)
        return 0;
    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    targets[data[0] % ARRAY_LEN(targets)]((struct str){(const char *)data + 1, size - 1});
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
