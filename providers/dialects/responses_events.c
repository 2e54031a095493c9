/*
 * Events as a stream of the Responses API, and its table of functions.
 *
 * The same walk serves whole answers: nothing is written then, only the items grow.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"
#include "providers/write.h"

/* --- framing --- */

static void begin_event(struct responses_encoder *e, struct buf *out, const char *type)
{
    size_t len = strlen(type);

    buf_reserve(out, 2 * len + 256);
    buf_add(out, "event: ", 7);
    buf_add(out, type, len);
    buf_add(out, "\ndata: {\"type\":\"", 16);
    buf_add(out, type, len);
    buf_add(out, "\",\"sequence_number\":", 20);
    buf_u64(out, e->number++);
}

static void end_event(struct buf *out)
{
    buf_add(out, "}\n\n", 3);
}

static void put_key(struct buf *out, const char *key)
{
    buf_add(out, ",\"", 2);
    buf_cstr(out, key);
    buf_add(out, "\":", 2);
}

static void put_index(const struct responses_encoder *e, struct buf *out)
{
    put_key(out, "output_index");
    buf_u64(out, e->out.n_items - 1);
}

/* Which part of which item. `part_key`: content_index, summary_index; NULL: none. */
static void begin_part_event(struct responses_encoder *e, struct buf *out, const char *type,
                             const char *part_key)
{
    begin_event(e, out, type);
    buf_cstr(out, ",\"item_id\":\"");
    buf_str(out, e->out.id);
    buf_char(out, '"');
    put_index(e, out);
    if (part_key != NULL) {
        put_key(out, part_key);
        buf_u64(out, e->out.n_parts - 1);
    }
}

static void put_text_member(struct buf *out, const char *key, struct str escaped)
{
    put_key(out, key);
    buf_char(out, '"');
    buf_str(out, escaped);
    buf_char(out, '"');
}

static void put_raw_member(struct buf *out, const char *key, struct str raw)
{
    put_key(out, key);
    buf_str(out, raw);
}

static void response_event(struct responses_encoder *e, struct buf *out, const char *type,
                           bool is_over)
{
    if (!e->is_streaming)
        return;
    begin_event(e, out, type);
    buf_cstr(out, ",\"response\":");
    responses_put_response(e, is_over, out);
    end_event(out);
}

static void begin(struct responses_encoder *e, struct buf *out)
{
    if (e->has_begun)
        return;
    e->has_begun = true;
    response_event(e, out, "response.created", false);
    response_event(e, out, "response.in_progress", false);
}

/* --- items --- */

static void item_added(struct responses_encoder *e, struct buf *out)
{
    static const char *const starts[] = {
        [ITEM_MESSAGE] = "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]",
        [ITEM_REASONING] = "{\"type\":\"reasoning\",\"summary\":[]",
        [ITEM_CALL] = "{\"type\":\"function_call\",\"arguments\":\"\"",
        [ITEM_FREEFORM] = "{\"type\":\"custom_tool_call\",\"input\":\"\"",
    };
    const struct responses_output *o = &e->out;

    if (!e->is_streaming)
        return;
    begin_event(e, out, "response.output_item.added");
    put_index(e, out);
    buf_cstr(out, ",\"item\":");
    buf_cstr(out, starts[o->item]);
    put_text_member(out, "id", o->id);
    buf_cstr(out, ",\"status\":\"in_progress\"");
    if (o->item == ITEM_CALL || o->item == ITEM_FREEFORM) {
        put_text_member(out, "call_id", o->call_id);
        put_text_member(out, "name", o->name);
    }
    buf_char(out, '}');
    end_event(out);
}

static void end_item(struct responses_encoder *e, struct buf *out, struct str sealed)
{
    struct str item;

    if (e->out.item == ITEM_NONE)
        return;
    item = output_end_item(&e->out, sealed);
    if (!e->is_streaming)
        return;
    begin_event(e, out, "response.output_item.done");
    put_index(e, out);
    put_raw_member(out, "item", item);
    end_event(out);
}

/* A reasoning item with nothing but opaque data. */
static void sealed_item(struct responses_encoder *e, struct buf *out, struct str sealed)
{
    output_begin_reasoning(&e->out);
    item_added(e, out);
    end_item(e, out, sealed);
}

static void begin_part(struct responses_encoder *e, struct buf *out, enum chat_block_kind kind)
{
    output_begin_part(&e->out, kind);
    if (kind == BLOCK_TEXT && e->probs.len > 2) {
        output_add(&e->out, &e->out.probs, (struct str){e->probs.p + 1, e->probs.len - 2});
        e->probs = STR_NONE;
    }
    if (!e->is_streaming)
        return;
    if (kind == BLOCK_THINKING) {
        begin_part_event(e, out, "response.reasoning_summary_part.added", "summary_index");
        put_raw_member(out, "part", STR("{\"type\":\"summary_text\",\"text\":\"\"}"));
    } else {
        begin_part_event(e, out, "response.content_part.added", "content_index");
        put_raw_member(out, "part",
                       kind == BLOCK_TEXT ? STR("{\"type\":\"output_text\",\"text\":\"\","
                                                "\"annotations\":[],\"logprobs\":[]}")
                                          : STR("{\"type\":\"refusal\",\"refusal\":\"\"}"));
    }
    end_event(out);
}

static void end_part(struct responses_encoder *e, struct buf *out)
{
    enum chat_block_kind kind = e->out.part;
    struct str probs = {e->out.probs.data, e->out.probs.len};
    struct str text = output_text(&e->out);
    struct str part = output_end_part(&e->out);

    if (!e->is_streaming)
        return;
    if (kind == BLOCK_THINKING) {
        begin_part_event(e, out, "response.reasoning_summary_text.done", "summary_index");
        put_text_member(out, "text", text);
        end_event(out);
        begin_part_event(e, out, "response.reasoning_summary_part.done", "summary_index");
    } else if (kind == BLOCK_REFUSAL) {
        begin_part_event(e, out, "response.refusal.done", "content_index");
        put_text_member(out, "refusal", text);
        end_event(out);
        begin_part_event(e, out, "response.content_part.done", "content_index");
    } else {
        begin_part_event(e, out, "response.output_text.done", "content_index");
        put_text_member(out, "text", text);
        buf_cstr(out, ",\"logprobs\":[");
        buf_str(out, probs);
        buf_char(out, ']');
        end_event(out);
        begin_part_event(e, out, "response.content_part.done", "content_index");
    }
    put_raw_member(out, "part", part);
    end_event(out);
}

/* --- blocks --- */

static void begin_block(struct responses_encoder *e, const struct chat_event *event,
                        struct buf *out)
{
    e->block = event->block_kind;
    e->signature = STR_NONE;
    switch (event->block_kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        if (e->out.item != ITEM_MESSAGE) {
            end_item(e, out, STR_NONE);
            output_begin_message(&e->out);
            item_added(e, out);
        }
        begin_part(e, out, event->block_kind);
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        end_item(e, out, STR_NONE);
        output_begin_reasoning(&e->out);
        item_added(e, out);
        break;
    case BLOCK_TOOL_CALL:
        end_item(e, out, STR_NONE);
        e->unwrap = (struct responses_unwrap){.at = 0};
        output_begin_call(&e->out, event->id, event->name,
                          responses_freeform(e->reply->chat, event->name) != NULL);
        item_added(e, out);
        break;
    default:
        if (e->loss != NULL)
            loss_drop(e->loss,
                      event->name.len > 0 ? arena_str(e->c.arena, event->name) : STR("content"));
    }
}

static void put_delta(struct responses_encoder *e, struct buf *out, struct str text)
{
    static const struct {
        const char *type, *part_key;
    } types[] = {
        [BLOCK_TEXT] = {"response.output_text.delta", "content_index"},
        [BLOCK_REFUSAL] = {"response.refusal.delta", "content_index"},
        [BLOCK_THINKING] = {"response.reasoning_summary_text.delta", "summary_index"},
        [BLOCK_TOOL_CALL] = {"response.function_call_arguments.delta", NULL},
        [BLOCK_OTHER] = {NULL, NULL}, /* the last kind: the table has them all */
    };
    const char *type = types[e->block].type;

    if (text.len == 0 || type == NULL)
        return;
    output_add(&e->out, &e->out.items, text);
    if (!e->is_streaming)
        return;
    if (e->out.item == ITEM_FREEFORM)
        type = "response.custom_tool_call_input.delta";
    begin_part_event(e, out, type, types[e->block].part_key);
    put_text_member(out, "delta", text);
    if (e->block == BLOCK_TEXT)
        buf_cstr(out, ",\"logprobs\":[]");
    end_event(out);
}

static void on_delta(struct responses_encoder *e, const struct chat_event *event, struct buf *out)
{
    struct str text = event->text;

    switch (e->block) {
    case BLOCK_THINKING:
        if (e->out.part == 0 && text.len > 0)
            begin_part(e, out, BLOCK_THINKING);
        break;
    case BLOCK_TOOL_CALL:
        if (e->out.item != ITEM_FREEFORM)
            break;
        if (e->unwrap.state == UNWRAP_BEFORE || e->unwrap.state == UNWRAP_LOST)
            output_add(&e->out, &e->out.args, text);
        text = responses_unwrap_delta(&e->unwrap, &e->c, text);
        break;
    default: /* put_delta knows what has no text */
        break;
    }
    put_delta(e, out, text);
}

/* The annotation's JSON, in scratch; STR_NONE when it cannot be said. `out` is left as it was. */
static struct str annotation(const struct responses_encoder *e, const struct chat_citation *from,
                             struct buf *out)
{
    size_t start = out->len;
    struct str json = STR_NONE;

    buf_char(out, ' '); /* so that no comma is put before it */
    if (responses_put_citation(out, from, false))
        json = arena_str(e->c.scratch, str_skip(buf_view(out), start + 1));
    out->len = start;
    return json;
}

static void on_citation(struct responses_encoder *e, const struct chat_event *event,
                        struct buf *out)
{
    struct str mark;

    if (e->out.part != BLOCK_TEXT)
        return;
    mark = annotation(e, event->citation, out);
    if (mark.len == 0) {
        if (e->loss != NULL)
            loss_drop(e->loss, STR("citations"));
        return;
    }
    if (e->out.n_marks++ > 0)
        output_add(&e->out, &e->out.marks, STR(","));
    output_add(&e->out, &e->out.marks, mark);
    if (!e->is_streaming)
        return;
    begin_part_event(e, out, "response.output_text.annotation.added", "content_index");
    buf_cstr(out, ",\"annotation_index\":");
    buf_u64(out, e->out.n_marks - 1);
    put_raw_member(out, "annotation", mark);
    end_event(out);
}

static void on_logprobs(struct responses_encoder *e, const struct chat_event *event,
                        struct buf *out)
{
    struct str raw = event->raw;

    if (e->out.part != BLOCK_TEXT || raw.len < 3 || !e->is_streaming)
        return;
    if (e->out.probs.len > 0)
        output_add(&e->out, &e->out.probs, STR(","));
    output_add(&e->out, &e->out.probs, (struct str){raw.p + 1, raw.len - 2});
    begin_part_event(e, out, "response.output_text.delta", "content_index");
    buf_cstr(out, ",\"delta\":\"\"");
    put_raw_member(out, "logprobs", raw);
    end_event(out);
}

static void end_call(struct responses_encoder *e, struct buf *out)
{
    struct responses_output *o = &e->out;

    if (o->item == ITEM_FREEFORM &&
        (e->unwrap.state == UNWRAP_BEFORE || e->unwrap.state == UNWRAP_LOST)) {
        struct chat_block call = {.arguments_text = {o->args.data, o->args.len}};
        struct str input;

        (void)responses_freeform_input(&e->c, &call, &input); /* else all of it is the text */
        put_delta(e, out, input);
    }
    if (o->item == ITEM_CALL && output_text(o).len == 0)
        put_delta(e, out, STR("{}"));
    if (e->is_streaming) {
        bool is_freeform = o->item == ITEM_FREEFORM;

        begin_part_event(e, out,
                         is_freeform ? "response.custom_tool_call_input.done"
                                     : "response.function_call_arguments.done",
                         NULL);
        if (!is_freeform)
            put_text_member(out, "name", o->name);
        put_text_member(out, is_freeform ? "input" : "arguments", output_text(o));
        end_event(out);
    }
    end_item(e, out, STR_NONE);
    if (e->signature.len > 0)
        sealed_item(e, out, output_seal(&e->out, BLOCK_TOOL_CALL, e->signature, e->signer));
}

static void end_block(struct responses_encoder *e, struct buf *out)
{
    switch (e->block) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        end_part(e, out);
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        if (e->out.part != 0)
            end_part(e, out);
        end_item(e, out, output_seal(&e->out, e->block, e->signature, e->signer));
        break;
    case BLOCK_TOOL_CALL:
        end_call(e, out);
        break;
    default:
        break;
    }
    e->block = 0;
}

/* --- ends --- */

static void finish(struct responses_encoder *e, struct buf *out)
{
    if (e->block != 0)
        end_block(e, out);
    end_item(e, out, STR_NONE);
    e->is_over = true;
    if (!e->is_streaming)
        return;
    if (e->has_error)
        responses_put_error_event(&e->error, e->number++, out);
    response_event(e, out,
                   e->has_error || e->stop == STOP_ERROR ? "response.failed"
                   : e->stop == STOP_LENGTH || e->stop == STOP_CONTEXT || e->stop == STOP_FILTER
                       ? "response.incomplete"
                       : "response.completed",
                   true);
}

static void fail(struct responses_encoder *e, const struct chat_error *err, struct buf *out)
{
    e->has_error = true;
    e->error = *err;
    e->error.message = arena_str(e->c.arena, err->message);
    e->error.code = arena_str(e->c.arena, err->code);
    e->error.param = arena_str(e->c.arena, err->param);
    finish(e, out);
}

static void on_event(struct responses_encoder *e, const struct chat_event *event, struct buf *out)
{
    switch (event->kind) {
    case EVENT_START:
        break;
    case EVENT_BLOCK_START:
        begin_block(e, event, out);
        break;
    case EVENT_DELTA:
        on_delta(e, event, out);
        break;
    case EVENT_SIGNATURE:
        e->signer = event->signer;
        text_grow(e->c.arena, &e->signature, &e->signature_cap, event->text, SIGNATURE_MAX);
        break;
    case EVENT_CITATION:
        on_citation(e, event, out);
        break;
    case EVENT_LOGPROBS:
        on_logprobs(e, event, out);
        break;
    case EVENT_BLOCK_STOP:
        end_block(e, out);
        break;
    case EVENT_STOP:
        e->stop = event->stop;
        end_item(e, out, STR_NONE);
        break;
    case EVENT_USAGE:
        e->usage = *event->usage;
        break;
    case EVENT_END:
        finish(e, out);
        break;
    case EVENT_ERROR:
        fail(e, event->error, out);
        break;
    }
}

void responses_encode_event(void *encoder, const struct chat_event *event, struct buf *out)
{
    static const struct chat_error too_long = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider's answer is longer than is taken here", 50},
    };
    struct responses_encoder *e = encoder;
    size_t start = out->len;

    if (e->is_over || event->choice != 0)
        return;
    begin(e, out);
    on_event(e, event, out);
    if (e->out.is_full && !e->is_over) {
        out->len = start;
        e->out.items.len = 0; /* what there is of it is no JSON */
        e->out.item = ITEM_NONE;
        e->block = 0;
        fail(e, &too_long, out);
    }
}
