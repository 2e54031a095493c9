/*
 * Whole answers and errors of the OpenAI chat dialect.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/write.h"

/* --- a choice's message --- */

static void put_joined(struct buf *out, const char *key, const struct chat_block *blocks,
                       enum chat_block_kind kind)
{
    bool has_any = false;

    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind != kind)
            continue;
        if (!has_any) {
            write_key(out, key);
            buf_char(out, '"');
        }
        has_any = true;
        buf_str(out, b->text);
    }
    if (has_any)
        buf_char(out, '"');
    else if (kind != BLOCK_THINKING)
        write_member_raw(out, key, STR("null"));
}

static void put_thoughts(const struct openai_encoder *x, const struct chat_block *blocks,
                         struct buf *out)
{
    struct openai_span span = {0, 0};
    uint64_t n = 0;

    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_THINKING && b->kind != BLOCK_REDACTED)
            continue;
        span.start = span.end;
        span.end += b->kind == BLOCK_THINKING ? openai_characters(b->text) : 0;
        if (b->signature.len == 0)
            continue;
        if (n == 0) {
            write_key(out, "bf_thinking");
            write_open(out, '[');
        }
        openai_put_thought_entry(out, n++, b->kind, span,
                                 text_wrap(x->c.scratch, b->signature, b->signer));
    }
    if (n > 0)
        write_close(out, ']');
}

static void put_citations(const struct chat_block *blocks, struct chat_loss *loss, struct buf *out)
{
    uint64_t n = 0;

    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        for (const struct chat_citation *c = b->citations; c != NULL; c = c->next) {
            if (c->url.len == 0) {
                loss_drop(loss, STR("citations"));
                continue;
            }
            if (n == 0) {
                write_key(out, "annotations");
                write_open(out, '[');
            }
            openai_put_citation(out, c, n++);
        }
    }
    if (n > 0)
        write_close(out, ']');
}

static void put_call(const struct openai_encoder *x, const struct chat_block *b, struct buf *out)
{
    bool is_freeform = openai_is_freeform(x->reply->chat, b->name);
    const char *kind = is_freeform ? "custom" : "function";

    write_open(out, '{');
    write_member_text(out, "id", b->id);
    write_member_cstr(out, "type", kind);
    write_key(out, kind);
    write_open(out, '{');
    write_member_text(out, "name", b->name);
    if (is_freeform)
        write_member_text(out, "input", openai_freeform_input(&x->c, b->arguments_text));
    else
        write_member_text(out, "arguments", b->arguments_text);
    write_close(out, '}');
    if (b->signature.len > 0)
        write_member_text(out, "bf_signature", text_wrap(x->c.scratch, b->signature, b->signer));
    write_close(out, '}');
}

/* The old way has room for one call. */
static void put_function_call(const struct chat_block *b, struct buf *out)
{
    write_key(out, "function_call");
    write_open(out, '{');
    write_member_text(out, "name", b->name);
    write_member_text(out, "arguments", b->arguments_text);
    write_close(out, '}');
}

static void put_calls(const struct openai_encoder *x, const struct chat_block *blocks,
                      struct chat_loss *loss, struct buf *out)
{
    size_t n = 0;

    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_TOOL_CALL)
            continue;
        if (x->reply->chat->is_functions) {
            if (n++ == 0)
                put_function_call(b, out);
            else
                loss_drop(loss, STR("function_call"));
            continue;
        }
        if (n++ == 0) {
            write_key(out, "tool_calls");
            write_open(out, '[');
        }
        put_call(x, b, out);
    }
    if (n > 0 && !x->reply->chat->is_functions)
        write_close(out, ']');
}

static bool has_kind(const struct chat_block *blocks, enum chat_block_kind kind)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind == kind)
            return true;
    }
    return false;
}

static void report_others(const struct openai_encoder *x, const struct chat_block *blocks,
                          struct chat_loss *loss)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_OTHER)
            loss_drop(loss, arena_concat(x->c.arena, (struct str[]){STR("content."), b->name}, 2));
        else if (b->kind == BLOCK_IMAGE || b->kind == BLOCK_AUDIO)
            loss_drop(loss, b->kind == BLOCK_IMAGE ? STR("content.image") : STR("content.audio"));
    }
}

static void put_choice(const struct openai_encoder *x, const struct chat_choice_answer *ch,
                       uint32_t index, struct chat_loss *loss, struct buf *out)
{
    bool has_refusal = has_kind(ch->blocks, BLOCK_REFUSAL);

    report_others(x, ch->blocks, loss);
    write_open(out, '{');
    write_member_u64(out, "index", index);
    write_key(out, "message");
    write_open(out, '{');
    write_member_cstr(out, "role", "assistant");
    put_joined(out, "content", ch->blocks, BLOCK_TEXT);
    put_joined(out, "refusal", ch->blocks, BLOCK_REFUSAL);
    put_joined(out, "reasoning_content", ch->blocks, BLOCK_THINKING);
    put_thoughts(x, ch->blocks, out);
    put_citations(ch->blocks, loss, out);
    put_calls(x, ch->blocks, loss, out);
    write_close(out, '}');
    write_key(out, "logprobs");
    if (ch->logprobs.len > 0) {
        write_open(out, '{');
        write_member_raw(out, "content", ch->logprobs);
        write_member_raw(out, "refusal", STR("null"));
        write_close(out, '}');
    } else {
        write_null(out);
    }
    write_member_cstr(out, "finish_reason",
                      openai_finish_name(x->reply->chat, ch->stop, has_refusal));
    write_close(out, '}');
}

void openai_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    const struct openai_encoder *x = encoder;

    if (answer->has_error) {
        openai_encode_error(&answer->error, STR_NONE, out);
        return;
    }
    buf_str(out, x->head);
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        if (answer->choices[i].seen)
            put_choice(x, &answer->choices[i], i, loss, out);
    }
    write_close(out, ']');
    if (answer->usage.known) {
        write_key(out, "usage");
        openai_put_usage(out, &answer->usage);
    }
    write_close(out, '}');
}

/* --- errors --- */

static const struct {
    const char *type, *code;
} kinds[] = {
    [ERROR_INVALID] = {"invalid_request_error", NULL},
    [ERROR_AUTH] = {"invalid_request_error", "invalid_api_key"},
    [ERROR_BILLING] = {"insufficient_quota", "insufficient_quota"},
    [ERROR_PERMISSION] = {"invalid_request_error", "permission_denied"},
    [ERROR_NOT_FOUND] = {"invalid_request_error", "model_not_found"},
    [ERROR_METHOD] = {"invalid_request_error", "method_not_supported"},
    [ERROR_CONFLICT] = {"invalid_request_error", "conflict"},
    [ERROR_TOO_LARGE] = {"invalid_request_error", "request_too_large"},
    [ERROR_RATE] = {"requests", "rate_limit_exceeded"},
    [ERROR_SERVER] = {"server_error", NULL},
    [ERROR_UPSTREAM] = {"server_error", "upstream_error"},
    [ERROR_OVERLOADED] = {"server_error", "overloaded"},
    [ERROR_TIMEOUT] = {"server_error", "timeout"},
};

void openai_encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    size_t kind = err->kind > 0 && err->kind < ARRAY_LEN(kinds) ? err->kind : ERROR_SERVER;
    struct str code = err->code.len > 0 ? err->code : str_of(kinds[kind].code);

    (void)request_id; /* in the header x-request-id, which the SDK shows */
    write_open(out, '{');
    write_key(out, "error");
    write_open(out, '{');
    write_member_text(out, "message", err->message);
    write_member_cstr(out, "type", kinds[kind].type);
    write_key(out, "param");
    if (err->param.len > 0)
        write_text(out, err->param);
    else
        write_null(out);
    write_key(out, "code");
    if (code.len > 0)
        write_text(out, code);
    else
        write_null(out);
    write_close(out, '}');
    write_close(out, '}');
}

void openai_encode_error_event(const struct chat_error *err, struct str request_id, struct buf *out)
{
    write_event_begin(out, NULL);
    openai_encode_error(err, request_id, out);
    write_event_end(out);
}
