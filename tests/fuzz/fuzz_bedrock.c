/*
 * What a Bedrock client and Bedrock itself may send: requests, stream frames, answers, errors, also
 * in InvokeModel's shapes. What was understood is written, and that is understood again; events keep
 * their order.
 */
#include "providers/dialect.h"
#include "providers/event.h"
#include "providers/eventstream.h"
#include "tests/unit/chat_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;

/* Said by another dialect, for models of all families: refused, or JSON. */
static void try_abroad(struct chat *chat, struct buf *out)
{
    static const char *const models[] = {"anthropic.claude", "amazon.nova-lite", "amazon.nova-2",
                                         "openai.gpt-oss", "meta.llama"};
    struct json_error fault;

    chat->from = DIALECT_OPENAI;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        const struct chat_target target = {
            .model = str_of(models[i]),
            .model_flags = chat->n_messages % 2 == 0 ? MODEL_ADAPTIVE | MODEL_SYSTEM_TURNS : 0,
        };
        struct chat_loss loss = {.n_dropped = 0};
        struct chat_error err = {.kind = 0};

        buf_clear(out);
        if (dialect_bedrock.encode_request(&codec, chat, &target, &loss, out, &err) == 0)
            must(json_parse(codec.json, codec.arena, buf_view(out), &fault) != NULL);
        else
            must(err.status == 400 && err.message.len > 0);
    }
}

/* Written for its own kind of provider, read and written again: the same bytes. */
static void try_home(const struct chat *chat, const struct chat_url *url, struct buf *once)
{
    const struct chat_target target = {.model = url->model};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = 0};
    struct json_error fault;
    struct buf again = BUF_INIT;
    struct chat back;

    if (dialect_bedrock.encode_request(&codec, chat, &target, &loss, once, &err) != 0)
        return;
    must(json_parse(codec.json, codec.arena, buf_view(once), &fault) != NULL);
    if (dialect_bedrock.decode_request(&codec, url, buf_view(once), &back, &err) != 0)
        return;
    must(dialect_bedrock.encode_request(&codec, &back, &target, &loss, &again, &err) == 0);
    must(str_eq(buf_view(once), buf_view(&again)));
    buf_fini(&again);
}

static void try_request(const struct dialect *d, struct str body)
{
    const struct chat_url url = {STR("anthropic.claude-v1:0"), false};
    struct chat_error err = {.kind = 0};
    struct buf out = BUF_INIT;
    struct chat chat;

    if (d->decode_request(&codec, &url, body, &chat, &err) != 0) {
        must(err.status == 400 && err.message.len > 0);
        return;
    }
    chat_dump(&chat, &out); /* reads all of it */
    buf_clear(&out);
    try_home(&chat, &url, &out);
    try_abroad(&chat, &out);
    buf_fini(&out);
}

/* The order that event.h promises. */
struct order {
    bool has_start, is_open, has_end;
    struct chat_fold *fold;
    void *encoder;
    struct buf out;
};

static void on_event(void *ctx, const struct chat_event *e)
{
    struct order *o = ctx;

    must(!o->has_end);
    must(o->has_start == (e->kind != EVENT_START));
    o->has_start = true;
    if (e->kind == EVENT_BLOCK_START)
        must(!o->is_open);
    else if (e->kind == EVENT_DELTA || e->kind == EVENT_SIGNATURE || e->kind == EVENT_CITATION ||
             e->kind == EVENT_BLOCK_STOP)
        must(o->is_open);
    if (e->kind == EVENT_BLOCK_START || e->kind == EVENT_BLOCK_STOP)
        o->is_open = e->kind == EVENT_BLOCK_START;
    if (e->kind == EVENT_STOP)
        must(!o->is_open);
    o->has_end = e->kind == EVENT_END || e->kind == EVENT_ERROR;
    fold_event(o->fold, e);
    dialect_bedrock.encode_event(o->encoder, e, &o->out);
}

static const struct chat_reply reply = {.id = {"id", 2}, .model = {"m", 1}, .stream = true};

static struct order order_of(void)
{
    return (struct order){.fold = fold_create(&codec, 1 << 20),
                          .encoder = dialect_bedrock.encoder(&codec, &reply)};
}

static void on_message(void *ctx, const struct eventstream_message *m)
{
    must(m->type.len > 0 && m->payload.len > 0);
    (*(size_t *)ctx)++;
}

/* What was written for the client is sound framing. */
static void finish(struct order *o)
{
    struct eventstream s = EVENTSTREAM_INIT;
    struct chat_loss loss = {.n_dropped = 0};
    size_t n = 0;

    must(eventstream_feed(&s, buf_view(&o->out), on_message, &n) == 0);
    must(eventstream_rest(&s).len == 0);
    buf_clear(&o->out);
    dialect_bedrock.encode_answer(o->encoder, fold_answer(o->fold), &loss, &o->out);
    eventstream_fini(&s);
    buf_fini(&o->out);
}

/* Lines of "name payload"; '!' before exceptions. */
static void try_stream(struct str text)
{
    void *decoder = dialect_bedrock.decoder(&codec);
    struct order o = order_of();
    struct chat_sink sink = {on_event, &o};
    struct str line;
    int rc = 0;

    while (rc == 0 && str_next(&text, '\n', &line)) {
        struct chat_frame f = {.is_exception = line.len > 0 && line.p[0] == '!'};
        struct chat_usage usage = {.known = false};
        struct chat_seen seen;
        ptrdiff_t blank;

        line = str_skip(line, f.is_exception);
        blank = str_index(line, ' ');
        f.name = (struct str){line.p, blank > 0 ? (size_t)blank : 0};
        f.data = str_skip(line, f.name.len + 1);
        dialect_bedrock.look_frame(&f, &seen, &usage);
        rc = dialect_bedrock.decode_frame(decoder, &f, &sink);
        arena_reset(codec.scratch);
    }
    if (rc == 0) {
        dialect_bedrock.decode_end(decoder, &sink);
        must(o.has_end);
    }
    finish(&o);
}

static void try_answer(struct str body)
{
    struct order o = order_of();
    struct chat_sink sink = {on_event, &o};
    struct chat_usage usage = {.known = false};
    struct chat_error err;
    int rc = dialect_bedrock.decode_answer(dialect_bedrock.decoder(&codec), body, &sink);

    must(rc == 0 ? o.has_end : !o.has_start);
    finish(&o);
    dialect_bedrock.look_answer(body, &usage);
    dialect_bedrock.decode_error(&codec, 500, body, &err);
    must(err.kind != 0 && err.status >= 400 && err.message.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input;

    if (size < 1)
        return 0;
    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    input = (struct str){(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 's':
        try_stream(input);
        break;
    case 'a':
        try_answer(input);
        break;
    case 'c':
        try_request(&dialect_invoke_anthropic, input);
        break;
    case 't':
        try_request(&dialect_invoke_titan, input);
        break;
    default:
        try_request(&dialect_bedrock, input);
    }
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
