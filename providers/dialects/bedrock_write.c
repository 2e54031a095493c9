/*
 * bedrock_write - messages, system and content blocks of a Converse request: bedrock.h.
 *
 * A message is opened when its first block is written, so neighbours of one role become one, and a
 * message of which nothing can be said is not there.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/write.h"

static int invalid(const struct bedrock_out *o, const char *text)
{
    char path[48];

    (void)snprintf(path, sizeof(path), "messages[%u]", o->message); /* fits */
    return chat_invalid(o->c, o->err, path, "%s: %s", path, text);
}

static void open_block(struct bedrock_out *o, const char *role)
{
    if (o->role != NULL && strcmp(o->role, role) != 0) {
        write_close(o->b, ']');
        write_close(o->b, '}');
        o->role = NULL;
    }
    if (o->role == NULL) {
        write_open(o->b, '{');
        write_member_cstr(o->b, "role", role);
        write_key(o->b, "content");
        write_open(o->b, '[');
        o->role = role;
    }
    write_open(o->b, '{');
}

/* Nothing but blanks and line ends, escaped or not. */
static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\\' && i + 1 < text.len && strchr("nrt", text.p[i + 1]) != NULL)
            i++;
        else if (text.p[i] != ' ')
            return false;
    }
    return true;
}

/* AWS refuses a blank one; Claude itself begins turns with some. */
static void put_text(struct bedrock_out *o, const char *role, struct str text)
{
    if (is_blank(text)) {
        if (text.len > 0)
            loss_change(o->loss, STR("messages.content"));
        return;
    }
    open_block(o, role);
    write_member_text(o->b, "text", text);
    write_close(o->b, '}');
}

bool bedrock_has_cache(const struct bedrock_out *o)
{
    return o->family == FAMILY_CLAUDE || o->family == FAMILY_NOVA || o->family == FAMILY_NOVA2 ||
           o->chat->from == DIALECT_BEDROCK;
}

void bedrock_write_cache(struct bedrock_out *o, enum chat_cache cache)
{
    if (cache == CACHE_NONE)
        return;
    if (!bedrock_has_cache(o)) {
        loss_drop(o->loss, STR("cache_control"));
        return;
    }
    write_open(o->b, '{');
    write_key(o->b, "cachePoint");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", "default");
    if (cache == CACHE_1H)
        write_member_cstr(o->b, "ttl", "1h");
    write_close(o->b, '}');
    write_close(o->b, '}');
}

/* --- media --- */

static const char *key_of(enum chat_block_kind kind)
{
    switch (kind) {
    case BLOCK_IMAGE:
        return "image";
    case BLOCK_AUDIO:
        return "audio";
    case BLOCK_VIDEO:
        return "video";
    default:
        return "document";
    }
}

/* What kind of block its type makes of it: OpenAI's files may be images. */
static enum chat_block_kind kind_of(enum chat_block_kind kind, struct str type)
{
    if (kind == BLOCK_DOCUMENT && str_starts(type, STR("image/")))
        return BLOCK_IMAGE;
    if (kind == BLOCK_DOCUMENT && str_starts(type, STR("video/")))
        return BLOCK_VIDEO;
    return kind;
}

/* The source with data URLs taken apart. 0, or -1: it cannot be said. */
static int resolve(struct bedrock_out *o, const struct chat_block *b, struct chat_media *m)
{
    struct arena *a = o->c->arena;

    *m = b->media;
    m->type = text_plain(a, m->type);
    if (m->source == SOURCE_FILE && str_starts(m->data, STR("s3:")))
        m->source = SOURCE_URL; /* of AWS's own clients */
    if (m->source == SOURCE_URL && text_data_url(m->data, &m->type, &m->data)) {
        m->source = SOURCE_BASE64;
        m->type = text_plain(a, m->type);
    }
    if (m->source == SOURCE_URL)
        m->data = text_plain(a, m->data);
    if (m->source == SOURCE_URL && !str_starts(m->data, STR("s3://")))
        return invalid(o, "Bedrock takes no URL of an image or file but s3://; send its bytes in "
                          "base64");
    if (m->source == SOURCE_FILE)
        return invalid(o, "Bedrock knows no file ids; send the file's bytes in base64");
    if (m->type.len == 0)
        m->type = text_media_type(m->source == SOURCE_URL ? m->data : text_plain(a, m->name));
    if (m->source == SOURCE_TEXT)
        m->type = STR("text/plain");
    return 0;
}

/* AWS demands a name, of few letters: the file's, without the ending that the format says again. */
static void put_document_name(struct bedrock_out *o, struct str name, const char *format)
{
    struct str plain = text_plain(o->c->arena, name);
    struct str end = str_of(format);
    struct str good;

    o->n_documents++;
    if (plain.len > end.len + 1 && str_ends(plain, end) && plain.p[plain.len - end.len - 1] == '.')
        plain.len -= end.len + 1;
    good = bedrock_document_name(o->c->arena, plain);
    if (good.len == 0)
        good = arena_printf(o->c->arena, "document-%u", o->n_documents);
    else if (!str_eq(good, plain))
        loss_change(o->loss, STR("messages.content.document.name"));
    write_member_text(o->b, "name", good);
}

/* The member of a content block, its braces written by the caller. */
static int put_media(struct bedrock_out *o, const struct chat_block *b, const struct chat_media *m)
{
    enum chat_block_kind kind = kind_of(b->kind, m->type);
    const char *format = bedrock_format_of(kind, m->type);

    if (format == NULL)
        return invalid(o, m->type.len > 0 ? "Bedrock takes no such type of image or file"
                                          : "the type of an image or file must be told");
    if (m->detail.len > 0)
        loss_drop(o->loss, STR("detail"));
    write_key(o->b, key_of(kind));
    write_open(o->b, '{');
    write_member_cstr(o->b, "format", format);
    if (kind == BLOCK_DOCUMENT)
        put_document_name(o, m->name, format);
    write_key(o->b, "source");
    write_open(o->b, '{');
    if (m->source == SOURCE_URL) {
        write_key(o->b, "s3Location");
        write_open(o->b, '{');
        write_key(o->b, "uri");
        write_plain(o->b, m->data);
        write_close(o->b, '}');
    } else {
        write_member_text(o->b, m->source == SOURCE_TEXT ? "text" : "bytes", m->data);
    }
    write_close(o->b, '}');
    write_close(o->b, '}');
    return 0;
}

static int write_media(struct bedrock_out *o, const char *role, const struct chat_block *b)
{
    struct chat_media m;

    if (resolve(o, b, &m) != 0)
        return -1;
    open_block(o, role);
    if (put_media(o, b, &m) != 0)
        return -1;
    write_close(o->b, '}');
    return 0;
}

/* --- tools --- */

static int write_call(struct bedrock_out *o, const struct chat_block *b)
{
    struct str arguments;

    if (!bedrock_name_is_good(b->name))
        return invalid(o, "Bedrock takes letters, digits, _ and - in a tool's name, at most 64");
    if (!text_arguments_object(o->c, b, &arguments))
        loss_change(o->loss, STR("messages.tool_calls.arguments"));
    if (b->signature.len > 0)
        loss_drop(o->loss, STR("thinking"));
    open_block(o, "assistant");
    write_key(o->b, "toolUse");
    write_open(o->b, '{');
    write_member_text(o->b, "toolUseId", bedrock_id(o->c->arena, b->id));
    write_member_text(o->b, "name", b->name);
    write_member_raw(o->b, "input", arguments);
    write_close(o->b, '}');
    write_close(o->b, '}');
    return 0;
}

static bool takes_media_in_results(const struct bedrock_out *o)
{
    return o->family != FAMILY_OTHER && o->family != FAMILY_GPT;
}

static int put_result_content(struct bedrock_out *o, const struct chat_block *result)
{
    struct chat_media m;

    for (const struct chat_block *b = result->content; b != NULL; b = b->next) {
        bool is_media =
            b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT || b->kind == BLOCK_VIDEO;

        if (b->kind == BLOCK_TEXT && b->text.len > 0) {
            bool json = result->is_json && b->raw.len > 0 && b->raw.p[0] == '{';

            write_open(o->b, '{');
            if (json)
                write_member_raw(o->b, "json", b->raw);
            else
                write_member_text(o->b, "text", b->text);
            write_close(o->b, '}');
        } else if (is_media && takes_media_in_results(o)) {
            if (resolve(o, b, &m) != 0)
                return -1;
            write_open(o->b, '{');
            if (put_media(o, b, &m) != 0)
                return -1;
            write_close(o->b, '}');
        } else if (b->kind == BLOCK_OTHER && o->chat->from == DIALECT_BEDROCK) {
            write_raw(o->b, b->raw);
        } else if (b->kind != BLOCK_TEXT && !is_media) {
            loss_drop(o->loss, b->name.len > 0 ? b->name : STR("messages.content"));
        }
    }
    return 0;
}

static int write_result(struct bedrock_out *o, const struct chat_block *result)
{
    open_block(o, "user");
    write_key(o->b, "toolResult");
    write_open(o->b, '{');
    write_member_text(o->b, "toolUseId", bedrock_id(o->c->arena, result->id));
    write_key(o->b, "content");
    write_open(o->b, '[');
    if (put_result_content(o, result) != 0)
        return -1;
    write_close(o->b, ']');
    if (result->is_error)
        write_member_cstr(o->b, "status", "error");
    write_close(o->b, '}');
    write_close(o->b, '}');
    if (takes_media_in_results(o))
        return 0;
    for (const struct chat_block *b = result->content; b != NULL; b = b->next) {
        if (b->kind != BLOCK_IMAGE && b->kind != BLOCK_DOCUMENT && b->kind != BLOCK_VIDEO)
            continue;
        loss_change(o->loss, STR("messages.content"));
        if (write_media(o, "user", b) != 0)
            return -1;
    }
    return 0;
}

/* --- thinking --- */

static void write_thinking(struct bedrock_out *o, const struct chat_block *b)
{
    bool readable =
        o->family == FAMILY_CLAUDE && b->signer == SIGNER_ANTHROPIC && b->signature.len > 0;

    if (!readable) {
        loss_drop(o->loss, STR("thinking"));
        return;
    }
    open_block(o, "assistant");
    write_key(o->b, "reasoningContent");
    write_open(o->b, '{');
    if (b->kind == BLOCK_REDACTED) {
        write_member_text(o->b, "redactedContent", b->signature);
    } else {
        write_key(o->b, "reasoningText");
        write_open(o->b, '{');
        write_member_text(o->b, "text", b->text);
        write_member_text(o->b, "signature", b->signature);
        write_close(o->b, '}');
    }
    write_close(o->b, '}');
    write_close(o->b, '}');
}

/* --- blocks --- */

static void write_other(struct bedrock_out *o, const char *role, const struct chat_block *b)
{
    bool is_whole = o->chat->from == DIALECT_BEDROCK && b->raw.len > 0;

    if (!is_whole) {
        loss_drop(o->loss, b->name.len > 0 ? b->name : STR("messages.content"));
        return;
    }
    open_block(o, role);
    o->b->len--; /* the block has its own brace */
    if (text_is(b->name, "toolUse") || text_is(b->name, "toolResult") ||
        text_is(b->name, "guardContent")) {
        write_open(o->b, '{');
        write_key(o->b, text_is(b->name, "toolUse")      ? "toolUse"
                        : text_is(b->name, "toolResult") ? "toolResult"
                                                         : "guardContent");
        buf_str(o->b, b->raw);
        write_close(o->b, '}');
    } else {
        buf_str(o->b, b->raw);
    }
}

static int write_block(struct bedrock_out *o, const char *role, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT:
        if (b->citations != NULL)
            loss_drop(o->loss, STR("messages.content.citations"));
        put_text(o, role, b->text);
        return 0;
    case BLOCK_REFUSAL:
        loss_change(o->loss, STR("refusal")); /* it goes out as text */
        put_text(o, role, b->text);
        return 0;
    case BLOCK_IMAGE:
    case BLOCK_AUDIO:
    case BLOCK_VIDEO:
    case BLOCK_DOCUMENT:
        return write_media(o, role, b);
    case BLOCK_TOOL_CALL:
        return write_call(o, b);
    case BLOCK_TOOL_RESULT:
        return write_result(o, b);
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        write_thinking(o, b);
        return 0;
    default:
        write_other(o, role, b);
        return 0;
    }
}

static int write_message(struct bedrock_out *o, const struct chat_message *m)
{
    const char *role = m->role == ROLE_ASSISTANT ? "assistant" : "user";

    if (m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER) {
        bool is_known =
            (o->target->model_flags & MODEL_SYSTEM_TURNS) != 0 || o->chat->from == DIALECT_BEDROCK;

        /* hoisting it would change all of what comes before it in the provider's cache */
        if (is_known && o->role != NULL)
            role = "system";
        else
            loss_change(o->loss, STR("messages.role"));
    }
    if (m->name.len > 0)
        loss_drop(o->loss, STR("messages.name"));
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        size_t before = o->b->len;

        if (write_block(o, role, b) != 0)
            return -1;
        if (o->b->len > before)
            bedrock_write_cache(o, b->cache);
    }
    return 0;
}

/* Before the messages; but when there is nothing else, the last one is what is to be answered. */
static bool is_head(const struct chat_message *m)
{
    return (m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER) && m->next != NULL;
}

int bedrock_write_messages(struct bedrock_out *o)
{
    const struct chat_message *m = o->chat->messages;

    for (; m != NULL && is_head(m); m = m->next)
        o->message++;
    write_open(o->b, '[');
    for (; m != NULL; m = m->next, o->message++) {
        if (write_message(o, m) != 0)
            return -1;
    }
    if (o->role != NULL) {
        write_close(o->b, ']');
        write_close(o->b, '}');
    }
    write_close(o->b, ']');
    return 0;
}

void bedrock_write_system(struct bedrock_out *o)
{
    bool is_open = false;

    for (const struct chat_message *m = o->chat->messages; m != NULL && is_head(m); m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind != BLOCK_TEXT)
                loss_drop(o->loss, STR("system"));
            if (b->kind != BLOCK_TEXT || b->text.len == 0)
                continue;
            if (!is_open) {
                write_key(o->b, "system");
                write_open(o->b, '[');
                is_open = true;
            }
            write_open(o->b, '{');
            write_member_text(o->b, "text", b->text);
            write_close(o->b, '}');
            bedrock_write_cache(o, b->cache);
        }
    }
    if (is_open)
        write_close(o->b, ']');
}
