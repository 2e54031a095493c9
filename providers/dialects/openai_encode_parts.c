/*
 * Neutral blocks as content parts of the OpenAI chat dialect.
 */
#include "providers/dialects/openai_wire.h"

#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/write.h"

static int cannot(const struct openai_encode *e, const char *what)
{
    char param[48];

    (void)snprintf(param, sizeof(param), "messages[%u].content", e->message); /* fits */
    return chat_invalid(e->c, e->err, param, "%s", what);
}

static void put_data_url(const struct openai_encode *e, const char *key, const struct chat_media *m,
                         const char *default_type)
{
    struct str type = m->type.len > 0 ? m->type : str_of(default_type);

    write_key(e->out, key);
    buf_reserve(e->out, m->data.len + type.len + 32);
    buf_cstr(e->out, "\"data:");
    buf_str(e->out, type);
    buf_cstr(e->out, ";base64,");
    buf_str(e->out, m->data);
    buf_char(e->out, '"');
}

static int put_url_part(const struct openai_encode *e, const struct chat_block *b, const char *key)
{
    const struct chat_media *m = &b->media;

    if (m->source != SOURCE_BASE64 && m->source != SOURCE_URL)
        return cannot(e, "a file kept at another provider cannot be read by this one; send its URL "
                         "or its bytes");
    write_member_cstr(e->out, "type", key);
    write_key(e->out, key);
    write_open(e->out, '{');
    if (m->source == SOURCE_URL)
        write_member_text(e->out, "url", m->data);
    else
        put_data_url(e, "url", m, b->kind == BLOCK_VIDEO ? "video/mp4" : "image/png");
    write_text_if(e->out, "detail", m->detail);
    write_close(e->out, '}');
    return 0;
}

static int put_audio(const struct openai_encode *e, const struct chat_media *m)
{
    ptrdiff_t slash = str_index(m->type, '/');
    struct str format = slash < 0 ? STR("wav") : str_skip(m->type, (size_t)slash + 1);

    if (m->source != SOURCE_BASE64)
        return cannot(e, "this model's provider takes audio as bytes only, not by its address");
    if (text_is(format, "mpeg"))
        format = STR("mp3");
    else if (str_starts(format, STR("x-")))
        format = str_skip(format, 2);
    write_member_cstr(e->out, "type", "input_audio");
    write_key(e->out, "input_audio");
    write_open(e->out, '{');
    write_member_text(e->out, "data", m->data);
    write_member_text(e->out, "format", format);
    write_close(e->out, '}');
    return 0;
}

static int put_file(const struct openai_encode *e, const struct chat_media *m)
{
    bool is_ours = e->chat->from == DIALECT_OPENAI;

    if (m->source == SOURCE_TEXT) {
        write_member_cstr(e->out, "type", "text");
        write_member_text(e->out, "text", m->data);
        loss_change(e->loss, STR("document"));
        return 0;
    }
    if (m->source != SOURCE_BASE64 && !is_ours)
        return cannot(e, m->source == SOURCE_URL
                             ? "this model's provider takes documents as bytes only, not by their "
                               "address"
                             : "a file kept at another provider cannot be read by this one; send "
                               "its bytes");
    write_member_cstr(e->out, "type", "file");
    write_key(e->out, "file");
    write_open(e->out, '{');
    write_member_text(e->out, "filename", m->name.len > 0 ? m->name : STR("document.pdf"));
    if (m->source == SOURCE_BASE64)
        put_data_url(e, "file_data", m, "application/pdf");
    else
        write_member_text(e->out, m->source == SOURCE_URL ? "file_data" : "file_id", m->data);
    write_close(e->out, '}');
    return 0;
}

static int put_kind(const struct openai_encode *e, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_IMAGE:
        return put_url_part(e, b, "image_url");
    case BLOCK_VIDEO:
        return put_url_part(e, b, "video_url");
    case BLOCK_AUDIO:
        return put_audio(e, &b->media);
    case BLOCK_DOCUMENT:
        return put_file(e, &b->media);
    default:
        write_member_cstr(e->out, "type", "text");
        write_member_text(e->out, "text", b->text);
        return 0;
    }
}

int openai_put_part(const struct openai_encode *e, const struct chat_block *b)
{
    if (b->kind != BLOCK_TEXT && openai_has(e, QUIRK_STRING_CONTENT))
        return cannot(e, "this model's provider takes nothing but text");
    write_open(e->out, '{');
    if (put_kind(e, b) != 0)
        return -1;
    if (b->cache != CACHE_NONE && openai_has(e, QUIRK_CACHE_CONTROL)) {
        write_key(e->out, "cache_control");
        write_raw(e->out, b->cache == CACHE_1H ? STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
                                               : STR("{\"type\":\"ephemeral\"}"));
    }
    write_close(e->out, '}');
    return 0;
}
