/*
 * What a client and a provider of the Gemini dialect may send: requests, frames of a stream, whole
 * answers, errors. What was understood of a request is said again in JSON that is understood, and
 * then stays the same; events keep their order; answers made of them are JSON.
 */
#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;
static struct buf out, again;

static void must_be_json(struct str text)
{
    struct json_error err;

    must(json_parse_raw(codec.json, codec.arena, text, &err) != NULL);
}

static bool encode(const struct chat *chat, struct buf *b)
{
    const struct chat_target target = {.model = STR("gemini-3-flash")};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = ERROR_INVALID};

    buf_clear(b);
    if (dialect_gemini.encode_request(&codec, chat, &target, &loss, b, &err) == 0)
        return true;
    must(err.message.len > 0);
    return false;
}

static void try_request(struct str body)
{
    const struct chat_url url = {STR("gemini-3-flash"), true};
    struct chat_error err = {.kind = ERROR_INVALID};
    struct chat chat;

    if (dialect_gemini.decode_request(&codec, &url, body, &chat, &err) != 0) {
        must(err.status == 400 && err.message.len > 0);
        return;
    }
    must(encode(&chat, &out));
    must_be_json(buf_view(&out));
    if (dialect_gemini.decode_request(&codec, &url, buf_view(&out), &chat, &err) != 0)
        return; /* what was empty is not said again: contents without parts */
    must(encode(&chat, &again));
    must(str_eq(buf_view(&out), buf_view(&again)));
}

/* The order that event.h promises, and the same told to an encoder. */
struct order {
    bool is_started, is_over, is_open[CHOICES_MAX], is_stopped[CHOICES_MAX];
    void *encoder;
};

static void in_order(struct order *o, const struct chat_event *e)
{
    must(!o->is_over && e->choice < CHOICES_MAX);
    switch (e->kind) {
    case EVENT_START:
        must(!o->is_started);
        o->is_started = true;
        break;
    case EVENT_BLOCK_START:
    case EVENT_BLOCK_STOP:
        must(o->is_started && !o->is_stopped[e->choice]);
        must(o->is_open[e->choice] == (e->kind == EVENT_BLOCK_STOP));
        o->is_open[e->choice] = e->kind == EVENT_BLOCK_START;
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
    case EVENT_CITATION:
        must(o->is_open[e->choice]);
        break;
    case EVENT_STOP:
        must(!o->is_open[e->choice] && !o->is_stopped[e->choice]);
        o->is_stopped[e->choice] = true;
        break;
    case EVENT_END:
    case EVENT_ERROR:
        o->is_over = true;
        break;
    default:
        break;
    }
}

static void on_event(void *ctx, const struct chat_event *e)
{
    struct order *o = ctx;

    in_order(o, e);
    dialect_gemini.encode_event(o->encoder, e, &out);
}

/* Lines of the input are frames. */
static void try_stream(struct str text)
{
    static const struct chat chat = {.from = DIALECT_GEMINI};
    const struct chat_reply reply = {
        .chat = &chat, .id = STR("i"), .model = STR("m\""), .stream = true};
    struct order order = {.encoder = dialect_gemini.encoder(&codec, &reply)};
    const struct chat_sink sink = {on_event, &order};
    void *d = dialect_gemini.decoder(&codec);
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;
    struct str line;

    buf_clear(&out);
    while (str_next(&text, '\n', &line)) {
        const struct chat_frame frame = {.data = line};

        dialect_gemini.look_frame(&frame, &seen, &usage);
        must(seen.content_bytes <= line.len);
        (void)dialect_gemini.decode_frame(d, &frame, &sink); /* nonsense is an answer too */
        arena_reset(codec.scratch);
    }
    dialect_gemini.decode_end(d, &sink);
    must(order.is_over);
    must_be_json(buf_view(&out));
}

static void try_answer(struct str body)
{
    static const struct chat chat = {.from = DIALECT_GEMINI};
    const struct chat_reply reply = {.chat = &chat, .id = STR("i"), .model = STR("m")};
    struct chat_fold *fold = fold_create(&codec, 1u << 20);
    const struct chat_sink sink = {fold_event, fold};
    struct chat_usage usage = {.known = false};
    struct chat_loss loss = {.n_dropped = 0};

    dialect_gemini.look_answer(body, &usage);
    if (dialect_gemini.decode_answer(dialect_gemini.decoder(&codec), body, &sink) != 0)
        return;
    must(fold_answer(fold)->has_end || fold_answer(fold)->has_error);
    buf_clear(&out);
    dialect_gemini.encode_answer(dialect_gemini.encoder(&codec, &reply), fold_answer(fold), &loss,
                                 &out);
    must_be_json(buf_view(&out));
}

static void try_error(struct str body)
{
    struct chat_error e = {.kind = ERROR_INVALID};

    dialect_gemini.decode_error(&codec, 429, body, &e);
    must(e.kind != 0 && e.status >= 400 && e.message.len > 0);
    buf_clear(&out);
    dialect_gemini.encode_error(&e, STR("r"), &out);
    must_be_json(buf_view(&out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = {try_request, try_stream, try_answer, try_error};

    if (size < 1)
        return 0;
    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    targets[(data[0] - '0') % ARRAY_LEN(targets)]((struct str){(const char *)data + 1, size - 1});
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
