/*
 * Answers of the Responses API, streamed or whole, into events.
 *
 * Items and their parts come one behind the other, so the open block tells where a delta belongs.
 * A part whose deltas did not come (some servers send none) is taken from the finished item.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"

void *responses_decoder(const struct chat_codec *c)
{
    struct responses_decoder *d = arena_zalloc(c->arena, sizeof(*d));

    d->c = *c;
    return d;
}

static void fail(struct responses_decoder *d, const struct chat_error *err,
                 const struct chat_sink *sink)
{
    d->fate = FATE_FAILED;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = err});
}

static void begin(struct responses_decoder *d, const struct json *response,
                  const struct chat_sink *sink)
{
    if (d->has_begun)
        return;
    d->has_begun = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_START,
                                             .id = text_member(response, "id"),
                                             .model = text_member(response, "model")});
}

/* --- how it ends --- */

static uint64_t number(const struct json *object, const char *key)
{
    uint64_t n = 0;

    (void)json_u64(json_get(object, key), &n); /* not there: 0 */
    return n;
}

static void emit_usage(struct responses_decoder *d, const struct json *response,
                       const struct chat_sink *sink)
{
    const struct json *u = json_get(response, "usage");
    const struct json *in = json_get(u, "input_tokens_details");
    const struct json *by_age = json_get(in, "cache_write_tokens_details");
    struct chat_usage usage = {.known = true};

    if (u == NULL || u->type != JSON_OBJECT)
        return;
    usage.input = number(u, "input_tokens");
    usage.output = number(u, "output_tokens");
    usage.cached = number(in, "cached_tokens");
    usage.written_1h = number(by_age, "ttl_12h_tokens");
    usage.written_5m = number(in, "cache_write_tokens");
    usage.written_5m -= min_u64(usage.written_5m, usage.written_1h);
    usage.reasoning = number(json_get(u, "output_tokens_details"), "reasoning_tokens");
    usage.searches = d->searches;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &usage});
}

static enum chat_stop stop_of(const struct responses_decoder *d, const struct json *response)
{
    struct str reason = text_member(json_get(response, "incomplete_details"), "reason");

    if (text_is(reason, "content_filter"))
        return STOP_FILTER;
    if (text_is(text_member(response, "status"), "incomplete"))
        return STOP_LENGTH;
    if (d->has_call)
        return STOP_TOOL;
    return d->has_refusal ? STOP_REFUSAL : STOP_END;
}

static void finish(struct responses_decoder *d, const struct json *response,
                   const struct chat_sink *sink)
{
    const struct json *output = json_get(response, "output");
    uint64_t at = 0;

    begin(d, response, sink);
    if (d->blocks.n == 0) { /* a server that streams no items at all, or a whole answer */
        for (const struct json *x = output != NULL ? output->child : NULL; x != NULL;
             x = x->next, at++)
            responses_finish_item(d, sink, x, min_u64(at, RESPONSES_INDEX_MAX));
    }
    blocks_stop(&d->blocks, sink, stop_of(d, response), STR_NONE);
    emit_usage(d, response, sink);
    d->fate = FATE_ENDED;
}

/* `response.failed`, or a whole answer of that status. */
static void finish_failed(struct responses_decoder *d, const struct json *response,
                          const struct chat_sink *sink)
{
    struct chat_error err;

    responses_read_error(json_get(response, "error"), &err);
    emit_usage(d, response, sink);
    fail(d, &err, sink);
}

/* --- events --- */

typedef int frame_fn(struct responses_decoder *d, const struct json *e,
                     const struct chat_sink *sink);

/* Item and part of an event; false when they make no sense. */
static bool place(struct responses_decoder *d, const struct json *e, const char *part_key,
                  uint64_t *part)
{
    uint64_t item = number(e, "output_index");

    *part = part_key != NULL ? number(e, part_key) : 0;
    if (item > RESPONSES_INDEX_MAX || *part > RESPONSES_INDEX_MAX)
        return false;
    responses_enter_item(d, item);
    return true;
}

static int on_created(struct responses_decoder *d, const struct json *e,
                      const struct chat_sink *sink)
{
    begin(d, json_get(e, "response"), sink);
    return 0;
}

static int on_added(struct responses_decoder *d, const struct json *e, const struct chat_sink *sink)
{
    const struct json *item = json_get(e, "item");
    struct str type = text_member(item, "type");
    uint64_t part;

    if (!place(d, e, NULL, &part))
        return -1;
    begin(d, NULL, sink);
    if (text_is(type, "function_call") || text_is(type, "custom_tool_call"))
        responses_open_call(d, sink, item);
    return 0;
}

static int on_done(struct responses_decoder *d, const struct json *e, const struct chat_sink *sink)
{
    const struct json *item = json_get(e, "item");
    uint64_t at = number(e, "output_index");

    if (item == NULL || item->type != JSON_OBJECT || at > RESPONSES_INDEX_MAX)
        return -1;
    begin(d, NULL, sink);
    responses_finish_item(d, sink, item, at);
    return 0;
}

static int put_delta(struct responses_decoder *d, const struct json *e,
                     const struct chat_sink *sink, enum chat_block_kind kind)
{
    struct str delta = text_member(e, "delta");
    uint64_t part;

    if (!place(d, e, kind == BLOCK_THINKING ? NULL : "content_index", &part))
        return -1;
    begin(d, NULL, sink);
    if (delta.len > 0) {
        responses_open_block(d, sink, kind, part);
        responses_note_part(d, part);
        blocks_delta(&d->blocks, sink, delta);
    }
    return 0;
}

static int on_text(struct responses_decoder *d, const struct json *e, const struct chat_sink *sink)
{
    if (put_delta(d, e, sink, BLOCK_TEXT) != 0)
        return -1;
    responses_emit_logprobs(d, sink, json_get(e, "logprobs"));
    return 0;
}

static int on_refusal(struct responses_decoder *d, const struct json *e,
                      const struct chat_sink *sink)
{
    return put_delta(d, e, sink, BLOCK_REFUSAL);
}

static int on_thinking(struct responses_decoder *d, const struct json *e,
                       const struct chat_sink *sink)
{
    uint64_t n = number(e, "summary_index");
    uint64_t part;

    if (!place(d, e, NULL, &part))
        return -1;
    if (n != d->summary && responses_is_streamed(d, 0)) { /* parts are paragraphs */
        responses_open_block(d, sink, BLOCK_THINKING, 0);
        blocks_delta(&d->blocks, sink, STR("\\n\\n"));
    }
    d->summary = n;
    return put_delta(d, e, sink, BLOCK_THINKING);
}

static int on_annotation(struct responses_decoder *d, const struct json *e,
                         const struct chat_sink *sink)
{
    const struct json *mark = json_get(e, "annotation");
    uint64_t part;

    if (!place(d, e, "content_index", &part))
        return -1;
    if (mark != NULL && mark->type == JSON_OBJECT && d->blocks.is_open &&
        d->blocks.kind == BLOCK_TEXT)
        responses_emit_citation(d, sink, mark);
    return 0;
}

/* Is the call open to which these arguments belong? Nobody has heard of any other. */
static bool is_call_open(struct responses_decoder *d, const struct json *e)
{
    uint64_t part;

    return place(d, e, NULL, &part) && d->blocks.is_open && d->blocks.kind == BLOCK_TOOL_CALL &&
           d->blocks.tag == responses_tag(d->item, 0);
}

static int on_arguments(struct responses_decoder *d, const struct json *e,
                        const struct chat_sink *sink)
{
    if (!is_call_open(d, e))
        return -1;
    responses_note_part(d, 0);
    blocks_delta(&d->blocks, sink, text_member(e, "delta"));
    return 0;
}

static int on_freeform(struct responses_decoder *d, const struct json *e,
                       const struct chat_sink *sink)
{
    if (!is_call_open(d, e))
        return -1;
    responses_freeform_delta(d, sink, text_member(e, "delta"));
    return 0;
}

static int on_end(struct responses_decoder *d, const struct json *e, const struct chat_sink *sink)
{
    const struct json *response = json_get(e, "response");

    if (response == NULL || response->type != JSON_OBJECT)
        return -1;
    finish(d, response, sink);
    return 0;
}

static int on_failed(struct responses_decoder *d, const struct json *e,
                     const struct chat_sink *sink)
{
    finish_failed(d, json_get(e, "response"), sink);
    return 0;
}

/* The reference has its members flat; what comes has them in an object. */
static int on_error(struct responses_decoder *d, const struct json *e, const struct chat_sink *sink)
{
    const struct json *nested = json_get(e, "error");
    struct chat_error err;

    responses_read_error(nested != NULL && nested->type == JSON_OBJECT ? nested : e, &err);
    fail(d, &err, sink);
    return 0;
}

static const struct {
    struct str type;
    frame_fn *fn;
} frames[] = {
    {{"response.output_text.delta", 26}, on_text},
    {{"response.function_call_arguments.delta", 38}, on_arguments},
    {{"response.reasoning_summary_text.delta", 37}, on_thinking},
    {{"response.reasoning_text.delta", 29}, on_thinking},
    {{"response.custom_tool_call_input.delta", 37}, on_freeform},
    {{"response.refusal.delta", 22}, on_refusal},
    {{"response.output_item.added", 26}, on_added},
    {{"response.output_item.done", 25}, on_done},
    {{"response.output_text.annotation.added", 37}, on_annotation},
    {{"response.created", 16}, on_created},
    {{"response.completed", 18}, on_end},
    {{"response.incomplete", 19}, on_end},
    {{"response.failed", 15}, on_failed},
    {{"error", 5}, on_error},
};

int responses_decode_frame(void *decoder, const struct chat_frame *frame,
                           const struct chat_sink *sink)
{
    struct responses_decoder *d = decoder;
    struct json_error wrong;
    const struct json *root;
    struct str type;

    if (d->fate != FATE_OPEN || frame->data.len == 0 || str_eq(frame->data, STR("[DONE]")))
        return 0;
    root = json_parse_raw(d->c.json, d->c.scratch, frame->data, &wrong);
    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    type = text_member(root, "type");
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        if (str_eq(frames[i].type, type))
            return frames[i].fn(d, root, sink);
    }
    return type.len == 0 && json_get(root, "error") != NULL ? on_error(d, root, sink) : 0;
}

void responses_decode_end(void *decoder, const struct chat_sink *sink)
{
    static const struct chat_error cut = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider broke its answer off", 33},
    };
    struct responses_decoder *d = decoder;

    if (d->fate == FATE_ENDED)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
    else if (d->fate == FATE_OPEN)
        fail(d, &cut, sink);
    d->fate = FATE_FAILED; /* nothing comes behind it */
}

int responses_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct responses_decoder *d = decoder;
    struct json_error wrong;
    const struct json *root = json_parse_raw(d->c.json, d->c.scratch, body, &wrong);
    struct str status = text_member(root, "status");

    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    if (text_is(status, "failed") || text_is(status, "cancelled")) {
        begin(d, root, sink);
        finish_failed(d, root, sink);
        return 0;
    }
    if (json_get(root, "output") == NULL || json_get(root, "output")->type != JSON_ARRAY ||
        text_is(status, "in_progress") || text_is(status, "queued"))
        return -1;
    finish(d, root, sink);
    responses_decode_end(d, sink);
    return 0;
}
