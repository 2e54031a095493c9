/*
 * Neutral messages as those of a chat-completions request. How a message is written depends on
 * nothing behind it.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/write.h"

#define CALL_ID_MAX 40 /* OpenAI refuses longer ones */

static void open_message(const struct openai_encode *e, const char *role)
{
    write_open(e->out, '{');
    write_member_cstr(e->out, "role", role);
}

/* --- content --- */

static bool is_text(const struct chat_block *b)
{
    return b->kind == BLOCK_TEXT;
}

static bool is_media(const struct chat_block *b)
{
    return b->kind == BLOCK_IMAGE || b->kind == BLOCK_AUDIO || b->kind == BLOCK_VIDEO ||
           b->kind == BLOCK_DOCUMENT;
}

static bool is_content(const struct chat_block *b)
{
    return is_text(b) || is_media(b);
}

typedef bool pick_fn(const struct chat_block *b);

static bool needs_parts(const struct openai_encode *e, const struct chat_block *blocks,
                        pick_fn *pick)
{
    size_t n = 0;

    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (!pick(b))
            continue;
        if (is_media(b) || n++ > 0 ||
            (b->cache != CACHE_NONE && openai_has(e, QUIRK_CACHE_CONTROL)))
            return true;
    }
    return false;
}

static void report_citations(const struct openai_encode *e, const struct chat_block *blocks)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->citations != NULL)
            loss_drop(e->loss, STR("citations"));
    }
}

/* One string where that is all there is, else parts. `between`: where parts cannot be. */
static int put_content(const struct openai_encode *e, const struct chat_block *blocks,
                       pick_fn *pick, struct str between)
{
    bool parts = needs_parts(e, blocks, pick);

    report_citations(e, blocks);
    if (!parts || openai_has(e, QUIRK_STRING_CONTENT)) {
        for (const struct chat_block *b = blocks; parts && b != NULL; b = b->next) {
            if (pick(b) && is_media(b))
                return openai_put_part(e, b); /* says why not */
        }
        write_member_text(e->out, "content", text_of_blocks(e->c, blocks, between));
        return 0;
    }
    write_key(e->out, "content");
    write_open(e->out, '[');
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (pick(b) && openai_put_part(e, b) != 0)
            return -1;
    }
    write_close(e->out, ']');
    return 0;
}

/* --- tool calls and their results --- */

/* FNV-1a: the same id in every turn, and nothing to look up. */
static struct str short_id(const struct openai_encode *e, struct str id)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t h = 0xcbf29ce484222325u;
    char out[9];

    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3u;
    for (size_t i = 0; i < sizeof(out); i++, h /= 62)
        out[i] = digits[h % 62];
    return arena_str(e->c->arena, (struct str){out, sizeof(out)});
}

static struct str call_id(const struct openai_encode *e, const struct chat_block *b)
{
    struct str id = b->id.len > 0 ? b->id : b->name;

    if (id.len > CALL_ID_MAX || openai_has(e, QUIRK_SHORT_IDS))
        return short_id(e, id);
    return id;
}

static void put_call(const struct openai_encode *e, const struct chat_block *b)
{
    write_open(e->out, '{');
    write_member_text(e->out, "id", call_id(e, b));
    write_member_cstr(e->out, "type", "function");
    write_key(e->out, "function");
    write_open(e->out, '{');
    write_member_text(e->out, "name", b->name);
    write_member_text(e->out, "arguments", text_arguments_string(e->c, b));
    write_close(e->out, '}');
    write_close(e->out, '}');
    if (b->signature.len > 0)
        loss_drop(e->loss, STR("thinking"));
}

static bool is_any_media(const struct chat_block *blocks)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (is_media(b))
            return true;
    }
    return false;
}

static int put_result(const struct openai_encode *e, const struct chat_block *b)
{
    const struct chat_block *content = b->content;
    struct chat_block note = {.kind = BLOCK_TEXT,
                              .text = STR("The result is in the next user message.")};

    if (b->is_error)
        loss_drop(e->loss, STR("is_error"));
    open_message(e, "tool");
    write_member_text(e->out, "tool_call_id", call_id(e, b));
    if (b->is_json && content != NULL)
        write_member_text(e->out, "content", text_escape(e->c->arena, content->raw));
    else if (put_content(e,
                         text_of_blocks(e->c, content, STR("")).len == 0 && is_any_media(content)
                             ? &note
                             : content,
                         is_text, STR("\\n")) != 0)
        return -1;
    for (const struct chat_block *x = content; x != NULL; x = x->next) {
        if (x->kind == BLOCK_OTHER)
            loss_drop(e->loss, STR("messages.tool.content"));
    }
    write_close(e->out, '}');
    return 0;
}

static bool has_result(const struct chat_message *m)
{
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_TOOL_RESULT)
            return true;
    }
    return false;
}

/* The media of one result; the message for them is begun with the first. */
static int put_media_of(const struct openai_encode *e, const struct chat_block *result,
                        bool *is_open)
{
    for (const struct chat_block *x = result->content; x != NULL; x = x->next) {
        if (!is_media(x))
            continue;
        if (!*is_open) {
            open_message(e, "user");
            write_key(e->out, "content");
            write_open(e->out, '[');
            loss_change(e->loss, STR("messages.tool.image"));
        }
        *is_open = true;
        if (openai_put_part(e, x) != 0)
            return -1;
    }
    return 0;
}

/* Images of the results from `first` up to and with `last`, in a user message behind them all. */
static int put_result_media(const struct openai_encode *e, const struct chat_message *first,
                            const struct chat_message *last)
{
    bool is_open = false;

    for (const struct chat_message *m = first; m != last->next; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TOOL_RESULT && put_media_of(e, b, &is_open) != 0)
                return -1;
        }
    }
    if (is_open) {
        write_close(e->out, ']');
        write_close(e->out, '}');
    }
    return 0;
}

/* --- messages by role --- */

static void put_name(const struct openai_encode *e, const struct chat_message *m)
{
    if (m->name.len == 0)
        return;
    if (openai_has(e, QUIRK_NO_NAME))
        loss_drop(e->loss, STR("messages.name"));
    else
        write_member_text(e->out, "name", m->name);
}

static int put_plain(const struct openai_encode *e, const struct chat_message *m, const char *role)
{
    bool is_system = m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
    size_t n = 0;

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        n += is_content(b);
        if (b->kind == BLOCK_OTHER)
            loss_drop(e->loss,
                      arena_concat(e->c->arena, (struct str[]){STR("messages."), b->name}, 2));
        else if (!is_content(b) && b->kind != BLOCK_TOOL_RESULT)
            loss_drop(e->loss, STR("messages.content"));
    }
    if (n == 0)
        return 0;
    open_message(e, role);
    put_name(e, m);
    if (put_content(e, m->blocks, is_content, is_system ? STR("\\n\\n") : STR("\\n")) != 0)
        return -1;
    write_close(e->out, '}');
    return 0;
}

/* The texts of all blocks of this kind as one member, if there are any. */
static void put_texts(const struct openai_encode *e, const char *key, enum chat_block_kind kind,
                      const struct chat_message *m)
{
    bool is_open = false;

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind != kind || b->text.len == 0)
            continue;
        if (!is_open) {
            write_key(e->out, key);
            buf_char(e->out, '"');
        }
        is_open = true;
        buf_str(e->out, b->text);
    }
    if (is_open)
        buf_char(e->out, '"');
}

/* Unsigned, where the vendor takes it back at all. */
static void put_thoughts(const struct openai_encode *e, const struct chat_message *m)
{
    bool can = openai_has(e, QUIRK_REASONING_CONTENT);

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_REDACTED || (b->kind == BLOCK_THINKING && !can))
            loss_drop(e->loss, STR("thinking"));
    }
    if (can)
        put_texts(e, "reasoning_content", BLOCK_THINKING, m);
}

static int put_assistant(const struct openai_encode *e, const struct chat_message *m)
{
    size_t texts = 0, calls = 0, refusals = 0;

    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        texts += is_text(b);
        calls += b->kind == BLOCK_TOOL_CALL;
        refusals += b->kind == BLOCK_REFUSAL && b->text.len > 0;
        if (is_media(b))
            loss_drop(e->loss, STR("messages.assistant.image"));
        else if (b->kind == BLOCK_OTHER)
            loss_drop(e->loss,
                      arena_concat(e->c->arena, (struct str[]){STR("messages."), b->name}, 2));
    }
    if (texts + calls + refusals == 0 && m->blocks != NULL) {
        loss_drop(e->loss, STR("thinking"));
        return 0;
    }
    open_message(e, "assistant");
    put_name(e, m);
    put_thoughts(e, m);
    if (texts > 0 && put_content(e, m->blocks, is_text, STR("")) != 0)
        return -1;
    if (texts == 0)
        write_member_raw(e->out, "content", calls + refusals > 0 ? STR("null") : STR("\"\""));
    put_texts(e, "refusal", BLOCK_REFUSAL, m);
    if (calls > 0) {
        write_key(e->out, "tool_calls");
        write_open(e->out, '[');
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TOOL_CALL)
                put_call(e, b);
        }
        write_close(e->out, ']');
    }
    write_close(e->out, '}');
    return 0;
}

static int put_message(const struct openai_encode *e, const struct chat_message *m)
{
    switch (m->role) {
    case ROLE_ASSISTANT:
        return put_assistant(e, m);
    case ROLE_SYSTEM:
        return put_plain(e, m, "system");
    case ROLE_DEVELOPER:
        return put_plain(e, m, openai_has(e, QUIRK_NO_DEVELOPER) ? "system" : "developer");
    default:
        return put_plain(e, m, "user");
    }
}

/* For models that can be held to JSON, but to no schema. */
static void put_schema_words(const struct openai_encode *e)
{
    if (e->chat->format != FORMAT_SCHEMA || !openai_has(e, QUIRK_NO_SCHEMA))
        return;
    open_message(e, "system");
    write_key(e->out, "content");
    write_raw(e->out, STR("\"Answer with one JSON object that follows this JSON schema, and with "
                          "nothing else:\\n"));
    buf_str(e->out, text_escape(e->c->arena, e->chat->format_schema));
    buf_char(e->out, '"');
    write_close(e->out, '}');
}

int openai_put_messages(struct openai_encode *e)
{
    const struct chat_message *run =
        NULL; /* first of the messages with results, one after another */

    write_key(e->out, "messages");
    write_open(e->out, '[');
    put_schema_words(e);
    e->message = 0;
    for (const struct chat_message *m = e->chat->messages; m != NULL; m = m->next, e->message++) {
        bool is_result = has_result(m);

        if (is_result && run == NULL)
            run = m;
        for (const struct chat_block *b = is_result ? m->blocks : NULL; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TOOL_RESULT && put_result(e, b) != 0)
                return -1;
        }
        if (run != NULL && (m->next == NULL || !has_result(m->next))) {
            if (put_result_media(e, run, m) != 0)
                return -1;
            run = NULL;
        }
        if ((!is_result || m->role != ROLE_TOOL) && put_message(e, m) != 0)
            return -1;
    }
    if (e->out->data[e->out->len - 1] == '[')
        return chat_invalid(e->c, e->err, "messages",
                            "there is nothing in the messages that this model's provider knows");
    write_close(e->out, ']');
    return 0;
}
