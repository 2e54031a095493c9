/*
 * Items of a Responses answer as blocks, and what is taken from a finished one.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"

/* --- blocks --- */

uint64_t responses_tag(uint64_t item, uint64_t part)
{
    return item << 20 | part;
}

void responses_enter_item(struct responses_decoder *d, uint64_t item)
{
    if (d->has_item && d->item == item)
        return;
    d->has_item = true;
    d->item = item;
    d->streamed = 0;
    d->summary = 0;
}

void responses_note_part(struct responses_decoder *d, uint64_t part)
{
    if (part < RESPONSES_NOTED)
        d->streamed |= 1ull << part;
}

static void note_item(struct responses_decoder *d)
{
    if (d->item < RESPONSES_NOTED)
        d->opened |= 1ull << d->item;
}

bool responses_is_streamed(const struct responses_decoder *d, uint64_t part)
{
    return part < RESPONSES_NOTED && (d->streamed >> part & 1) != 0;
}

void responses_open_block(struct responses_decoder *d, const struct chat_sink *sink,
                          enum chat_block_kind kind, uint64_t part)
{
    if (kind == BLOCK_REFUSAL)
        d->has_refusal = true;
    note_item(d);
    blocks_open(&d->blocks, sink, kind, responses_tag(d->item, part), STR_NONE, STR_NONE);
}

void responses_open_call(struct responses_decoder *d, const struct chat_sink *sink,
                         const struct json *item)
{
    struct str id = text_member(item, "call_id");

    if (id.len == 0)
        id = text_member(item, "id");
    d->has_call = true;
    note_item(d);
    blocks_open(&d->blocks, sink, BLOCK_TOOL_CALL, responses_tag(d->item, 0), id,
                text_member(item, "name"));
}

static void emit_raw(struct responses_decoder *d, const struct chat_sink *sink, struct chat_event e)
{
    e.choice = d->blocks.choice;
    e.block = d->blocks.n > 0 ? d->blocks.n - 1 : 0;
    e.block_kind = d->blocks.kind;
    sink->fn(sink->ctx, &e);
}

void responses_emit_citation(struct responses_decoder *d, const struct chat_sink *sink,
                             const struct json *from)
{
    struct str file = text_member(from, "filename");
    struct chat_citation c = {
        .url = text_member(from, "url"),
        .title = file.len > 0 ? file : text_member(from, "title"),
        .start = -1,
        .end = -1,
        .raw = from->raw,
    };
    uint64_t n;

    if (json_u64(json_get(from, "start_index"), &n) && n <= INT64_MAX)
        c.start = (int64_t)n;
    if (json_u64(json_get(from, "end_index"), &n) && n <= INT64_MAX)
        c.end = (int64_t)n;
    emit_raw(d, sink, (struct chat_event){.kind = EVENT_CITATION, .citation = &c});
}

void responses_emit_logprobs(struct responses_decoder *d, const struct chat_sink *sink,
                             const struct json *list)
{
    if (list != NULL && list->type == JSON_ARRAY && list->n > 0)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_LOGPROBS,
                                                 .choice = d->blocks.choice,
                                                 .raw = list->raw});
}

void responses_freeform_delta(struct responses_decoder *d, const struct chat_sink *sink,
                              struct str text)
{
    if (!responses_is_streamed(d, 0))
        blocks_delta(&d->blocks, sink, STR("{\\\"input\\\":\\\""));
    responses_note_part(d, 0);
    blocks_delta(&d->blocks, sink, text_escape(d->c.scratch, text));
}

/* --- finished items: what did not come as deltas, and what stands at their end --- */

static void finish_text(struct responses_decoder *d, const struct chat_sink *sink,
                        const struct json *part, uint64_t at)
{
    bool is_refusal = text_is(text_member(part, "type"), "refusal");
    struct str text = text_member(part, is_refusal ? "refusal" : "text");
    const struct json *marks = json_get(part, "annotations");

    if (responses_is_streamed(d, at) || text.len == 0)
        return;
    responses_open_block(d, sink, is_refusal ? BLOCK_REFUSAL : BLOCK_TEXT, at);
    blocks_delta(&d->blocks, sink, text);
    responses_emit_logprobs(d, sink, json_get(part, "logprobs"));
    for (const struct json *x = marks != NULL ? marks->child : NULL; x != NULL; x = x->next)
        responses_emit_citation(d, sink, x);
}

static void finish_message(struct responses_decoder *d, const struct chat_sink *sink,
                           const struct json *item)
{
    const struct json *content = json_get(item, "content");
    uint64_t at = 0;

    for (const struct json *x = content != NULL ? content->child : NULL; x != NULL;
         x = x->next, at++)
        finish_text(d, sink, x, min_u64(at, RESPONSES_INDEX_MAX));
    blocks_close(&d->blocks, sink);
}

static void finish_reasoning(struct responses_decoder *d, const struct chat_sink *sink,
                             const struct json *item)
{
    static const char *const lists[] = {"summary", "content"};
    struct str sealed = text_member(item, "encrypted_content");
    bool is_first = true;

    for (size_t i = 0; i < ARRAY_LEN(lists) && !responses_is_streamed(d, 0); i++) {
        const struct json *list = json_get(item, lists[i]);

        for (const struct json *x = list != NULL ? list->child : NULL; x != NULL; x = x->next) {
            struct str text = text_member(x, "text");

            if (text.len == 0)
                continue;
            responses_open_block(d, sink, BLOCK_THINKING, 0);
            if (!is_first)
                blocks_delta(&d->blocks, sink, STR("\\n\\n"));
            is_first = false;
            blocks_delta(&d->blocks, sink, text);
        }
    }
    if (sealed.len > 0) {
        responses_open_block(d, sink, BLOCK_THINKING, 0);
        blocks_signature(&d->blocks, sink, sealed, SIGNER_OPENAI);
    }
    blocks_close(&d->blocks, sink);
}

static void finish_call(struct responses_decoder *d, const struct chat_sink *sink,
                        const struct json *item)
{
    responses_open_call(d, sink, item);
    if (!responses_is_streamed(d, 0))
        blocks_delta(&d->blocks, sink, text_member(item, "arguments"));
    blocks_close(&d->blocks, sink);
}

static void finish_freeform(struct responses_decoder *d, const struct chat_sink *sink,
                            const struct json *item)
{
    responses_open_call(d, sink, item);
    if (!responses_is_streamed(d, 0))
        responses_freeform_delta(d, sink, text_member(item, "input"));
    blocks_delta(&d->blocks, sink, STR("\\\"}"));
    blocks_close(&d->blocks, sink);
}

/* Built-in tools' calls and the like: whole, when they are over. */
static void finish_other(struct responses_decoder *d, const struct chat_sink *sink,
                         const struct json *item, struct str type)
{
    struct chat_event e = {.kind = EVENT_BLOCK_START, .name = type, .raw = item->raw};

    if (text_is(type, "web_search_call"))
        d->searches++;
    blocks_close(&d->blocks, sink);
    note_item(d);
    d->blocks.kind = BLOCK_OTHER;
    d->blocks.n++;
    d->blocks.is_open = true;
    emit_raw(d, sink, e);
    blocks_close(&d->blocks, sink);
}

void responses_finish_item(struct responses_decoder *d, const struct chat_sink *sink,
                           const struct json *item, uint64_t at)
{
    struct str type = text_member(item, "type");

    /* told late, when the next one had begun, or twice */
    if (at < RESPONSES_NOTED && (d->opened >> at & 1) != 0 && !(d->has_item && d->item == at))
        return;
    responses_enter_item(d, at);
    if (text_is(type, "message")) {
        finish_message(d, sink, item);
    } else if (text_is(type, "reasoning")) {
        finish_reasoning(d, sink, item);
    } else if (text_is(type, "function_call")) {
        finish_call(d, sink, item);
    } else if (text_is(type, "custom_tool_call")) {
        finish_freeform(d, sink, item);
    } else {
        finish_other(d, sink, item, type);
    }
    d->has_item = false;
}
