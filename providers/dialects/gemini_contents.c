/*
 * Messages into contents and parts: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/write.h"

struct writing {
    const struct chat_codec *c;
    const struct chat *chat;
    struct chat_loss *loss;
    struct buf *out;
    struct chat_error *err;
    bool signs;                       /* the model refuses a first call without a signature */
    bool shows;                       /* the model takes media in functionResponse.parts */
    const char *role;                 /* of the content under way; NULL: none */
    const struct chat_message *first; /* in it */
    bool has_call;                    /* in it */
    uint32_t at;                      /* the message's number, for errors */
};

static bool is_system(const struct chat_message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}

uint32_t gemini_system_messages(const struct chat *chat)
{
    const struct chat_message *m = chat->messages;
    uint32_t n = 0;

    for (; m != NULL && is_system(m); m = m->next)
        n++;
    return m != NULL ? n : 0; /* contents must not be empty */
}

/* --- media --- */

static struct str type_of(const struct chat_block *b)
{
    struct str type = b->media.type;

    if (type.len == 0)
        type = text_media_type(b->media.name.len > 0 ? b->media.name : b->media.data);
    if (type.len > 0)
        return type;
    switch (b->kind) {
    case BLOCK_IMAGE:
        return STR("image/jpeg");
    case BLOCK_AUDIO:
        return STR("audio/wav");
    case BLOCK_VIDEO:
        return STR("video/mp4");
    default:
        return STR("application/pdf");
    }
}

/* The members of a part that is open. -1: what it stands for is nowhere Google could read it. */
static int write_media(const struct writing *w, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    char path[48];

    if (m->name.len > 0)
        loss_drop(w->loss, STR("filename"));
    if (m->detail.len > 0 && !text_is(m->detail, "auto"))
        loss_drop(w->loss, STR("detail"));
    switch (m->source) {
    case SOURCE_TEXT:
        loss_change(w->loss, STR("document"));
        write_member_text(w->out, "text", m->data);
        return 0;
    case SOURCE_BASE64:
        write_key(w->out, "inlineData");
        write_open(w->out, '{');
        write_member_text(w->out, "mimeType", type_of(b));
        write_member_text(w->out, "data", m->data);
        write_close(w->out, '}');
        return 0;
    default:
        if (m->source == SOURCE_FILE && w->chat->from != DIALECT_GEMINI) {
            (void)snprintf(path, sizeof(path), "messages[%u]", w->at);
            return chat_invalid(w->c, w->err, path,
                                "a file that is stored at another provider cannot be read by "
                                "Google's models: send its content");
        }
        write_key(w->out, "fileData");
        write_open(w->out, '{');
        write_member_text(w->out, "mimeType", type_of(b));
        write_member_text(w->out, "fileUri", m->data);
        write_close(w->out, '}');
        return 0;
    }
}

static bool is_media(const struct chat_block *b)
{
    return b->kind == BLOCK_IMAGE || b->kind == BLOCK_AUDIO || b->kind == BLOCK_VIDEO ||
           b->kind == BLOCK_DOCUMENT;
}

/* --- contents --- */

/* Media of results that the model does not take inside them: behind all results of the content. */
static int write_moved_media(struct writing *w, const struct chat_message *until)
{
    for (const struct chat_message *m = w->first; m != NULL && m != until; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            for (const struct chat_block *x = b->content; x != NULL; x = x->next) {
                if (b->kind != BLOCK_TOOL_RESULT || !is_media(x))
                    continue;
                loss_change(w->loss, STR("tool_result.image"));
                write_open(w->out, '{');
                if (write_media(w, x) != 0)
                    return -1;
                write_close(w->out, '}');
            }
        }
    }
    return 0;
}

/* `next`: the message behind the content. */
static int close_content(struct writing *w, const struct chat_message *next)
{
    if (w->role == NULL)
        return 0;
    if (!w->shows && write_moved_media(w, next) != 0)
        return -1;
    write_close(w->out, ']');
    write_close(w->out, '}');
    w->role = NULL;
    return 0;
}

/* Begin a part of message `m`, in a content of its role. */
static int open_part(struct writing *w, const struct chat_message *m)
{
    const char *role = m->role == ROLE_ASSISTANT ? "model" : "user";

    if (w->role == NULL || strcmp(w->role, role) != 0) {
        if (close_content(w, m) != 0)
            return -1;
        w->role = role;
        w->first = m;
        w->has_call = false;
        write_open(w->out, '{');
        write_member_cstr(w->out, "role", role);
        write_key(w->out, "parts");
        write_open(w->out, '[');
    }
    write_open(w->out, '{');
    return 0;
}

/* --- blocks --- */

static void write_call(struct writing *w, const struct chat_block *b)
{
    bool is_own = b->signature.len > 0 && b->signer == SIGNER_GEMINI;
    struct str arguments;

    if (!text_arguments_object(w->c, b, &arguments))
        loss_change(w->loss, STR("tool_calls.arguments"));
    write_key(w->out, "functionCall");
    write_open(w->out, '{');
    write_text_if(w->out, "id", b->id);
    write_member_text(w->out, "name", b->name);
    write_member_raw(w->out, "args", arguments);
    write_close(w->out, '}');
    if (is_own)
        write_member_text(w->out, "thoughtSignature", b->signature);
    else if (w->signs && !w->has_call)
        write_member_cstr(w->out, "thoughtSignature", GEMINI_NO_SIGNATURE);
    if (b->signature.len > 0 && !is_own)
        loss_drop(w->loss, STR("thinking"));
    w->has_call = true;
}

static void write_response(struct writing *w, const struct chat_block *b)
{
    const struct chat_block *only =
        b->content != NULL && b->content->next == NULL ? b->content : NULL;
    struct str raw = b->is_json && only != NULL ? only->raw : STR_NONE;

    write_key(w->out, "response");
    if (raw.len > 0 && raw.p[0] == '{' && !b->is_error) {
        write_raw(w->out, raw);
        return;
    }
    write_open(w->out, '{');
    write_key(w->out, b->is_error ? "error" : "result");
    if (raw.len > 0)
        write_raw(w->out, raw);
    else
        write_text(w->out, text_of_blocks(w->c, b->content, STR("\\n")));
    write_close(w->out, '}');
}

static int write_result(struct writing *w, const struct chat_block *b)
{
    size_t n_media = 0;

    for (const struct chat_block *x = b->content; x != NULL; x = x->next) {
        if (is_media(x))
            n_media++;
        else if (x->kind != BLOCK_TEXT)
            loss_drop(w->loss, STR("tool_result.content"));
    }
    write_key(w->out, "functionResponse");
    write_open(w->out, '{');
    write_text_if(w->out, "id", b->id);
    write_member_text(w->out, "name", b->name);
    write_response(w, b);
    if (n_media > 0 && w->shows) {
        write_key(w->out, "parts");
        write_open(w->out, '[');
        for (const struct chat_block *x = b->content; x != NULL; x = x->next) {
            if (!is_media(x))
                continue;
            write_open(w->out, '{');
            if (write_media(w, x) != 0)
                return -1;
            write_close(w->out, '}');
        }
        write_close(w->out, ']');
    }
    write_close(w->out, '}');
    return 0;
}

/* Thoughts of other models cannot be read here; unsigned ones have their own form. */
static bool is_foreign(const struct chat_block *b)
{
    return b->signature.len > 0 && b->signer != SIGNER_GEMINI;
}

static void write_thinking(struct writing *w, const struct chat_block *b)
{
    write_member_text(w->out, "text", b->text);
    if (b->kind == BLOCK_THINKING)
        write_member_bool(w->out, "thought", true);
    write_text_if(w->out, "thoughtSignature", b->signature);
}

/* Is there something to write of it? Losses are named here. */
static bool is_said(struct writing *w, const struct chat_message *m, const struct chat_block *b)
{
    bool is_model = m->role == ROLE_ASSISTANT;

    switch (b->kind) {
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        if (!is_model || is_foreign(b) || (b->text.len == 0 && b->signature.len == 0)) {
            loss_drop(w->loss, STR("thinking"));
            return false;
        }
        return true;
    case BLOCK_REFUSAL:
        loss_change(w->loss, STR("refusal")); /* it goes out as text */
        return b->text.len > 0 || !is_model;
    case BLOCK_TEXT:
        if (b->citations != NULL)
            loss_drop(w->loss, STR("citations"));
        return b->text.len > 0 || !is_model;
    case BLOCK_OTHER:
        if (w->chat->from == DIALECT_GEMINI && b->raw.len > 2)
            return true;
        loss_drop(w->loss, b->name.len > 0 ? b->name : STR("content"));
        return false;
    default:
        return true;
    }
}

static int write_block(struct writing *w, const struct chat_message *m, const struct chat_block *b)
{
    int rc = 0;

    if (!is_said(w, m, b))
        return 0;
    if (open_part(w, m) != 0)
        return -1;
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        write_member_text(w->out, "text", b->text);
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        write_thinking(w, b);
        break;
    case BLOCK_TOOL_CALL:
        write_call(w, b);
        break;
    case BLOCK_TOOL_RESULT:
        rc = write_result(w, b);
        break;
    case BLOCK_OTHER: /* the whole part: its braces are already there */
        buf_add(w->out, b->raw.p + 1, b->raw.len - 2);
        break;
    default:
        rc = write_media(w, b);
    }
    write_close(w->out, '}');
    return rc;
}

int gemini_write_contents(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    bool is_new = gemini_checks_signatures(target); /* Gemini 3 has both */
    struct writing w = {.c = c,
                        .chat = chat,
                        .loss = loss,
                        .out = out,
                        .err = err,
                        .signs = is_new,
                        .shows = is_new};
    uint32_t n_system = gemini_system_messages(chat);

    write_key(out, "contents");
    write_open(out, '[');
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next, w.at++) {
        if (w.at < n_system)
            continue;
        if (is_system(m))
            loss_change(loss, STR("system"));
        if (m->name.len > 0)
            loss_drop(loss, STR("name"));
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (write_block(&w, m, b) != 0)
                return -1;
        }
    }
    if (close_content(&w, NULL) != 0)
        return -1;
    write_close(out, ']');
    return 0;
}
