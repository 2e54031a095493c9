/*
 * cohere_write - messages of a v2 chat request: cohere.h.
 *
 * Roles need not alternate on this wire, so a message becomes a message, but for tool results: each
 * is one of its own, and what stood beside them follows.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/write.h"

static int invalid(const struct cohere_out *o, const char *text)
{
    char path[48];

    (void)snprintf(path, sizeof(path), "messages[%u]", o->message); /* fits */
    return chat_invalid(o->c, o->err, path, "%s: %s", path, text);
}

static void begin_part(struct cohere_out *o, const char *type)
{
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", type);
}

static void put_text_part(struct cohere_out *o, struct str text)
{
    begin_part(o, "text");
    write_member_text(o->b, "text", text);
    write_close(o->b, '}');
}

static bool is_own_document(const struct cohere_out *o, const struct chat_block *b)
{
    return b->kind == BLOCK_DOCUMENT && o->chat->from == DIALECT_COHERE &&
           str_eq(b->name, STR(COHERE_DOCUMENT));
}

void cohere_write_documents(struct cohere_out *o)
{
    const struct chat_message *m = o->chat->messages;
    bool is_open = false;

    while (m != NULL && m->role != ROLE_USER)
        m = m->next;
    if (m == NULL)
        return;
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (!is_own_document(o, b))
            continue;
        if (!is_open) {
            write_key(o->b, "documents");
            write_open(o->b, '[');
        }
        is_open = true;
        write_raw(o->b, b->raw);
    }
    if (is_open)
        write_close(o->b, ']');
}

/* --- media --- */

static int put_image(struct cohere_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    struct str type = m->type;

    if (m->source == SOURCE_FILE)
        return invalid(o, "Cohere knows no file ids; send the image's bytes in base64");
    if (m->source == SOURCE_BASE64 && type.len == 0)
        type = text_media_type(m->name);
    if (m->source == SOURCE_BASE64 && type.len == 0)
        return invalid(o, "the type of an image must be told");
    begin_part(o, "image_url");
    write_key(o->b, "image_url");
    write_open(o->b, '{');
    write_key(o->b, "url");
    if (m->source == SOURCE_BASE64) {
        buf_cstr(o->b, "\"data:");
        buf_str(o->b, type);
        buf_cstr(o->b, ";base64,");
        buf_str(o->b, m->data);
        buf_char(o->b, '"');
    } else {
        write_text(o->b, m->data);
    }
    write_text_if(o->b, "detail", m->detail);
    write_close(o->b, '}');
    write_close(o->b, '}');
    return 0;
}

/* Texts are read as texts; a document of bytes is what Cohere has no way to look into. */
static int put_document(struct cohere_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;

    if (is_own_document(o, b))
        return 0; /* it is among the request's documents */
    if (str_starts(m->type, STR("image/")))
        return put_image(o, b);
    if (m->source != SOURCE_TEXT)
        return invalid(o, "Cohere takes no documents but texts");
    loss_change(o->loss, STR("messages.content.document"));
    begin_part(o, "text");
    write_key(o->b, "text");
    buf_cstr(o->b, "\"<document");
    if (m->name.len > 0) {
        buf_cstr(o->b, " title=\\\"");
        buf_str(o->b, m->name);
        buf_cstr(o->b, "\\\"");
    }
    buf_cstr(o->b, ">\\n");
    buf_str(o->b, m->data);
    buf_cstr(o->b, "\\n</document>\"");
    write_close(o->b, '}');
    return 0;
}

/* --- thinking --- */

/* Cohere's own thoughts have no signature; those of others tell it nothing. */
static void put_thought(struct cohere_out *o, const struct chat_block *b)
{
    if (b->kind == BLOCK_REDACTED || b->signer != SIGNER_NONE || !cohere_can_think(o)) {
        loss_drop(o->loss, STR("thinking"));
        return;
    }
    begin_part(o, "thinking");
    write_member_text(o->b, "thinking", b->text);
    write_close(o->b, '}');
}

/* --- parts --- */

static int put_part(struct cohere_out *o, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_REFUSAL:
        loss_change(o->loss, STR("refusal")); /* it goes out as text */
        put_text_part(o, b->text);
        return 0;
    case BLOCK_TEXT:
        if (b->text.len > 0)
            put_text_part(o, b->text);
        return 0;
    case BLOCK_IMAGE:
        return put_image(o, b);
    case BLOCK_DOCUMENT:
        return put_document(o, b);
    case BLOCK_AUDIO:
        return invalid(o, "Cohere takes no audio");
    case BLOCK_VIDEO:
        return invalid(o, "Cohere takes no video");
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        put_thought(o, b);
        return 0;
    case BLOCK_OTHER:
        if (o->chat->from == DIALECT_COHERE && b->raw.len > 0)
            write_raw(o->b, b->raw);
        else
            loss_drop(o->loss, b->name.len > 0 ? b->name : STR("messages.content"));
        return 0;
    default:
        return 0; /* calls and results have places of their own */
    }
}

static void open_message(struct cohere_out *o, const char *role)
{
    write_open(o->b, '{');
    write_member_cstr(o->b, "role", role);
}

/* A message whose one text is its content, else parts. Nothing is written when nothing can be said. */
static int put_content_message(struct cohere_out *o, const char *role, const struct chat_message *m)
{
    const struct chat_block *first = m->blocks, *only = NULL;
    size_t start = o->b->len, empty;

    while (first != NULL && first->kind == BLOCK_TOOL_RESULT)
        first = first->next;
    if (first != NULL && first->next == NULL)
        only = first;
    open_message(o, role);
    write_key(o->b, "content");
    if (only != NULL && only->kind == BLOCK_TEXT && only->citations == NULL) {
        write_text(o->b, only->text);
        write_close(o->b, '}');
        return 0;
    }
    write_open(o->b, '[');
    empty = o->b->len;
    for (const struct chat_block *b = first; b != NULL; b = b->next) {
        if (put_part(o, b) != 0)
            return -1;
    }
    if (o->b->len == empty) {
        o->b->len = start;
        return 0;
    }
    write_close(o->b, ']');
    write_close(o->b, '}');
    return 0;
}

/* --- results --- */

static void hold_image(struct cohere_out *o, const struct chat_block *b)
{
    if (o->n_held == ARRAY_LEN(o->held)) {
        loss_drop(o->loss, STR("messages.content"));
        return;
    }
    loss_change(o->loss, STR("messages.content"));
    o->held[o->n_held++] = b;
}

static int put_result_part(struct cohere_out *o, const struct chat_block *b)
{
    bool is_object = b->raw.len > 0 && b->raw.p[0] == '{';

    if (b->kind == BLOCK_TEXT && is_object) {
        begin_part(o, "document");
        write_key(o->b, "document");
        write_open(o->b, '{');
        write_member_raw(o->b, "data", b->raw);
        write_close(o->b, '}');
        write_close(o->b, '}');
    } else if (b->kind == BLOCK_IMAGE) {
        hold_image(o, b);
    } else {
        return put_part(o, b);
    }
    return 0;
}

static int put_result(struct cohere_out *o, const struct chat_block *result)
{
    const struct chat_block *content = result->content;

    if (result->is_error)
        loss_drop(o->loss, STR("is_error"));
    open_message(o, "tool");
    write_member_text(o->b, "tool_call_id", result->id);
    write_key(o->b, "content");
    if (content == NULL || (content->next == NULL && content->kind == BLOCK_TEXT &&
                            (content->raw.len == 0 || content->raw.p[0] != '{'))) {
        write_text(o->b, content != NULL ? content->text : STR_NONE);
    } else {
        size_t empty;

        write_open(o->b, '[');
        empty = o->b->len;
        for (const struct chat_block *b = content; b != NULL; b = b->next) {
            if (put_result_part(o, b) != 0)
                return -1;
        }
        if (o->b->len == empty)
            put_text_part(o, STR("(see below)")); /* an image, which follows */
        write_close(o->b, ']');
    }
    write_close(o->b, '}');
    return 0;
}

/* Behind the last of a run of results: no user may speak in between. */
static int put_held(struct cohere_out *o)
{
    if (o->n_held == 0)
        return 0;
    open_message(o, "user");
    write_key(o->b, "content");
    write_open(o->b, '[');
    for (size_t i = 0; i < o->n_held; i++) {
        if (put_image(o, o->held[i]) != 0)
            return -1;
    }
    o->n_held = 0;
    write_close(o->b, ']');
    write_close(o->b, '}');
    return 0;
}

/* --- the assistant's --- */

static void put_calls(struct cohere_out *o, const struct chat_message *m)
{
    write_key(o->b, "tool_calls");
    write_open(o->b, '[');
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_TOOL_CALL)
            continue;
        if (b->signature.len > 0)
            loss_drop(o->loss, STR("thinking"));
        write_open(o->b, '{');
        write_member_text(o->b, "id", b->id);
        write_member_cstr(o->b, "type", "function");
        write_key(o->b, "function");
        write_open(o->b, '{');
        write_member_text(o->b, "name", b->name);
        write_member_text(o->b, "arguments", text_arguments_string(o->c, b));
        write_close(o->b, '}');
        write_close(o->b, '}');
    }
    write_close(o->b, ']');
}

static void put_citations(struct cohere_out *o, const struct chat_message *m)
{
    bool is_open = false;

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        for (const struct chat_citation *c = b->citations; c != NULL; c = c->next) {
            if (o->chat->from != DIALECT_COHERE) {
                loss_drop(o->loss, STR("messages.content.citations"));
                return;
            }
            if (!is_open) {
                write_key(o->b, "citations");
                write_open(o->b, '[');
            }
            is_open = true;
            write_raw(o->b, c->raw);
        }
    }
    if (is_open)
        write_close(o->b, ']');
}

/* The text that is the plan of a message with calls: its first; NULL: none. */
static const struct chat_block *plan_of(const struct chat_message *m, bool has_calls)
{
    const struct chat_block *b = m->blocks;

    while (b != NULL && (b->kind == BLOCK_THINKING || b->kind == BLOCK_REDACTED))
        b = b->next;
    return has_calls && b != NULL && b->kind == BLOCK_TEXT && b->text.len > 0 ? b : NULL;
}

static int put_assistant(struct cohere_out *o, const struct chat_message *m)
{
    bool has_calls = false, has_content;
    const struct chat_block *plan;
    size_t start = o->b->len, before, empty;

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next)
        has_calls = has_calls || b->kind == BLOCK_TOOL_CALL;
    plan = plan_of(m, has_calls);
    open_message(o, "assistant");
    if (plan != NULL)
        write_member_text(o->b, "tool_plan", plan->text);
    before = o->b->len;
    write_key(o->b, "content");
    write_open(o->b, '[');
    empty = o->b->len;
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b != plan && put_part(o, b) != 0)
            return -1;
    }
    has_content = o->b->len > empty;
    if (has_content)
        write_close(o->b, ']');
    else
        o->b->len = before;
    if (!has_content && !has_calls) {
        o->b->len = start;
        return 0;
    }
    put_citations(o, m);
    if (has_calls)
        put_calls(o, m);
    write_close(o->b, '}');
    return 0;
}

/* --- messages --- */

static int put_message(struct cohere_out *o, const struct chat_message *m)
{
    bool has_rest = false;

    if (m->name.len > 0)
        loss_drop(o->loss, STR("messages.name"));
    if (m->role == ROLE_ASSISTANT)
        return put_held(o) != 0 ? -1 : put_assistant(o, m);
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_TOOL_RESULT) {
            has_rest = true;
            continue;
        }
        if (put_result(o, b) != 0)
            return -1;
    }
    if (!has_rest)
        return 0;
    if (put_held(o) != 0)
        return -1;
    return put_content_message(
        o, m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER ? "system" : "user", m);
}

int cohere_write_messages(struct cohere_out *o)
{
    write_open(o->b, '[');
    for (const struct chat_message *m = o->chat->messages; m != NULL; m = m->next, o->message++) {
        if (put_message(o, m) != 0)
            return -1;
    }
    if (put_held(o) != 0)
        return -1;
    write_close(o->b, ']');
    return 0;
}
