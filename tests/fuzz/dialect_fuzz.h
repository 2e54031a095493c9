/*
 * dialect_fuzz - what must hold for any bytes that a dialect is given.
 *
 * Runs in:  fuzz targets.   Reads, writes: nothing shared.
 * The first byte says what the rest is: a request, a stream, a whole answer, an error body. A request
 * that is understood can be written, twice to the same bytes, and they are JSON. Events come in the
 * order that event.h promises, and a client can be told all of them. Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FUZZ_DIALECT_FUZZ_H
#define FUZZ_DIALECT_FUZZ_H

#include "providers/dialect.h"
#include "providers/sse.h"
#include "server/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLD_MAX (1u << 20)

static struct chat_codec codec;
static struct buf first, second;

/* --- the order of events --- */

struct order {
    bool has_start, is_over;
    bool is_open[CHOICES_MAX], is_stopped[CHOICES_MAX];
    uint32_t blocks[CHOICES_MAX];
    void *encoder;
    const struct dialect *dialect;
    struct chat_fold *fold;
};

static void check_block(struct order *o, const struct chat_event *e)
{
    must(!o->is_stopped[e->choice]);
    switch (e->kind) {
    case EVENT_BLOCK_START:
        must(!o->is_open[e->choice] && e->block == o->blocks[e->choice]);
        o->is_open[e->choice] = true;
        o->blocks[e->choice]++;
        break;
    case EVENT_BLOCK_STOP:
        must(o->is_open[e->choice]);
        o->is_open[e->choice] = false;
        break;
    case EVENT_STOP:
        must(!o->is_open[e->choice]);
        o->is_stopped[e->choice] = true;
        break;
    default:
        must(o->is_open[e->choice] || e->kind == EVENT_LOGPROBS);
    }
}

static void on_event(void *ctx, const struct chat_event *e)
{
    struct order *o = ctx;

    must(!o->is_over);
    must(e->choice < CHOICES_MAX);
    switch (e->kind) {
    case EVENT_START:
        must(!o->has_start);
        o->has_start = true;
        break;
    case EVENT_USAGE:
        must(e->usage != NULL);
        break;
    case EVENT_END:
        must(o->has_start);
        o->is_over = true;
        break;
    case EVENT_ERROR:
        must(e->error != NULL && e->error->kind >= ERROR_INVALID && e->error->status >= 400);
        o->is_over = true;
        break;
    default:
        must(o->has_start);
        check_block(o, e);
    }
    fold_event(o->fold, e);
    o->dialect->encode_event(o->encoder, e, &first);
}

static void begin_order(struct order *o, const struct dialect *d)
{
    struct chat_reply reply = {.id = STR("1"), .model = STR("m"), .stream = true, .sse = true};
    struct chat *chat = arena_zalloc(codec.arena, sizeof(*chat));

    reply.chat = chat;
    *o = (struct order){.dialect = d, .fold = fold_create(&codec, FOLD_MAX)};
    o->encoder = d->encoder(&codec, &reply);
}

/* --- what a client or a provider may send --- */

static void check_json(struct str text)
{
    struct json_error err;

    must(json_parse_raw(codec.json, codec.scratch, text, &err) != NULL);
}

static void try_request(const struct dialect *d, struct str body)
{
    struct chat_url url = {.model = STR("m")};
    struct chat_target target = {.model = STR("m\"")};
    struct chat_error err = {.kind = ERROR_INVALID};
    struct chat chat;

    if (d->decode_request(&codec, &url, body, &chat, &err) != 0) {
        must(err.kind == ERROR_INVALID && err.status == 400 && err.message.len > 0);
        return;
    }
    must(chat.from == d->id);
    for (int pass = 0; pass < 4; pass++) {
        struct chat_loss loss = {.n_dropped = 0};
        int rc;

        buf_clear(&first);
        buf_clear(&second);
        target.model_flags = pass >= 2 ? MODEL_ADAPTIVE | MODEL_EFFORT | MODEL_SYSTEM_TURNS : 0;
        rc = d->encode_request(&codec, &chat, &target, &loss, &first, &err);
        must(d->encode_request(&codec, &chat, &target, &loss, &second, &err) == rc);
        must(loss_header(&loss, codec.arena).len > 0);
        if (rc == 0) {
            must(str_eq(buf_view(&first), buf_view(&second)));
            check_json(buf_view(&first));
        }
        /* and as if another dialect had said it */
        chat.from = d->id == DIALECT_OPENAI ? DIALECT_COHERE : DIALECT_OPENAI;
    }
}

struct feeding {
    struct order order;
    struct chat_sink sink;
    void *decoder;
    int rc;
};

static void on_frame(void *ctx, const struct sse_event *event)
{
    struct feeding *f = ctx;
    struct chat_frame frame = {.name = event->name, .data = event->data};
    struct chat_usage usage = {.known = false};
    struct chat_seen seen;

    f->order.dialect->look_frame(&frame, &seen, &usage);
    must(seen.content_bytes <= event->data.len);
    if (f->rc == 0)
        f->rc = f->order.dialect->decode_frame(f->decoder, &frame, &f->sink);
    arena_reset(codec.scratch);
}

static void try_stream(const struct dialect *d, struct str text)
{
    struct feeding f = {.rc = 0};
    struct sse sse = SSE_INIT;

    begin_order(&f.order, d);
    f.sink = (struct chat_sink){on_event, &f.order};
    f.decoder = d->decoder(&codec);
    must(sse_feed(&sse, text, on_frame, &f) == 0 || text.len > SSE_EVENT_MAX);
    sse_fini(&sse);
    if (f.rc == 0) {
        d->decode_end(f.decoder, &f.sink);
        must(f.order.is_over);
    }
}

static void try_answer(const struct dialect *d, struct str body)
{
    struct chat_usage usage = {.known = false};
    struct chat_loss loss = {.n_dropped = 0};
    const struct chat_answer *answer;
    struct chat_sink sink;
    struct order o;

    d->look_answer(body, &usage);
    begin_order(&o, d);
    sink = (struct chat_sink){on_event, &o};
    if (d->decode_answer(d->decoder(&codec), body, &sink) != 0) {
        must(!o.has_start && !o.is_over);
        return;
    }
    must(o.is_over);
    answer = fold_answer(o.fold);
    buf_clear(&second);
    if (!answer->has_error) {
        d->encode_answer(o.encoder, answer, &loss, &second);
        check_json(buf_view(&second));
    }
}

static void try_error(const struct dialect *d, struct str body)
{
    struct chat_error err;

    d->decode_error(&codec, 418, body, &err);
    must(err.kind >= ERROR_INVALID && err.status >= 400 && err.message.len > 0);
    buf_clear(&second);
    d->encode_error(&err, STR("r"), &second);
    check_json(buf_view(&second));
}

static int fuzz_dialect(const struct dialect *d, const uint8_t *data, size_t size)
{
    static void (*const tries[])(const struct dialect *, struct str) = {try_request, try_stream,
                                                                        try_answer, try_error};

    if (size < 1)
        return 0;
    if (codec.arena == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    buf_clear(&first);
    tries[data[0] % ARRAY_LEN(tries)](d, (struct str){(const char *)data + 1, size - 1});
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}

#endif
