/*
 * bedrock_reply - answers to a Converse client from events, streamed or whole: bedrock.h.
 *
 * AWS begins only tool calls with a contentBlockStart; a text begins with its first delta.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/event.h"
#include "providers/eventstream.h"
#include "providers/write.h"

struct encoder {
    struct chat_codec c;
    const struct chat_reply *reply;
    struct chat_usage usage;
    uint64_t index;      /* of the block under way, on this wire */
    bool is_said;        /* something of it was */
    bool is_held;        /* a tool call whose start waits for a signature ahead of it */
    struct str id, name; /* of that call */
};

void *bedrock_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->c = *c;
    e->reply = reply;
    return e;
}

/* Did the client ask for the stop sequence? */
static bool wants_sequence(const struct encoder *e)
{
    if (e->reply->chat == NULL)
        return false;
    for (const struct chat_extra *x = e->reply->chat->extras; x != NULL; x = x->next) {
        if (str_eq(x->name, STR("additionalModelResponseFieldPaths")) && x->raw.len > 0)
            return memmem(x->raw.p, x->raw.len, "/stop_sequence", 14) != NULL;
    }
    return false;
}

static struct str signature_out(const struct encoder *e, struct arena *a,
                                const struct chat_event *ev)
{
    (void)e;
    if (ev->block_kind == BLOCK_TOOL_CALL)
        return text_wrap(a, arena_concat(a, (struct str[]){STR(BEDROCK_CALL), ev->text}, 2),
                         ev->signer);
    if (ev->block_kind == BLOCK_REDACTED)
        return bedrock_redacted_out(a, ev->text, ev->signer);
    return ev->signer == SIGNER_ANTHROPIC ? ev->text : text_wrap(a, ev->text, ev->signer);
}

static void write_citation(struct buf *b, const struct chat_citation *c)
{
    write_open(b, '{');
    write_text_if(b, "title", c->title);
    if (c->text.len > 0) {
        write_key(b, "sourceContent");
        write_open(b, '[');
        write_open(b, '{');
        write_member_text(b, "text", c->text);
        write_close(b, '}');
        write_close(b, ']');
    }
    if (c->url.len > 0) {
        write_key(b, "location");
        write_open(b, '{');
        write_key(b, "web");
        write_open(b, '{');
        write_member_text(b, "url", c->url);
        write_close(b, '}');
        write_close(b, '}');
    }
    write_close(b, '}');
}

static void write_stop(const struct encoder *e, struct buf *b, enum chat_stop stop,
                       struct str sequence)
{
    write_member_cstr(b, "stopReason", bedrock_stop_name(stop));
    if (sequence.len == 0 || !wants_sequence(e))
        return;
    write_key(b, "additionalModelResponseFields");
    write_open(b, '{');
    write_member_text(b, "stop_sequence", sequence);
    write_close(b, '}');
}

/* No clock here: the time is in the gateway's own figures. */
static void write_metrics(struct buf *b)
{
    write_key(b, "metrics");
    write_open(b, '{');
    write_member_u64(b, "latencyMs", 0);
    write_close(b, '}');
}

/* --- streams --- */

static size_t begin_delta(struct encoder *e, struct buf *b, const char *key)
{
    size_t at = eventstream_begin(b, false, "contentBlockDelta");

    e->is_said = true;
    write_member_u64(b, "contentBlockIndex", e->index);
    write_key(b, "delta");
    write_open(b, '{');
    write_key(b, key);
    return at;
}

static void end_delta(struct buf *b, size_t at)
{
    write_close(b, '}');
    eventstream_end(b, at);
}

static void put_reasoning(struct encoder *e, struct buf *b, const char *key, struct str text)
{
    size_t at = begin_delta(e, b, "reasoningContent");

    write_open(b, '{');
    write_member_text(b, key, text);
    write_close(b, '}');
    end_delta(b, at);
}

static void put_block_stop(struct encoder *e, struct buf *b)
{
    size_t at;

    if (!e->is_said)
        return;
    at = eventstream_begin(b, false, "contentBlockStop");
    write_member_u64(b, "contentBlockIndex", e->index++);
    eventstream_end(b, at);
    e->is_said = false;
}

static void put_call_start(struct encoder *e, struct buf *b)
{
    size_t at;

    if (!e->is_held)
        return;
    e->is_held = false;
    e->is_said = true;
    at = eventstream_begin(b, false, "contentBlockStart");
    write_member_u64(b, "contentBlockIndex", e->index);
    write_key(b, "start");
    write_open(b, '{');
    write_key(b, "toolUse");
    write_open(b, '{');
    write_member_text(b, "toolUseId", e->id);
    write_member_text(b, "name", e->name);
    write_close(b, '}');
    write_close(b, '}');
    eventstream_end(b, at);
}

static void put_delta(struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    size_t at;

    switch (ev->block_kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        at = begin_delta(e, b, "text");
        write_text(b, ev->text);
        end_delta(b, at);
        break;
    case BLOCK_THINKING:
        put_reasoning(e, b, "text", ev->text);
        break;
    case BLOCK_TOOL_CALL:
        put_call_start(e, b);
        at = begin_delta(e, b, "toolUse");
        write_open(b, '{');
        write_member_text(b, "input", ev->text);
        write_close(b, '}');
        end_delta(b, at);
        break;
    default:
        break; /* what the dialect has no deltas for */
    }
}

static void put_signature(struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    struct str signature = signature_out(e, e->c.scratch, ev);

    if (ev->block_kind == BLOCK_REDACTED) {
        put_reasoning(e, b, "redactedContent", signature);
    } else if (ev->block_kind == BLOCK_THINKING) {
        if (!e->is_said)
            put_reasoning(e, b, "text", STR("")); /* its SDKs demand one when it comes back */
        put_reasoning(e, b, "signature", signature);
    } else if (ev->block_kind == BLOCK_TOOL_CALL && e->is_held) {
        put_reasoning(e, b, "text", STR(""));
        put_reasoning(e, b, "signature", signature);
        put_block_stop(e, b);
    }
}

static void put_message_stop(const struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    size_t at = eventstream_begin(b, false, "messageStop");

    write_stop(e, b, ev->stop, ev->text);
    eventstream_end(b, at);
}

static void put_metadata(const struct encoder *e, struct buf *b)
{
    size_t at = eventstream_begin(b, false, "metadata");

    bedrock_usage_out(b, &e->usage);
    write_metrics(b);
    eventstream_end(b, at);
}

static void put_event(struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    size_t at;

    switch (ev->kind) {
    case EVENT_START:
        at = eventstream_begin(b, false, "messageStart");
        write_member_cstr(b, "role", "assistant");
        eventstream_end(b, at);
        break;
    case EVENT_BLOCK_START:
        e->is_held = ev->block_kind == BLOCK_TOOL_CALL;
        e->id = bedrock_id(e->c.arena, arena_str(e->c.arena, ev->id));
        e->name = arena_str(e->c.arena, ev->name);
        break;
    case EVENT_DELTA:
        put_delta(e, ev, b);
        break;
    case EVENT_SIGNATURE:
        put_signature(e, ev, b);
        break;
    case EVENT_CITATION:
        if (ev->block_kind != BLOCK_TEXT)
            break;
        at = begin_delta(e, b, "citation");
        write_citation(b, ev->citation);
        end_delta(b, at);
        break;
    case EVENT_BLOCK_STOP:
        put_call_start(e, b);
        put_block_stop(e, b);
        break;
    case EVENT_STOP:
        put_message_stop(e, ev, b);
        break;
    default:
        break; /* logprobs */
    }
}

void bedrock_encode_event(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct encoder *e = encoder;

    if (ev->kind == EVENT_USAGE)
        e->usage = *ev->usage;
    else if (ev->kind == EVENT_END)
        put_metadata(e, out);
    else if (ev->kind == EVENT_ERROR)
        bedrock_encode_error_event(ev->error, e->reply->id, out);
    else if (ev->choice == 0) /* the dialect has one */
        put_event(e, ev, out);
}

/* --- whole answers --- */

static void write_signature_block(const struct encoder *e, const struct chat_block *x,
                                  struct buf *b)
{
    const struct chat_event ev = {.block_kind = x->kind, .text = x->signature, .signer = x->signer};
    struct str signature = x->signature.len > 0 ? signature_out(e, e->c.arena, &ev) : STR_NONE;

    write_open(b, '{');
    write_key(b, "reasoningContent");
    write_open(b, '{');
    if (x->kind == BLOCK_REDACTED) {
        write_member_text(b, "redactedContent", signature);
    } else {
        write_key(b, "reasoningText");
        write_open(b, '{');
        write_member_text(b, "text", x->text);
        write_text_if(b, "signature", signature);
        write_close(b, '}');
    }
    write_close(b, '}');
    write_close(b, '}');
}

static void write_call(const struct encoder *e, const struct chat_block *x, struct buf *b)
{
    struct str arguments;

    if (x->signature.len > 0)
        write_signature_block(e, x, b);
    (void)text_arguments_object(&e->c, x, &arguments); /* what is no object is kept in one */
    write_open(b, '{');
    write_key(b, "toolUse");
    write_open(b, '{');
    write_member_text(b, "toolUseId", bedrock_id(e->c.arena, x->id));
    write_member_text(b, "name", x->name);
    write_member_raw(b, "input", arguments);
    write_close(b, '}');
    write_close(b, '}');
}

static void write_text_block(const struct chat_block *x, struct buf *b)
{
    write_open(b, '{');
    if (x->citations == NULL) {
        write_member_text(b, "text", x->text);
    } else {
        write_key(b, "citationsContent");
        write_open(b, '{');
        write_key(b, "content");
        write_open(b, '[');
        write_open(b, '{');
        write_member_text(b, "text", x->text);
        write_close(b, '}');
        write_close(b, ']');
        write_key(b, "citations");
        write_open(b, '[');
        for (const struct chat_citation *c = x->citations; c != NULL; c = c->next)
            write_citation(b, c);
        write_close(b, ']');
        write_close(b, '}');
    }
    write_close(b, '}');
}

static void write_blocks(const struct encoder *e, const struct chat_choice_answer *choice,
                         struct chat_loss *loss, struct buf *b)
{
    for (const struct chat_block *x = choice->blocks; x != NULL; x = x->next) {
        switch (x->kind) {
        case BLOCK_TEXT:
        case BLOCK_REFUSAL:
            if (x->text.len > 0)
                write_text_block(x, b);
            break;
        case BLOCK_THINKING:
        case BLOCK_REDACTED:
            write_signature_block(e, x, b);
            break;
        case BLOCK_TOOL_CALL:
            write_call(e, x, b);
            break;
        default:
            loss_drop(loss, x->name.len > 0 ? x->name : STR("content"));
        }
    }
}

void bedrock_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                           struct buf *out)
{
    static const struct chat_choice_answer none = {.stop = STOP_END};
    const struct encoder *e = encoder;
    const struct chat_choice_answer *choice = answer->n_choices > 0 ? answer->choices : &none;

    if (answer->has_error) {
        bedrock_encode_error(&answer->error, e->reply->id, out);
        return;
    }
    if (answer->n_choices > 1)
        loss_drop(loss, STR("n"));
    if (choice->logprobs.len > 0)
        loss_drop(loss, STR("logprobs"));
    write_open(out, '{');
    write_key(out, "output");
    write_open(out, '{');
    write_key(out, "message");
    write_open(out, '{');
    write_member_cstr(out, "role", "assistant");
    write_key(out, "content");
    write_open(out, '[');
    write_blocks(e, choice, loss, out);
    write_close(out, ']');
    write_close(out, '}');
    write_close(out, '}');
    write_stop(e, out, choice->stop, choice->sequence);
    bedrock_usage_out(out, &answer->usage);
    write_metrics(out);
    write_close(out, '}');
}
