/*
 * pairs_answers - answers of one dialect's provider on their way to another dialect's client.
 *
 * Runs in:  tests.   Reads: tests/unit/data/pairs.   Writes: nothing shared.
 * A stream in a data file is a list of [name, data] without framing; what an encoder wrote for a
 * client has the framing of its dialect and is read by it. Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_PAIRS_ANSWERS_H
#define UNIT_PAIRS_ANSWERS_H

#include "tests/unit/pairs_facts.h"

#include "providers/eventstream.h"
#include "providers/sse.h"

#define PAIRS_FOLD_MAX (1u << 20)

/* --- a provider's answer as events --- */

static inline struct json *pairs_answer(enum dialect_id id, const char *member)
{
    struct json *node = pairs_member(id, "_answer.json", member);

    assert_non_null(node);
    return node;
}

static inline struct chat_frame pairs_frame(const struct json *pair)
{
    const struct json *data = pair->child->next;

    return (struct chat_frame){
        .name = text_inside(pair->child),
        .data = data->type == JSON_STRING ? text_inside(data) : data->raw,
    };
}

static inline void pairs_stream_events(enum dialect_id id, const struct chat_sink *sink)
{
    const struct dialect *d = dialect_get(id);
    void *decoder = d->decoder(&pairs_codec);

    for (const struct json *x = pairs_answer(id, "stream")->child; x != NULL; x = x->next) {
        struct chat_frame frame = pairs_frame(x);

        if (d->decode_frame(decoder, &frame, sink) != 0)
            fail_msg("%s: nonsense: %.*s", dialect_names[id], STR_ARGS(frame.data));
        arena_reset(pairs_codec.scratch);
    }
    d->decode_end(decoder, sink);
}

static inline const struct chat_answer *pairs_whole(enum dialect_id id, struct str body)
{
    const struct dialect *d = dialect_get(id);
    struct chat_fold *fold = fold_create(&pairs_codec, PAIRS_FOLD_MAX);
    struct chat_sink sink = {fold_event, fold};

    if (d->decode_answer(d->decoder(&pairs_codec), body, &sink) != 0)
        fail_msg("%s: nonsense: %.*s", dialect_names[id], STR_ARGS(body));
    return fold_answer(fold);
}

/* --- for a client --- */

static inline void *pairs_encoder(enum dialect_id id, bool is_stream)
{
    struct chat_reply *reply = arena_zalloc(pairs_codec.arena, sizeof(*reply));
    struct chat *chat = pairs_decoded(id, pairs_request(id, "plain"));

    chat->include_usage = true;
    *reply = (struct chat_reply){
        .chat = chat,
        .id = STR("0192f0c1"),
        .model = STR("pairs-model"),
        .created_s = 1700000000,
        .stream = is_stream,
        .sse = true,
    };
    return dialect_get(id)->encoder(&pairs_codec, reply);
}

struct pairs_relay {
    const struct dialect *dialect;
    void *encoder;
    struct buf out;
};

static inline void pairs_relay_event(void *ctx, const struct chat_event *e)
{
    struct pairs_relay *r = ctx;

    r->dialect->encode_event(r->encoder, e, &r->out);
}

/* The provider's stream as the client's, with its framing. */
static inline struct str pairs_relayed(enum dialect_id from, enum dialect_id client)
{
    struct pairs_relay r = {dialect_get(client), pairs_encoder(client, true),
                            BUF_IN(pairs_codec.arena)};
    struct chat_sink sink = {pairs_relay_event, &r};

    pairs_stream_events(from, &sink);
    return buf_view(&r.out);
}

static inline struct str pairs_written(const struct chat_answer *answer, enum dialect_id client,
                                       struct chat_loss *loss)
{
    struct buf out = BUF_IN(pairs_codec.arena);

    *loss = (struct chat_loss){.n_dropped = 0};
    dialect_get(client)->encode_answer(pairs_encoder(client, false), answer, loss, &out);
    return buf_view(&out);
}

/* --- the client's stream read again --- */

struct pairs_reading {
    const struct dialect *dialect;
    void *decoder;
    const struct chat_sink *sink;
    struct sse sse;
    struct eventstream frames;
    int rc;
};

static inline void pairs_read_frame(struct pairs_reading *r, const struct chat_frame *frame)
{
    if (r->rc == 0)
        r->rc = r->dialect->decode_frame(r->decoder, frame, r->sink);
    arena_reset(pairs_codec.scratch);
}

static inline void pairs_on_sse(void *ctx, const struct sse_event *e)
{
    pairs_read_frame(ctx, &(struct chat_frame){.name = e->name, .data = e->data});
}

static inline void pairs_on_message(void *ctx, const struct eventstream_message *m)
{
    pairs_read_frame(
        ctx,
        &(struct chat_frame){.name = m->type, .data = m->payload, .is_exception = m->is_exception});
}

static inline void pairs_read_piece(struct pairs_reading *r, struct str piece)
{
    if (r->dialect->id == DIALECT_BEDROCK)
        assert_int_equal(eventstream_feed(&r->frames, piece, pairs_on_message, r), 0);
    else
        assert_int_equal(sse_feed(&r->sse, piece, pairs_on_sse, r), 0);
}

/* A client's stream in two pieces, cut at `at`. */
static inline void pairs_read(enum dialect_id id, struct str stream, size_t at,
                              const struct chat_sink *sink)
{
    struct pairs_reading r = {
        .dialect = dialect_get(id), .sink = sink, .sse = SSE_INIT, .frames = EVENTSTREAM_INIT};

    r.decoder = r.dialect->decoder(&pairs_codec);
    pairs_read_piece(&r, (struct str){stream.p, at});
    pairs_read_piece(&r, str_skip(stream, at));
    sse_fini(&r.sse);
    eventstream_fini(&r.frames);
    if (r.rc != 0)
        fail_msg("%s: nonsense in its own stream:\n%.*s", dialect_names[id], STR_ARGS(stream));
    r.dialect->decode_end(r.decoder, sink);
}

/* --- facts of an answer --- */

static inline void fact_usage(struct facts *f, const struct chat_usage *u)
{
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {
        {"input", u->input},           {"output", u->output},         {"cached", u->cached},
        {"written_5m", u->written_5m}, {"written_1h", u->written_1h}, {"reasoning", u->reasoning},
        {"audio_in", u->audio_in},     {"audio_out", u->audio_out},   {"searches", u->searches},
        {"tool_input", u->tool_input},
    };

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        if (counts[i].n > 0)
            fact(f, "usage", "usage.%s=%llu", counts[i].name, (unsigned long long)counts[i].n);
    }
}

/* The arguments' members, their escapes resolved: \u00fc and its UTF-8 are the same. */
static inline struct str fact_arguments(const struct chat_block *call)
{
    struct json_error err;
    struct str text = text_plain(pairs_codec.arena, call->arguments_text);
    const struct json *root = json_parse(pairs_codec.json, pairs_codec.arena, text, &err);
    struct buf b = BUF_IN(pairs_codec.arena);

    if (root == NULL || root->type != JSON_OBJECT)
        return text;
    for (const struct json *m = root->child; m != NULL; m = m->next)
        buf_printf(&b, "%.*s=%.*s ", STR_ARGS(m->key), STR_ARGS(m->text));
    return buf_view(&b);
}

static inline void fact_answer_block(struct facts *f, const struct chat_block *b, int *call)
{
    for (const struct chat_citation *c = b->citations; c != NULL; c = c->next)
        fact(f, "citations", "citation %.*s", STR_ARGS(c->url));
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        fact(f, "content", "%s=%.*s", dump_kind(b->kind), STR_ARGS(b->text));
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        if (b->text.len > 0)
            fact(f, "thinking", "thought=%.*s", STR_ARGS(b->text));
        if (b->signature.len > 0)
            fact(f, "thinking", "%s signer=%d signature=%.*s", dump_kind(b->kind), (int)b->signer,
                 STR_ARGS(b->signature));
        break;
    case BLOCK_TOOL_CALL:
        fact(f, "content", "call %d %.*s %.*s", ++*call, STR_ARGS(b->name),
             STR_ARGS(fact_arguments(b)));
        fact(f, "content", "call %d id=%.*s", *call, STR_ARGS(b->id));
        if (b->signature.len > 0)
            fact(f, "thinking", "call %d signer=%d signature=%.*s", *call, (int)b->signer,
                 STR_ARGS(b->signature));
        break;
    default:
        fact(f, "content", "%s", dump_kind(b->kind));
    }
}

static inline void facts_of_answer(struct facts *f, const struct chat_answer *a)
{
    int call = 0;

    *f = (struct facts){.n = 0};
    if (a->has_error)
        fact(f, "error", "error %.*s", STR_ARGS(a->error.message));
    fact_usage(f, &a->usage);
    for (uint32_t i = 0; i < a->n_choices; i++) {
        fact(f, "stop", "stop=%d %.*s", (int)a->choices[i].stop, STR_ARGS(a->choices[i].sequence));
        if (a->choices[i].logprobs.len > 2)
            fact(f, "logprobs", "logprobs");
        for (const struct chat_block *b = a->choices[i].blocks; b != NULL; b = b->next)
            fact_answer_block(f, b, &call);
    }
}

#endif
