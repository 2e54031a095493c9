/*
 * cohere_stream - a provider's v2 chat answers, streamed or whole, into events: cohere.h.
 *
 * A content block is closed when the next thing begins, not at its content-end: citations of a text
 * come behind that.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/event.h"

#define TAG_PLAN UINT64_MAX
#define PARTS_CITED 64 /* of a whole answer: citations are looked up in each */

struct decoder {
    struct chat_codec c;
    struct chat_blocks blocks;
    bool has_start, has_stop, has_failed;
};

void *cohere_decoder(const struct chat_codec *c)
{
    struct decoder *d = arena_zalloc(c->arena, sizeof(*d));

    d->c = *c;
    return d;
}

static void start(struct decoder *d, struct str id, const struct chat_sink *sink)
{
    if (!d->has_start)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_START, .id = id});
    d->has_start = true;
}

static void fail(struct decoder *d, const struct chat_sink *sink, const struct chat_error *error)
{
    start(d, STR_NONE, sink);
    d->has_failed = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = error});
}

static void fail_with(struct decoder *d, const struct chat_sink *sink, struct str message,
                      enum chat_error_kind kind)
{
    const struct chat_error error = {
        .kind = kind,
        .status = chat_error_status(kind),
        .message = message.len > 0 ? message : STR("the provider stopped with an error"),
    };

    fail(d, sink, &error);
}

static void tell_usage(const struct json *usage, const struct chat_sink *sink)
{
    struct chat_usage u = {.known = false};

    cohere_usage_in(usage, &u);
    if (u.known)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &u});
}

static void tell_logprobs(struct decoder *d, const struct json *items, const struct chat_sink *sink)
{
    struct str raw = cohere_logprobs_in(d->c.scratch, items);

    if (raw.len > 0)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_LOGPROBS,
                                                 .block = d->blocks.n > 0 ? d->blocks.n - 1 : 0,
                                                 .block_kind = d->blocks.kind,
                                                 .raw = raw});
}

/* Of the text that is open; there is no other place for one. */
static void tell_citation(struct decoder *d, const struct json *citation,
                          const struct chat_sink *sink)
{
    struct chat_citation c;

    if (citation == NULL || citation->type != JSON_OBJECT || !d->blocks.is_open ||
        d->blocks.kind != BLOCK_TEXT)
        return;
    c = cohere_citation(citation);
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_CITATION,
                                             .block = d->blocks.n - 1,
                                             .block_kind = BLOCK_TEXT,
                                             .citation = &c});
}

/* Why it ended, and what it cost. */
static void finish(struct decoder *d, const struct json *of, const struct chat_sink *sink)
{
    struct str reason = text_member(of, "finish_reason");
    enum chat_stop stop = cohere_stop_of(reason);

    tell_usage(json_get(of, "usage"), sink);
    if (stop == STOP_ERROR) {
        fail_with(d, sink, text_member(of, "error"),
                  text_is(reason, "TIMEOUT") ? ERROR_TIMEOUT : ERROR_UPSTREAM);
        return;
    }
    d->has_stop = true;
    blocks_stop(&d->blocks, sink, stop, STR_NONE);
}

/* --- frames --- */

static uint64_t index_of(const struct json *root)
{
    uint64_t n = 0;

    return json_u64(json_get(root, "index"), &n) && n < INT32_MAX ? n : 0;
}

static void content(struct decoder *d, const struct json *root, bool begins,
                    const struct chat_sink *sink)
{
    const struct json *message = json_get(json_get(root, "delta"), "message");
    const struct json *part = json_get(message, "content");
    const struct json *thinking = json_get(part, "thinking");
    const struct json *text = json_get(part, "text");
    bool is_thinking = (thinking != NULL && thinking->type == JSON_STRING) ||
                       text_is(text_member(part, "type"), "thinking");

    if (part == NULL || part->type != JSON_OBJECT)
        return;
    if (!is_thinking && (text == NULL || text->type != JSON_STRING))
        return;
    if (!begins && text_inside(is_thinking ? thinking : text).len == 0)
        return; /* there for its log probability */
    blocks_open(&d->blocks, sink, is_thinking ? BLOCK_THINKING : BLOCK_TEXT, index_of(root),
                STR_NONE, STR_NONE);
    blocks_delta(&d->blocks, sink, text_inside(is_thinking ? thinking : text));
}

static int call_delta(struct decoder *d, const struct json *message, uint64_t index,
                      const struct chat_sink *sink)
{
    const struct json *call = json_get(message, "tool_calls");

    if (!d->blocks.is_open || d->blocks.kind != BLOCK_TOOL_CALL || d->blocks.tag != index)
        return -1;
    blocks_delta(&d->blocks, sink, text_member(json_get(call, "function"), "arguments"));
    return 0;
}

static void call_start(struct decoder *d, const struct json *message, uint64_t index,
                       const struct chat_sink *sink)
{
    const struct json *call = json_get(message, "tool_calls");
    const struct json *function = json_get(call, "function");

    blocks_close(&d->blocks, sink); /* also one of the same number */
    blocks_open(&d->blocks, sink, BLOCK_TOOL_CALL, index, text_member(call, "id"),
                text_member(function, "name"));
    blocks_delta(&d->blocks, sink, text_member(function, "arguments"));
}

static int event_frame(struct decoder *d, struct str type, const struct json *root,
                       const struct chat_sink *sink)
{
    const struct json *delta = json_get(root, "delta");
    const struct json *message = json_get(delta, "message");

    start(d, text_member(root, "id"), sink);
    if (d->has_stop)
        return 0; /* nothing comes behind message-end */
    if (text_is(type, "content-delta") || text_is(type, "content-start")) {
        content(d, root, text_is(type, "content-start"), sink);
        if (json_get(root, "logprobs") != NULL)
            tell_logprobs(d, json_get(root, "logprobs"), sink);
    } else if (text_is(type, "tool-call-delta")) {
        return call_delta(d, message, index_of(root), sink);
    } else if (text_is(type, "tool-call-start")) {
        call_start(d, message, index_of(root), sink);
    } else if (text_is(type, "tool-call-end")) {
        blocks_close(&d->blocks, sink);
    } else if (text_is(type, "tool-plan-delta")) {
        blocks_open(&d->blocks, sink, BLOCK_TEXT, TAG_PLAN, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, text_member(message, "tool_plan"));
    } else if (text_is(type, "citation-start")) {
        tell_citation(d, json_get(message, "citations"), sink);
    } else if (text_is(type, "message-end")) {
        finish(d, delta, sink);
    } else if (type.len == 0 && text_member(root, "message").len > 0) {
        fail_with(d, sink, text_member(root, "message"), ERROR_UPSTREAM);
    }
    return 0; /* also what Cohere may add */
}

int cohere_decode_frame(void *decoder, const struct chat_frame *frame, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error ignored;
    const struct json *root;

    if (d->has_failed || str_eq(frame->data, STR("[DONE]")))
        return 0;
    root = json_parse_raw(d->c.json, d->c.scratch, frame->data, &ignored);
    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    return event_frame(d, text_member(root, "type"), root, sink);
}

void cohere_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct decoder *d = decoder;

    if (d->has_failed)
        return;
    if (d->has_stop)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
    else
        fail_with(d, sink, STR("the provider broke its answer off"), ERROR_UPSTREAM);
}

/* --- whole answers --- */

static void cite(struct decoder *d, const struct json *list, const struct json *part,
                 const struct json *parts, const struct chat_sink *sink)
{
    uint64_t number = 0;
    bool is_last = true;

    if (list == NULL || list->type != JSON_ARRAY || list->n > COHERE_CITATIONS_MAX)
        return;
    for (const struct json *x = parts->child; x != part; x = x->next)
        number++;
    for (const struct json *x = part->next; x != NULL; x = x->next)
        is_last = is_last && !text_is(text_member(x, "type"), "text");
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        uint64_t n;

        if (json_u64(json_get(x, "content_index"), &n) ? n == number : is_last)
            tell_citation(d, x, sink);
    }
}

static void whole_content(struct decoder *d, const struct json *message, bool thoughts,
                          const struct chat_sink *sink)
{
    const struct json *parts = json_get(message, "content");
    uint64_t tag = 0;

    if (parts == NULL || parts->type != JSON_ARRAY)
        return;
    for (const struct json *part = parts->child; part != NULL; part = part->next, tag++) {
        bool is_thought = text_is(text_member(part, "type"), "thinking");
        struct str text = text_member(part, is_thought ? "thinking" : "text");

        if (is_thought != thoughts || (!is_thought && !text_is(text_member(part, "type"), "text")))
            continue;
        blocks_open(&d->blocks, sink, is_thought ? BLOCK_THINKING : BLOCK_TEXT, tag, STR_NONE,
                    STR_NONE);
        blocks_delta(&d->blocks, sink, text);
        if (!is_thought && tag < PARTS_CITED)
            cite(d, json_get(message, "citations"), part, parts, sink);
    }
}

static void whole_calls(struct decoder *d, const struct json *calls, const struct chat_sink *sink)
{
    uint64_t tag = 0;

    if (calls == NULL || calls->type != JSON_ARRAY)
        return;
    for (const struct json *call = calls->child; call != NULL; call = call->next) {
        const struct json *function = json_get(call, "function");

        if (call->type != JSON_OBJECT)
            continue;
        blocks_open(&d->blocks, sink, BLOCK_TOOL_CALL, tag++, text_member(call, "id"),
                    text_member(function, "name"));
        blocks_delta(&d->blocks, sink, text_member(function, "arguments"));
        blocks_close(&d->blocks, sink);
    }
}

int cohere_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error ignored;
    const struct json *root = json_parse_raw(d->c.json, d->c.scratch, body, &ignored);
    const struct json *message = json_get(root, "message");
    struct str plan = text_member(message, "tool_plan");

    if (message == NULL || message->type != JSON_OBJECT || json_get(root, "finish_reason") == NULL)
        return -1;
    start(d, text_member(root, "id"), sink);
    whole_content(d, message, true, sink);
    if (plan.len > 0) {
        blocks_open(&d->blocks, sink, BLOCK_TEXT, TAG_PLAN, STR_NONE, STR_NONE);
        blocks_delta(&d->blocks, sink, plan);
    }
    whole_content(d, message, false, sink);
    whole_calls(d, json_get(message, "tool_calls"), sink);
    tell_logprobs(d, json_get(root, "logprobs"), sink);
    finish(d, root, sink);
    if (!d->has_failed)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
    return 0;
}
