/*
 * bedrock_stream - a provider's Converse answers, streamed or whole, into events: bedrock.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/event.h"

struct decoder {
    struct chat_codec c;
    struct chat_blocks blocks;
    bool has_start, has_stop, has_failed;
};

void *bedrock_decoder(const struct chat_codec *c)
{
    struct decoder *d = arena_zalloc(c->arena, sizeof(*d));

    d->c = *c;
    return d;
}

static void start(struct decoder *d, const struct chat_sink *sink)
{
    if (!d->has_start)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_START});
    d->has_start = true;
}

static void fail(struct decoder *d, const struct chat_sink *sink, const struct chat_error *error)
{
    start(d, sink);
    d->has_failed = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = error});
}

static void tell_usage(const struct json *usage, const struct chat_sink *sink)
{
    struct chat_usage u = {.known = false};

    bedrock_usage_in(usage, &u);
    if (u.known)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &u});
}

static void tell_stop(struct decoder *d, const struct json *of, const struct chat_sink *sink)
{
    struct str sequence =
        text_member(json_get(of, "additionalModelResponseFields"), "stop_sequence");

    d->has_stop = true;
    blocks_stop(&d->blocks, sink, bedrock_stop_of(text_member(of, "stopReason")), sequence);
}

static void tell_citation(struct decoder *d, const struct json *citation,
                          const struct chat_sink *sink)
{
    struct chat_citation c = bedrock_citation(citation);

    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_CITATION,
                                             .block = d->blocks.n - 1,
                                             .block_kind = BLOCK_TEXT,
                                             .citation = &c});
}

/* --- frames --- */

static int block_start(struct decoder *d, const struct json *root, uint64_t index,
                       const struct chat_sink *sink)
{
    const struct json *kind = bedrock_union(json_get(root, "start"));
    bool is_call = kind != NULL && str_eq(kind->key, STR("toolUse")) &&
                   text_member(kind, "type").len == 0; /* else the provider runs it */

    if (kind == NULL)
        return 0; /* text needs none */
    blocks_close(&d->blocks, sink);
    if (is_call)
        blocks_open(&d->blocks, sink, BLOCK_TOOL_CALL, index, text_member(kind, "toolUseId"),
                    text_member(kind, "name"));
    else
        blocks_open(&d->blocks, sink, BLOCK_OTHER, index, STR_NONE,
                    text_escape(d->c.scratch, kind->key));
    return 0;
}

static void reasoning_delta(struct decoder *d, const struct json *delta, uint64_t index,
                            const struct chat_sink *sink)
{
    const struct json *redacted = json_get(delta, "redactedContent");
    enum chat_signer signer;
    struct str signature;

    if (redacted != NULL) {
        blocks_open(&d->blocks, sink, BLOCK_REDACTED, index, STR_NONE, STR_NONE);
        signature = bedrock_redacted_in(d->c.scratch, text_inside(redacted), &signer);
    } else {
        blocks_open(&d->blocks, sink, BLOCK_THINKING, index, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_member(delta, "text"));
        signature = text_unwrap(text_member(delta, "signature"), SIGNER_ANTHROPIC, &signer);
    }
    blocks_signature(&d->blocks, sink, signature, signer);
}

static int block_delta(struct decoder *d, const struct json *root, uint64_t index,
                       const struct chat_sink *sink)
{
    const struct json *kind = bedrock_union(json_get(root, "delta"));

    if (kind == NULL)
        return -1;
    if (d->blocks.is_open && d->blocks.kind == BLOCK_OTHER && d->blocks.tag == index)
        return 0;
    if (str_eq(kind->key, STR("text"))) {
        blocks_open(&d->blocks, sink, BLOCK_TEXT, index, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_inside(kind));
    } else if (str_eq(kind->key, STR("toolUse"))) {
        if (!d->blocks.is_open || d->blocks.kind != BLOCK_TOOL_CALL || d->blocks.tag != index)
            return -1;
        blocks_delta(&d->blocks, sink, text_member(kind, "input"));
    } else if (str_eq(kind->key, STR("reasoningContent"))) {
        reasoning_delta(d, kind, index, sink);
    } else if (str_eq(kind->key, STR("citation"))) {
        blocks_open(&d->blocks, sink, BLOCK_TEXT, index, STR_NONE, STR_NONE);
        tell_citation(d, kind, sink);
    }
    return 0;
}

static int event_frame(struct decoder *d, struct str name, const struct json *root,
                       const struct chat_sink *sink)
{
    uint64_t index = 0;

    start(d, sink);
    if (str_eq(name, STR("metadata"))) {
        tell_usage(json_get(root, "usage"), sink);
        return 0;
    }
    if (d->has_stop)
        return 0; /* nothing but metadata comes behind it */
    if (str_eq(name, STR("messageStop"))) {
        tell_stop(d, root, sink);
        return 0;
    }
    if (!str_starts(name, STR("contentBlock")))
        return 0; /* messageStart, and what AWS may add */
    if (!json_u64(json_get(root, "contentBlockIndex"), &index))
        return -1;
    if (str_eq(name, STR("contentBlockDelta")))
        return block_delta(d, root, index, sink);
    if (str_eq(name, STR("contentBlockStart")))
        return block_start(d, root, index, sink);
    blocks_close(&d->blocks, sink);
    return 0;
}

int bedrock_decode_frame(void *decoder, const struct chat_frame *frame,
                         const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error ignored;
    const struct json *root;

    if (d->has_failed)
        return 0;
    if (frame->is_exception) {
        struct chat_error error;

        bedrock_exception(&d->c, frame->name, frame->data, &error);
        fail(d, sink, &error);
        return 0;
    }
    root = json_parse_raw(d->c.json, d->c.scratch, frame->data, &ignored);
    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    return event_frame(d, frame->name, root, sink);
}

void bedrock_decode_end(void *decoder, const struct chat_sink *sink)
{
    static const struct chat_error cut = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider broke its answer off", 33},
    };
    struct decoder *d = decoder;

    if (d->has_failed)
        return;
    if (d->has_stop)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
    else
        fail(d, sink, &cut);
}

/* --- whole answers --- */

static void whole_call(struct decoder *d, const struct json *v, uint64_t tag,
                       const struct chat_sink *sink)
{
    const struct json *input = json_get(v, "input");

    blocks_open(&d->blocks, sink, BLOCK_TOOL_CALL, tag, text_member(v, "toolUseId"),
                text_member(v, "name"));
    if (input != NULL && input->type == JSON_OBJECT)
        blocks_delta(&d->blocks, sink, text_escape(d->c.arena, input->raw));
}

static void whole_citations(struct decoder *d, const struct json *v, uint64_t tag,
                            const struct chat_sink *sink)
{
    const struct json *list = json_get(v, "citations");

    blocks_open(&d->blocks, sink, BLOCK_TEXT, tag, STR_NONE, STR_NONE);
    blocks_delta(&d->blocks, sink, bedrock_texts(&d->c, json_get(v, "content")));
    if (list == NULL || list->type != JSON_ARRAY)
        return;
    for (const struct json *x = list->child; x != NULL; x = x->next)
        tell_citation(d, x, sink);
}

static void whole_block(struct decoder *d, const struct json *block, uint64_t tag,
                        const struct chat_sink *sink)
{
    const struct json *v = bedrock_union(block);

    if (v == NULL)
        return;
    if (str_eq(v->key, STR("text"))) {
        blocks_open(&d->blocks, sink, BLOCK_TEXT, tag, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_inside(v));
    } else if (str_eq(v->key, STR("toolUse")) && text_member(v, "type").len == 0) {
        whole_call(d, v, tag, sink);
    } else if (str_eq(v->key, STR("reasoningContent"))) {
        const struct json *text = json_get(v, "reasoningText");

        reasoning_delta(d, text != NULL ? text : v, tag, sink);
    } else if (str_eq(v->key, STR("citationsContent"))) {
        whole_citations(d, v, tag, sink);
    } else {
        blocks_open(&d->blocks, sink, BLOCK_OTHER, tag, STR_NONE, text_escape(d->c.arena, v->key));
    }
    blocks_close(&d->blocks, sink);
}

int bedrock_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error ignored;
    const struct json *root = json_parse_raw(d->c.json, d->c.scratch, body, &ignored);
    const struct json *content = json_get(json_get(json_get(root, "output"), "message"), "content");
    uint64_t tag = 0;

    if (content == NULL || content->type != JSON_ARRAY || json_get(root, "stopReason") == NULL)
        return -1;
    start(d, sink);
    for (const struct json *b = content->child; b != NULL; b = b->next)
        whole_block(d, b, tag++, sink);
    tell_stop(d, root, sink);
    tell_usage(json_get(root, "usage"), sink);
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
    return 0;
}
