/*
 * cohere_reply - answers to a client of Cohere's from events, streamed or whole: cohere.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/event.h"
#include "providers/write.h"

struct encoder {
    struct chat_codec c;
    struct chat_reply reply;
    struct chat_usage usage;
    enum chat_stop stop;
    uint64_t contents, calls, citations; /* begun, each numbered on its own */
    bool is_open;                        /* the block under way was begun on the wire */
    struct str id, name, signature;      /* of a tool call that was not begun yet */
};

void *cohere_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->c = *c;
    e->reply = *reply;
    e->stop = STOP_END;
    return e;
}

/* As a client may carry it; empty: nobody could read it when it comes back. */
static struct str wrapped(struct arena *a, struct str signature, enum chat_signer signer)
{
    if (signature.len == 0 || signer == SIGNER_NONE || signer == SIGNER_OTHER)
        return STR_NONE;
    return text_wrap(a, signature, signer);
}

/* --- frames --- */

/* Up to "delta":{"message":{ when the event has one. */
static void begin(struct buf *b, const char *type, bool has_message)
{
    write_event_begin(b, type);
    write_open(b, '{');
    write_member_cstr(b, "type", type);
    if (!has_message)
        return;
    write_key(b, "delta");
    write_open(b, '{');
    write_key(b, "message");
    write_open(b, '{');
}

/* The index stands last: what is ahead of it is all alike. */
static void end(struct buf *b, bool has_message, uint64_t index)
{
    if (has_message) {
        write_close(b, '}');
        write_close(b, '}');
    }
    write_member_u64(b, "index", index);
    write_close(b, '}');
    write_event_end(b);
}

static void put_start(const struct encoder *e, struct buf *b)
{
    begin(b, "message-start", true);
    write_member_cstr(b, "role", "assistant");
    write_member_raw(b, "content", STR("[]"));
    write_member_cstr(b, "tool_plan", "");
    write_member_raw(b, "tool_calls", STR("[]"));
    write_member_raw(b, "citations", STR("[]"));
    write_close(b, '}');
    write_close(b, '}');
    write_key(b, "id");
    write_plain(b, e->reply.id);
    write_close(b, '}');
    write_event_end(b);
}

static bool is_thinking(enum chat_block_kind kind)
{
    return kind == BLOCK_THINKING || kind == BLOCK_REDACTED;
}

static void open_content(struct encoder *e, enum chat_block_kind kind, struct str redacted,
                         struct buf *b)
{
    if (e->is_open)
        return;
    e->is_open = true;
    begin(b, "content-start", true);
    write_key(b, "content");
    write_open(b, '{');
    write_member_cstr(b, "type", is_thinking(kind) ? "thinking" : "text");
    write_member_cstr(b, is_thinking(kind) ? "thinking" : "text", "");
    write_text_if(b, "bf_redacted", redacted);
    write_close(b, '}');
    end(b, true, e->contents);
}

static void put_content(struct encoder *e, enum chat_block_kind kind, struct str text,
                        struct str signature, struct buf *b)
{
    open_content(e, kind, STR_NONE, b);
    begin(b, "content-delta", true);
    write_key(b, "content");
    write_open(b, '{');
    write_member_text(b, is_thinking(kind) ? "thinking" : "text", text);
    write_text_if(b, "bf_signature", signature);
    write_close(b, '}');
    end(b, true, e->contents);
}

static void open_call(struct encoder *e, struct buf *b)
{
    if (e->is_open)
        return;
    e->is_open = true;
    begin(b, "tool-call-start", true);
    write_key(b, "tool_calls");
    write_open(b, '{');
    write_member_text(b, "id", e->id);
    write_member_cstr(b, "type", "function");
    write_key(b, "function");
    write_open(b, '{');
    write_member_text(b, "name", e->name);
    write_member_cstr(b, "arguments", "");
    write_close(b, '}');
    write_text_if(b, "bf_signature", e->signature);
    write_close(b, '}');
    end(b, true, e->calls);
}

static void put_arguments(struct encoder *e, struct str text, struct buf *b)
{
    open_call(e, b);
    begin(b, "tool-call-delta", true);
    write_key(b, "tool_calls");
    write_open(b, '{');
    write_key(b, "function");
    write_open(b, '{');
    write_member_text(b, "arguments", text);
    write_close(b, '}');
    write_close(b, '}');
    end(b, true, e->calls);
}

static void put_signature(struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    struct str w = wrapped(ev->block_kind == BLOCK_TOOL_CALL ? e->c.arena : e->c.scratch, ev->text,
                           ev->signer);

    if (w.len == 0)
        return;
    if (ev->block_kind == BLOCK_TOOL_CALL)
        e->signature = w;
    else if (ev->block_kind == BLOCK_REDACTED)
        open_content(e, BLOCK_REDACTED, w, b);
    else if (ev->block_kind == BLOCK_THINKING)
        put_content(e, BLOCK_THINKING, STR_NONE, w, b);
}

void cohere_write_citation(struct buf *b, const struct chat_citation *c, uint64_t content)
{
    write_open(b, '{');
    if (c->start >= 0)
        write_member_u64(b, "start", (uint64_t)c->start);
    if (c->end >= 0)
        write_member_u64(b, "end", (uint64_t)c->end);
    write_member_text(b, "text", c->text);
    write_key(b, "sources");
    write_open(b, '[');
    write_open(b, '{');
    write_member_cstr(b, "type", "document");
    write_member_text(b, "id", c->url.len > 0 ? c->url : c->title);
    write_key(b, "document");
    write_open(b, '{');
    write_text_if(b, "title", c->title);
    write_text_if(b, "url", c->url);
    write_close(b, '}');
    write_close(b, '}');
    write_close(b, ']');
    write_member_u64(b, "content_index", content);
    write_member_cstr(b, "type", "TEXT_CONTENT");
    write_close(b, '}');
}

static void put_citation(struct encoder *e, const struct chat_citation *c, struct buf *b)
{
    open_content(e, BLOCK_TEXT, STR_NONE, b);
    begin(b, "citation-start", true);
    write_key(b, "citations");
    cohere_write_citation(b, c, e->contents);
    end(b, true, e->citations);
    begin(b, "citation-end", false);
    end(b, false, e->citations++);
}

/* This wire tells them token by token, of the text under way or the last one. */
static void put_logprobs(struct encoder *e, struct str raw, struct buf *b)
{
    struct json_error ignored;
    const struct json *list = json_parse_raw(e->c.json, e->c.scratch, raw, &ignored);
    uint64_t index = e->is_open || e->contents == 0 ? e->contents : e->contents - 1;

    if (list == NULL || list->type != JSON_ARRAY)
        return;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        begin(b, "content-delta", true);
        write_member_raw(b, "content", STR("{\"text\":\"\"}"));
        write_close(b, '}');
        write_close(b, '}');
        write_key(b, "logprobs");
        cohere_write_logprob(b, x);
        end(b, false, index);
    }
}

static void put_stop(struct encoder *e, enum chat_block_kind kind, struct buf *b)
{
    if (kind == BLOCK_TOOL_CALL) {
        open_call(e, b);
        begin(b, "tool-call-end", false);
        end(b, false, e->calls++);
    } else if (e->is_open) {
        begin(b, "content-end", false);
        end(b, false, e->contents++);
    }
    e->is_open = false;
}

static void put_end(const struct encoder *e, struct buf *b)
{
    write_event_begin(b, "message-end");
    write_open(b, '{');
    write_member_cstr(b, "type", "message-end");
    write_key(b, "delta");
    write_open(b, '{');
    write_member_cstr(b, "finish_reason", cohere_stop_name(e->stop));
    write_key(b, "usage");
    cohere_usage_out(b, &e->usage);
    write_close(b, '}');
    write_close(b, '}');
    write_event_end(b);
    buf_cstr(b, "data: [DONE]\n\n");
}

static void begin_block(struct encoder *e, const struct chat_event *ev)
{
    e->is_open = false;
    if (ev->block_kind != BLOCK_TOOL_CALL)
        return;
    e->id = arena_str(e->c.arena, ev->id);
    e->name = arena_str(e->c.arena, ev->name);
    e->signature = STR_NONE;
}

static void put_event(struct encoder *e, const struct chat_event *ev, struct buf *b)
{
    bool is_text = ev->block_kind == BLOCK_TEXT || ev->block_kind == BLOCK_REFUSAL;

    switch (ev->kind) {
    case EVENT_START:
        put_start(e, b);
        break;
    case EVENT_BLOCK_START:
        begin_block(e, ev);
        if (is_text || ev->block_kind == BLOCK_THINKING)
            open_content(e, ev->block_kind, STR_NONE, b);
        break;
    case EVENT_DELTA:
        if (ev->block_kind == BLOCK_TOOL_CALL)
            put_arguments(e, ev->text, b);
        else if (is_text || ev->block_kind == BLOCK_THINKING)
            put_content(e, ev->block_kind, ev->text, STR_NONE, b);
        break;
    case EVENT_SIGNATURE:
        put_signature(e, ev, b);
        break;
    case EVENT_CITATION:
        if (is_text)
            put_citation(e, ev->citation, b);
        break;
    case EVENT_LOGPROBS:
        put_logprobs(e, ev->raw, b);
        break;
    case EVENT_BLOCK_STOP:
        put_stop(e, ev->block_kind, b);
        break;
    case EVENT_STOP:
        e->stop = ev->stop;
        break;
    default:
        break;
    }
}

void cohere_encode_event(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct encoder *e = encoder;

    if (ev->kind == EVENT_USAGE)
        e->usage = *ev->usage;
    else if (ev->kind == EVENT_END)
        put_end(e, out);
    else if (ev->kind == EVENT_ERROR)
        dialect_cohere.encode_error_event(ev->error, e->reply.id, out);
    else if (ev->choice == 0) /* the dialect has one */
        put_event(e, ev, out);
}

/* --- whole answers --- */

static bool is_said(const struct chat_block *x)
{
    return (x->kind == BLOCK_TEXT || x->kind == BLOCK_REFUSAL) && x->text.len > 0;
}

/* The first text of an answer with calls is what Cohere calls their plan. */
static const struct chat_block *plan_of(const struct chat_choice_answer *choice)
{
    const struct chat_block *plan = NULL;
    bool has_calls = false;

    for (const struct chat_block *x = choice->blocks; x != NULL; x = x->next) {
        if (plan == NULL && !has_calls && x->kind == BLOCK_TEXT && is_said(x) &&
            x->citations == NULL)
            plan = x;
        has_calls = has_calls || x->kind == BLOCK_TOOL_CALL;
    }
    return has_calls ? plan : NULL;
}

static void write_content(const struct encoder *e, const struct chat_block *x, struct buf *b)
{
    struct str w = wrapped(e->c.arena, x->signature, x->signer);

    write_open(b, '{');
    write_member_cstr(b, "type", is_thinking(x->kind) ? "thinking" : "text");
    write_member_text(b, is_thinking(x->kind) ? "thinking" : "text", x->text);
    write_text_if(b, x->kind == BLOCK_REDACTED ? "bf_redacted" : "bf_signature", w);
    write_close(b, '}');
}

static void write_contents(const struct encoder *e, const struct chat_choice_answer *choice,
                           struct chat_loss *loss, struct buf *b)
{
    const struct chat_block *plan = plan_of(choice);
    size_t start = b->len, empty;

    write_key(b, "content");
    write_open(b, '[');
    empty = b->len;
    for (const struct chat_block *x = choice->blocks; x != NULL; x = x->next) {
        if ((is_said(x) && x != plan) || is_thinking(x->kind))
            write_content(e, x, b);
        else if (!is_said(x) && x->kind != BLOCK_TEXT && x->kind != BLOCK_REFUSAL &&
                 x->kind != BLOCK_TOOL_CALL)
            loss_drop(loss, x->name.len > 0 ? x->name : STR("content"));
    }
    write_close(b, ']');
    if (b->len == empty + 1 && plan != NULL)
        b->len = start; /* as Cohere has it */
    if (plan != NULL)
        write_member_text(b, "tool_plan", plan->text);
}

static void write_calls(const struct encoder *e, const struct chat_choice_answer *choice,
                        struct buf *b)
{
    size_t n = 0;

    for (const struct chat_block *x = choice->blocks; x != NULL; x = x->next) {
        if (x->kind != BLOCK_TOOL_CALL)
            continue;
        if (n++ == 0) {
            write_key(b, "tool_calls");
            write_open(b, '[');
        }
        write_open(b, '{');
        write_member_text(b, "id", x->id);
        write_member_cstr(b, "type", "function");
        write_key(b, "function");
        write_open(b, '{');
        write_member_text(b, "name", x->name);
        write_member_text(b, "arguments", text_arguments_string(&e->c, x));
        write_close(b, '}');
        write_text_if(b, "bf_signature", wrapped(e->c.arena, x->signature, x->signer));
        write_close(b, '}');
    }
    if (n > 0)
        write_close(b, ']');
}

static void write_citations(const struct chat_choice_answer *choice, struct buf *b)
{
    const struct chat_block *plan = plan_of(choice);
    uint64_t content = 0;
    size_t n = 0;

    for (const struct chat_block *x = choice->blocks; x != NULL; x = x->next) {
        for (const struct chat_citation *c = x->citations; c != NULL; c = c->next) {
            if (n++ == 0) {
                write_key(b, "citations");
                write_open(b, '[');
            }
            cohere_write_citation(b, c, content);
        }
        content += (is_said(x) && x != plan) || is_thinking(x->kind);
    }
    if (n > 0)
        write_close(b, ']');
}

void cohere_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    static const struct chat_choice_answer none = {.stop = STOP_END};
    const struct encoder *e = encoder;
    const struct chat_choice_answer *choice = answer->n_choices > 0 ? answer->choices : &none;

    if (answer->has_error) {
        dialect_cohere.encode_error(&answer->error, e->reply.id, out);
        return;
    }
    if (answer->n_choices > 1)
        loss_drop(loss, STR("n"));
    write_open(out, '{');
    write_key(out, "id");
    write_plain(out, e->reply.id);
    write_member_cstr(out, "finish_reason", cohere_stop_name(choice->stop));
    write_key(out, "message");
    write_open(out, '{');
    write_member_cstr(out, "role", "assistant");
    write_contents(e, choice, loss, out);
    write_calls(e, choice, out);
    write_citations(choice, out);
    write_close(out, '}');
    write_key(out, "usage");
    cohere_usage_out(out, &answer->usage);
    if (choice->logprobs.len > 0) {
        write_key(out, "logprobs");
        cohere_logprobs_out(&e->c, out, choice->logprobs);
    }
    write_close(out, '}');
}
