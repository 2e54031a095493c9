#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/write.h"

struct encoder {
    struct chat_codec c;
    struct chat_reply reply;
    struct chat_usage usage;
    enum chat_stop stop;
    struct str sequence;
    bool has_call, has_refusal, has_end;
    uint64_t index;       /* of the block under way: this dialect's own count */
    bool is_open;         /* its content_block_start is written */
    bool is_held;         /* a tool call whose signature may have to go ahead */
    struct str id, name;  /* of the held one */
    struct str signature; /* so far */
    size_t signature_cap;
    enum chat_signer signer;
};

void *anthropic_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *s = arena_zalloc(c->arena, sizeof(*s));

    s->c = *c;
    s->reply = *reply;
    return s;
}

/* --- parts of both --- */

static const char *stop_name(const struct encoder *s, enum chat_stop stop)
{
    /* OpenAI says "stop" where a call of one named tool was forced */
    if (stop == STOP_END && s->has_call)
        stop = STOP_TOOL;
    if (stop == STOP_END && s->has_refusal)
        stop = STOP_REFUSAL;
    return anthropic_stop_name(stop);
}

static void write_head(const struct encoder *s, struct buf *out)
{
    write_key(out, "id");
    buf_cstr(out, "\"msg_");
    buf_str(out, s->reply.id);
    buf_char(out, '"');
    write_member_cstr(out, "type", "message");
    write_member_cstr(out, "role", "assistant");
    write_key(out, "model");
    write_plain(out, s->reply.model);
}

static void write_sequence(struct buf *out, struct str sequence)
{
    write_key(out, "stop_sequence");
    if (sequence.len > 0)
        write_text(out, sequence);
    else
        write_null(out);
}

/* A foreign one goes out wrapped; one that is missing as a wrapped nothing, for the SDKs want the
 * member to be there. */
static void write_signature(struct encoder *s, const char *key, struct str signature,
                            enum chat_signer signer, struct buf *out)
{
    if (signer != SIGNER_ANTHROPIC || signature.len == 0)
        signature = text_wrap(s->c.scratch, signature, signature.len > 0 ? signer : SIGNER_NONE);
    write_member_text(out, key, signature);
}

static bool contains(struct str s, const char *needle)
{
    return s.len > 0 && memmem(s.p, s.len, needle, strlen(needle)) != NULL;
}

static bool is_own_citation(const struct chat_citation *c)
{
    return contains(c->raw, "_location\"") && contains(c->raw, "\"cited_text\"");
}

/* Foreign ones are of pages on the web, or cannot be said. */
static bool can_cite(const struct chat_citation *c)
{
    return is_own_citation(c) || c->url.len > 0;
}

static void write_citation(const struct chat_citation *c, struct buf *out)
{
    if (is_own_citation(c)) {
        write_raw(out, c->raw);
        return;
    }
    write_open(out, '{');
    write_member_cstr(out, "type", "web_search_result_location");
    write_member_text(out, "cited_text", c->text);
    write_member_text(out, "encrypted_index", STR_NONE);
    write_key(out, "title");
    if (c->title.len > 0)
        write_text(out, c->title);
    else
        write_null(out);
    write_member_text(out, "url", c->url);
    write_close(out, '}');
}

/* --- a stream --- */

static void begin(struct buf *out, const char *event)
{
    write_event_begin(out, event);
    write_open(out, '{');
    write_member_cstr(out, "type", event);
}

static void end(struct buf *out)
{
    write_close(out, '}');
    write_event_end(out);
}

/* Up to the members of the block; block_end closes it. */
static void block_begin(struct encoder *s, const char *type, struct buf *out)
{
    begin(out, "content_block_start");
    write_member_u64(out, "index", s->index);
    write_key(out, "content_block");
    write_open(out, '{');
    write_member_cstr(out, "type", type);
    s->is_open = true;
}

static void block_end(struct buf *out)
{
    write_close(out, '}');
    end(out);
}

static void block_stop(struct encoder *s, struct buf *out)
{
    if (!s->is_open)
        return;
    begin(out, "content_block_stop");
    write_member_u64(out, "index", s->index);
    end(out);
    s->is_open = false;
    s->index++;
}

static void delta_begin(struct encoder *s, const char *type, struct buf *out)
{
    begin(out, "content_block_delta");
    write_member_u64(out, "index", s->index);
    write_key(out, "delta");
    write_open(out, '{');
    write_member_cstr(out, "type", type);
}

static void thinking_begin(struct encoder *s, struct buf *out)
{
    block_begin(s, "thinking", out);
    write_member_text(out, "thinking", STR_NONE);
    write_member_text(out, "signature", STR_NONE);
    block_end(out);
}

static void thinking_sign(struct encoder *s, struct buf *out)
{
    delta_begin(s, "signature_delta", out);
    write_signature(s, "signature", s->signature, s->signer, out);
    block_end(out);
}

/* A tool call begins when what may have to go ahead of it is known. */
static void let_go(struct encoder *s, struct buf *out)
{
    if (!s->is_held)
        return;
    s->is_held = false;
    if (s->signature.len > 0) {
        thinking_begin(s, out);
        thinking_sign(s, out);
        block_stop(s, out);
    }
    block_begin(s, "tool_use", out);
    write_member_text(out, "id", s->id);
    write_member_text(out, "name", s->name);
    write_member_raw(out, "input", STR("{}"));
    block_end(out);
}

static void on_block_start(struct encoder *s, const struct chat_event *e, struct buf *out)
{
    s->signature = STR_NONE;
    s->signer = SIGNER_NONE;
    switch (e->block_kind) {
    case BLOCK_REFUSAL:
    case BLOCK_TEXT:
        s->has_refusal = s->has_refusal || e->block_kind == BLOCK_REFUSAL;
        block_begin(s, "text", out);
        write_member_text(out, "text", STR_NONE);
        block_end(out);
        break;
    case BLOCK_THINKING:
        thinking_begin(s, out);
        break;
    case BLOCK_TOOL_CALL:
        s->has_call = s->is_held = true;
        s->id = arena_str(s->c.arena, e->id);
        s->name = arena_str(s->c.arena, e->name);
        break;
    default: /* redacted thinking is written at its end; the rest has no place here */
        break;
    }
}

static void on_delta(struct encoder *s, const struct chat_event *e, struct buf *out)
{
    let_go(s, out);
    if (!s->is_open)
        return;
    if (e->block_kind == BLOCK_TOOL_CALL) {
        delta_begin(s, "input_json_delta", out);
        write_member_text(out, "partial_json", e->text);
    } else if (e->block_kind == BLOCK_THINKING) {
        delta_begin(s, "thinking_delta", out);
        write_member_text(out, "thinking", e->text);
    } else {
        delta_begin(s, "text_delta", out);
        write_member_text(out, "text", e->text);
    }
    block_end(out);
}

/* Written in one piece at the block's end, because the SDKs keep the last piece only. */
static void on_signature(struct encoder *s, const struct chat_event *e)
{
    text_grow(s->c.arena, &s->signature, &s->signature_cap, e->text, SIGNATURE_MAX);
    s->signer = e->signer;
}

static void on_citation(struct encoder *s, const struct chat_event *e, struct buf *out)
{
    if (!s->is_open || e->block_kind != BLOCK_TEXT || !can_cite(e->citation))
        return;
    delta_begin(s, "citations_delta", out);
    write_key(out, "citation");
    write_citation(e->citation, out);
    block_end(out);
}

static void on_block_stop(struct encoder *s, const struct chat_event *e, struct buf *out)
{
    let_go(s, out);
    if (e->block_kind == BLOCK_REDACTED && s->signature.len > 0) {
        block_begin(s, "redacted_thinking", out);
        write_signature(s, "data", s->signature, s->signer, out);
        block_end(out);
    }
    if (e->block_kind == BLOCK_THINKING && s->is_open)
        thinking_sign(s, out);
    block_stop(s, out);
}

static void on_start(struct encoder *s, struct buf *out)
{
    begin(out, "message_start");
    write_key(out, "message");
    write_open(out, '{');
    write_head(s, out);
    write_member_raw(out, "content", STR("[]"));
    write_member_raw(out, "stop_reason", STR("null"));
    write_sequence(out, STR_NONE);
    write_key(out, "usage");
    anthropic_usage_write(out, &s->usage);
    write_close(out, '}');
    end(out);
}

static void on_end(struct encoder *s, struct buf *out)
{
    begin(out, "message_delta");
    write_key(out, "delta");
    write_open(out, '{');
    write_member_cstr(out, "stop_reason", stop_name(s, s->stop));
    write_sequence(out, s->sequence);
    write_close(out, '}');
    write_key(out, "usage");
    anthropic_usage_write(out, &s->usage);
    end(out);
    begin(out, "message_stop");
    end(out);
}

void anthropic_encode_event(void *encoder, const struct chat_event *e, struct buf *out)
{
    struct encoder *s = encoder;

    if (s->has_end || e->choice > 0) /* this dialect has one answer */
        return;
    switch (e->kind) {
    case EVENT_START:
        on_start(s, out);
        break;
    case EVENT_BLOCK_START:
        on_block_start(s, e, out);
        break;
    case EVENT_DELTA:
        on_delta(s, e, out);
        break;
    case EVENT_SIGNATURE:
        on_signature(s, e);
        break;
    case EVENT_CITATION:
        on_citation(s, e, out);
        break;
    case EVENT_BLOCK_STOP:
        on_block_stop(s, e, out);
        break;
    case EVENT_STOP:
        s->stop = e->stop;
        s->sequence = arena_str(s->c.arena, e->text);
        break;
    case EVENT_USAGE:
        s->usage = *e->usage;
        break;
    case EVENT_END:
        s->has_end = true;
        on_end(s, out);
        break;
    case EVENT_ERROR:
        s->has_end = true;
        anthropic_encode_error_event(e->error, s->reply.id, out);
        break;
    case EVENT_LOGPROBS:
        break;
    }
}

/* --- a whole answer --- */

static void write_thinking(struct encoder *s, struct str text, const struct chat_block *signed_by,
                           struct buf *out)
{
    write_open(out, '{');
    write_member_cstr(out, "type", "thinking");
    write_member_text(out, "thinking", text);
    write_signature(s, "signature", signed_by->signature, signed_by->signer, out);
    write_close(out, '}');
}

static void write_call(struct encoder *s, const struct chat_block *b, struct chat_loss *loss,
                       struct buf *out)
{
    struct str input;

    if (b->signature.len > 0)
        write_thinking(s, STR_NONE, b, out);
    if (!text_arguments_object(&s->c, b, &input))
        loss_change(loss, STR("content.input"));
    write_open(out, '{');
    write_member_cstr(out, "type", "tool_use");
    write_member_text(out, "id", b->id);
    write_member_text(out, "name", b->name);
    write_member_raw(out, "input", input);
    write_close(out, '}');
}

static void write_text_part(const struct chat_block *b, struct chat_loss *loss, struct buf *out)
{
    bool any = false;

    write_open(out, '{');
    write_member_cstr(out, "type", "text");
    write_member_text(out, "text", b->text);
    for (const struct chat_citation *c = b->citations; c != NULL; c = c->next) {
        if (!can_cite(c)) {
            loss_drop(loss, STR("citations"));
            continue;
        }
        if (!any) {
            write_key(out, "citations");
            write_open(out, '[');
        }
        any = true;
        write_citation(c, out);
    }
    if (any)
        write_close(out, ']');
    write_close(out, '}');
}

static void write_block(struct encoder *s, const struct chat_block *b, struct chat_loss *loss,
                        struct buf *out)
{
    switch (b->kind) {
    case BLOCK_REFUSAL:
        s->has_refusal = true;
        write_text_part(b, loss, out);
        break;
    case BLOCK_TEXT:
        write_text_part(b, loss, out);
        break;
    case BLOCK_THINKING:
        write_thinking(s, b->text, b, out);
        break;
    case BLOCK_REDACTED:
        write_open(out, '{');
        write_member_cstr(out, "type", "redacted_thinking");
        write_signature(s, "data", b->signature, b->signer, out);
        write_close(out, '}');
        break;
    case BLOCK_TOOL_CALL:
        s->has_call = true;
        write_call(s, b, loss, out);
        break;
    default:
        loss_drop(loss, b->name.len > 0 ? b->name : STR("content"));
    }
}

void anthropic_encode_answer(void *encoder, const struct chat_answer *answer,
                             struct chat_loss *loss, struct buf *out)
{
    struct encoder *s = encoder;
    const struct chat_choice_answer *choice = answer->n_choices > 0 ? answer->choices : NULL;

    if (answer->n_choices > 1)
        loss_drop(loss, STR("n"));
    write_open(out, '{');
    write_head(s, out);
    write_key(out, "content");
    write_open(out, '[');
    for (const struct chat_block *b = choice != NULL ? choice->blocks : NULL; b != NULL;
         b = b->next)
        write_block(s, b, loss, out);
    write_close(out, ']');
    write_member_cstr(out, "stop_reason", stop_name(s, choice != NULL ? choice->stop : STOP_END));
    write_sequence(out, choice != NULL ? choice->sequence : STR_NONE);
    write_key(out, "usage");
    anthropic_usage_write(out, &answer->usage);
    write_close(out, '}');
    if (choice != NULL && choice->logprobs.len > 0)
        loss_drop(loss, STR("logprobs"));
}
