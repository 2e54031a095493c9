#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"

struct decoder {
    struct chat_codec c;
    struct chat_blocks blocks;
    struct anthropic_usage usage;
    bool has_start, has_stop, has_end;
    bool has_arguments; /* of the tool call under way */
};

void *anthropic_decoder(const struct chat_codec *c)
{
    struct decoder *d = arena_zalloc(c->arena, sizeof(*d));

    d->c = *c;
    return d;
}

static void tell(const struct chat_sink *sink, struct chat_event e)
{
    sink->fn(sink->ctx, &e);
}

/* --- usage --- */

static void read_usage(struct decoder *d, const struct json *usage, const struct chat_sink *sink)
{
    struct chat_usage neutral = {.known = false};
    uint64_t n;

    if (usage == NULL || usage->type != JSON_OBJECT)
        return;
    for (const struct json *m = usage->child; m != NULL; m = m->next) {
        if (json_u64(m, &n))
            anthropic_usage_put(&d->usage, m->key, 1, n);
        if (m->type != JSON_OBJECT)
            continue;
        for (const struct json *x = m->child; x != NULL; x = x->next) {
            if (json_u64(x, &n))
                anthropic_usage_put(&d->usage, x->key, 2, n);
        }
    }
    anthropic_usage_to(&d->usage, &neutral);
    if (neutral.known)
        tell(sink, (struct chat_event){.kind = EVENT_USAGE, .usage = &neutral});
}

/* --- blocks --- */

static void open_block(struct decoder *d, const struct chat_sink *sink, enum chat_block_kind kind,
                       struct str id, struct str name)
{
    blocks_close(&d->blocks, sink);
    blocks_open(&d->blocks, sink, kind, d->blocks.n, id, name);
    d->has_arguments = false;
}

/* Server tools' calls and results, and whatever else there will be. */
static void open_other(struct decoder *d, const struct json *block, const struct chat_sink *sink)
{
    blocks_close(&d->blocks, sink);
    d->blocks.kind = BLOCK_OTHER;
    d->blocks.tag = d->blocks.n;
    d->blocks.is_open = true;
    tell(sink, (struct chat_event){
                   .kind = EVENT_BLOCK_START,
                   .block = d->blocks.n++,
                   .block_kind = BLOCK_OTHER,
                   .name = text_member(block, "type"),
                   .raw = block->raw,
               });
}

static void add_citation(struct decoder *d, const struct json *node, const struct chat_sink *sink)
{
    struct chat_citation citation;

    anthropic_decode_citation(node, &citation);
    tell(sink, (struct chat_event){.kind = EVENT_CITATION,
                                   .block = d->blocks.n - 1,
                                   .block_kind = BLOCK_TEXT,
                                   .citation = &citation});
}

static void add_arguments(struct decoder *d, struct str escaped, const struct chat_sink *sink)
{
    d->has_arguments = d->has_arguments || escaped.len > 0;
    blocks_delta(&d->blocks, sink, escaped);
}

static void begin_block(struct decoder *d, const struct json *block, const struct chat_sink *sink)
{
    struct str type = text_member(block, "type");
    const struct json *part;

    if (text_is(type, "text")) {
        open_block(d, sink, BLOCK_TEXT, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_member(block, "text"));
        part = json_get(block, "citations");
        for (part = part != NULL && part->type == JSON_ARRAY ? part->child : NULL; part != NULL;
             part = part->next)
            add_citation(d, part, sink);
    } else if (text_is(type, "tool_use")) {
        open_block(d, sink, BLOCK_TOOL_CALL, text_member(block, "id"), text_member(block, "name"));
        part = json_get(block, "input");
        if (part != NULL && part->n > 0) /* in streams it is empty, and comes in deltas */
            add_arguments(d, text_escape(d->c.scratch, part->raw), sink);
    } else if (text_is(type, "thinking")) {
        open_block(d, sink, BLOCK_THINKING, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_member(block, "thinking"));
        blocks_signature(&d->blocks, sink, text_member(block, "signature"), SIGNER_ANTHROPIC);
    } else if (text_is(type, "redacted_thinking")) {
        open_block(d, sink, BLOCK_REDACTED, STR_NONE, STR_NONE);
        blocks_signature(&d->blocks, sink, text_member(block, "data"), SIGNER_ANTHROPIC);
    } else {
        open_other(d, block, sink);
    }
}

static void end_block(struct decoder *d, const struct chat_sink *sink)
{
    if (d->blocks.is_open && d->blocks.kind == BLOCK_TOOL_CALL && !d->has_arguments)
        add_arguments(d, STR("{}"), sink);
    blocks_close(&d->blocks, sink);
}

/* -1: a delta that its block cannot have. */
static int add_delta(struct decoder *d, const struct json *delta, const struct chat_sink *sink)
{
    static const struct {
        const char *type, *member;
        enum chat_block_kind kind;
    } deltas[] = {
        {"text_delta", "text", BLOCK_TEXT},
        {"input_json_delta", "partial_json", BLOCK_TOOL_CALL},
        {"thinking_delta", "thinking", BLOCK_THINKING},
        {"signature_delta", "signature", BLOCK_THINKING},
        {"citations_delta", "citation", BLOCK_TEXT},
    };
    struct str type = text_member(delta, "type");
    const struct json *value;
    size_t i = 0;

    if (!d->blocks.is_open)
        return -1;
    while (i < ARRAY_LEN(deltas) && !text_is(type, deltas[i].type))
        i++;
    if (i == ARRAY_LEN(deltas) || d->blocks.kind == BLOCK_OTHER)
        return 0; /* newer than this, or of a server tool's input */
    value = json_get(delta, deltas[i].member);
    if (d->blocks.kind != deltas[i].kind || value == NULL)
        return -1;
    if (i == 4)
        add_citation(d, value, sink);
    else if (i == 3)
        blocks_signature(&d->blocks, sink, text_inside(value), SIGNER_ANTHROPIC);
    else if (i == 1)
        add_arguments(d, text_inside(value), sink);
    else
        blocks_delta(&d->blocks, sink, text_inside(value));
    return 0;
}

/* --- the message --- */

static void begin_message(struct decoder *d, const struct json *message,
                          const struct chat_sink *sink)
{
    d->has_start = true;
    tell(sink, (struct chat_event){.kind = EVENT_START,
                                   .id = text_member(message, "id"),
                                   .model = text_member(message, "model")});
}

static void stop_message(struct decoder *d, const struct json *delta, const struct chat_sink *sink)
{
    struct str reason = text_member(delta, "stop_reason");

    if (reason.len == 0 || d->has_stop)
        return;
    end_block(d, sink);
    d->has_stop = true;
    blocks_stop(&d->blocks, sink, anthropic_stop_of(reason), text_member(delta, "stop_sequence"));
}

static void end_message(struct decoder *d, const struct chat_sink *sink)
{
    if (!d->has_stop) {
        end_block(d, sink);
        blocks_stop(&d->blocks, sink, STOP_END, STR_NONE);
    }
    d->has_stop = d->has_end = true;
    tell(sink, (struct chat_event){.kind = EVENT_END});
}

static void fail(struct decoder *d, const struct json *error, const struct chat_sink *sink)
{
    struct chat_error err;

    anthropic_error_read(error, 0, &err);
    if (err.message.len == 0)
        err.message = STR("the provider's stream told an error");
    blocks_close(&d->blocks, sink);
    d->has_end = true;
    tell(sink, (struct chat_event){.kind = EVENT_ERROR, .error = &err});
}

/* Within a message that has begun. */
static int decode_inside(struct decoder *d, struct str type, const struct json *root,
                         const struct chat_sink *sink)
{
    const struct json *part;

    if (text_is(type, "content_block_delta")) {
        part = json_get(root, "delta");
        return d->has_stop || part == NULL ? -1 : add_delta(d, part, sink);
    }
    if (text_is(type, "content_block_start")) {
        part = json_get(root, "content_block");
        if (d->has_stop || part == NULL || part->type != JSON_OBJECT)
            return -1;
        end_block(d, sink);
        begin_block(d, part, sink);
    } else if (text_is(type, "content_block_stop")) {
        end_block(d, sink);
    } else if (text_is(type, "message_delta")) {
        stop_message(d, json_get(root, "delta"), sink);
        read_usage(d, json_get(root, "usage"), sink);
    } else if (text_is(type, "message_stop")) {
        end_message(d, sink);
    }
    return 0; /* an event that is newer than this */
}

int anthropic_decode_frame(void *decoder, const struct chat_frame *frame,
                           const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error fault;
    const struct json *root;
    struct str type;

    if (d->has_end || str_eq(frame->name, STR("ping")))
        return 0;
    root = json_parse_raw(d->c.json, d->c.scratch, frame->data, &fault);
    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    type = text_member(root, "type");
    if (type.len == 0)
        type = frame->name;
    if (text_is(type, "error")) {
        fail(d, json_get(root, "error"), sink);
        return 0;
    }
    if (text_is(type, "ping"))
        return 0;
    if (text_is(type, "message_start")) {
        const struct json *message = json_get(root, "message");

        if (d->has_start || message == NULL || message->type != JSON_OBJECT)
            return -1;
        begin_message(d, message, sink);
        read_usage(d, json_get(message, "usage"), sink);
        return 0;
    }
    return d->has_start ? decode_inside(d, type, root, sink) : -1;
}

void anthropic_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    static const struct chat_error cut = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider broke its answer off", 33},
    };

    if (d->has_end)
        return;
    if (d->has_stop) { /* all was told but the last event */
        end_message(d, sink);
        return;
    }
    blocks_close(&d->blocks, sink);
    d->has_end = true;
    tell(sink, (struct chat_event){.kind = EVENT_ERROR, .error = &cut});
}

int anthropic_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error fault;
    const struct json *root = json_parse_raw(d->c.json, d->c.scratch, body, &fault);
    const struct json *content = json_get(root, "content");

    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    if (text_is(text_member(root, "type"), "error")) {
        fail(d, json_get(root, "error"), sink);
        return 0;
    }
    if (content == NULL || content->type != JSON_ARRAY)
        return -1;
    for (const struct json *b = content->child; b != NULL; b = b->next) {
        if (b->type != JSON_OBJECT)
            return -1;
    }
    begin_message(d, root, sink);
    for (const struct json *b = content->child; b != NULL; b = b->next) {
        begin_block(d, b, sink);
        end_block(d, sink);
    }
    stop_message(d, root, sink);
    read_usage(d, json_get(root, "usage"), sink);
    end_message(d, sink);
    return 0;
}
