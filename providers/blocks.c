/*
 * blocks - the order of blocks within a choice, for decoders whose wire has none: event.h.
 */
#include "providers/event.h"

static struct chat_event event_of(const struct chat_blocks *b, enum chat_event_kind kind)
{
    return (struct chat_event){
        .kind = kind,
        .choice = b->choice,
        .block = b->n > 0 ? b->n - 1 : 0,
        .block_kind = b->kind,
    };
}

void blocks_close(struct chat_blocks *b, const struct chat_sink *sink)
{
    struct chat_event e = event_of(b, EVENT_BLOCK_STOP);

    if (!b->is_open)
        return;
    b->is_open = false;
    sink->fn(sink->ctx, &e);
}

void blocks_open(struct chat_blocks *b, const struct chat_sink *sink, enum chat_block_kind kind,
                 uint64_t tag, struct str id, struct str name)
{
    struct chat_event e;

    if (b->is_open && b->kind == kind && b->tag == tag)
        return;
    blocks_close(b, sink);
    b->kind = kind;
    b->tag = tag;
    b->n++;
    b->is_open = true;
    e = event_of(b, EVENT_BLOCK_START);
    e.id = id;
    e.name = name;
    sink->fn(sink->ctx, &e);
}

void blocks_delta(struct chat_blocks *b, const struct chat_sink *sink, struct str text)
{
    struct chat_event e = event_of(b, EVENT_DELTA);

    must(b->is_open);
    if (text.len == 0)
        return;
    e.text = text;
    sink->fn(sink->ctx, &e);
}

void blocks_signature(struct chat_blocks *b, const struct chat_sink *sink, struct str signature,
                      enum chat_signer signer)
{
    struct chat_event e = event_of(b, EVENT_SIGNATURE);

    must(b->is_open);
    if (signature.len == 0)
        return;
    e.text = signature;
    e.signer = signer;
    sink->fn(sink->ctx, &e);
}

void blocks_stop(struct chat_blocks *b, const struct chat_sink *sink, enum chat_stop stop,
                 struct str sequence)
{
    struct chat_event e;

    blocks_close(b, sink);
    e = (struct chat_event){
        .kind = EVENT_STOP, .choice = b->choice, .stop = stop, .text = sequence};
    sink->fn(sink->ctx, &e);
}
