/*
 * Content parts of the OpenAI chat dialect as neutral blocks: text, media, files, cache points.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"

enum chat_cache openai_cache(const struct json *object)
{
    const struct json *control = json_get(object, "cache_control");

    if (control != NULL && control->type == JSON_OBJECT)
        return text_is(text_member(control, "ttl"), "1h") ? CACHE_1H : CACHE_5M;
    control = json_get(object, "prompt_cache_breakpoint"); /* OpenAI's own */
    return control != NULL && control->type == JSON_OBJECT ? CACHE_5M : CACHE_NONE;
}

static bool is_url(struct str text)
{
    return str_starts(text, STR("https://")) || str_starts(text, STR("http://")) ||
           str_starts(text, STR("https:\\/\\/")) || str_starts(text, STR("gs://")) ||
           str_starts(text, STR("s3://"));
}

/* A data URL, or where it is. */
static struct chat_media media_of(struct str url)
{
    struct chat_media m = {.source = SOURCE_URL, .data = url};
    struct str type, data;

    if (text_data_url(url, &type, &data))
        m = (struct chat_media){.source = SOURCE_BASE64, .type = type, .data = data};
    return m;
}

/* {"type":"image_url","image_url":{"url","detail"}}, or the URL itself as some clients have it. */
static bool take_image(struct openai_decode *d, const struct json *part, struct chat_block *b,
                       const char *key)
{
    const struct json *v = json_get(part, key);
    const struct json *url = v != NULL && v->type == JSON_OBJECT ? json_get(v, "url") : v;

    if (url == NULL || url->type != JSON_STRING || url->raw.len == 2)
        return openai_wrong_in(d, ".content.image_url.url", "a string", url);
    b->media = media_of(text_inside(url));
    b->media.detail = text_member(v, "detail");
    return true;
}

static bool take_audio(struct openai_decode *d, const struct json *part, struct chat_block *b)
{
    const struct json *v = json_get(part, "input_audio");
    const struct json *data = json_get(v, "data");
    struct str format = text_member(v, "format");

    if (data == NULL || data->type != JSON_STRING)
        return openai_wrong_in(d, ".content.input_audio.data", "a string", data);
    b->media = media_of(text_inside(data)); /* a data URL by mistake is common */
    if (b->media.source == SOURCE_BASE64)
        return true;
    b->media.source = SOURCE_BASE64;
    if (text_is(format, "mp3"))
        b->media.type = STR("audio/mpeg");
    else
        b->media.type = arena_concat(d->c->arena, (struct str[]){STR("audio/"), format}, 2);
    return true;
}

static void kind_of_type(struct chat_block *b)
{
    if (str_starts(b->media.type, STR("image/")))
        b->kind = BLOCK_IMAGE;
    else if (str_starts(b->media.type, STR("audio/")))
        b->kind = BLOCK_AUDIO;
    else if (str_starts(b->media.type, STR("video/")))
        b->kind = BLOCK_VIDEO;
}

/* {"type":"file","file":{"file_data" | "file_id","filename"}}; `format` is LiteLLM's. */
static bool take_file(struct openai_decode *d, const struct json *part, struct chat_block *b)
{
    const struct json *v = json_get(part, "file");
    struct str data = text_member(v, "file_data");
    struct str id = text_member(v, "file_id");
    struct str name = text_member(v, "filename");

    if (data.len > 0) {
        b->media = media_of(data);
        if (b->media.source == SOURCE_URL && !is_url(data))
            b->media.source = SOURCE_BASE64;
    } else if (id.len > 0) {
        b->media = (struct chat_media){.source = is_url(id) ? SOURCE_URL : SOURCE_FILE, .data = id};
    } else {
        return openai_wrong_in(d, ".content.file.file_data", "a string", NULL);
    }
    b->media.name = name;
    if (b->media.type.len == 0)
        b->media.type = text_member(v, "format");
    if (b->media.type.len == 0)
        b->media.type =
            text_media_type(name.len > 0 || b->media.source != SOURCE_URL ? name : data);
    kind_of_type(b);
    return true;
}

/* Mistral's {"type":"thinking","thinking":[{"type":"text","text"}]}; others have a string there. */
static void take_thinking_part(struct openai_decode *d, const struct json *part,
                               struct chat_block *b)
{
    const struct json *v = json_get(part, "thinking");
    struct buf all = BUF_IN(d->c->arena);

    b->text = text_inside(v);
    if (v == NULL || v->type != JSON_ARRAY)
        return;
    for (const struct json *x = v->child; x != NULL; x = x->next)
        buf_str(&all, text_member(x, "text"));
    b->text = buf_view(&all);
}

static const struct {
    const char *type;
    enum chat_block_kind kind;
} parts[] = {
    {"text", BLOCK_TEXT},         {"image_url", BLOCK_IMAGE}, {"input_audio", BLOCK_AUDIO},
    {"file", BLOCK_DOCUMENT},     {"refusal", BLOCK_REFUSAL}, {"video_url", BLOCK_VIDEO},
    {"thinking", BLOCK_THINKING},
};

static bool take_kind(struct openai_decode *d, const struct json *part, struct chat_block *b)
{
    const struct json *text;

    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        text = json_get(part, b->kind == BLOCK_TEXT ? "text" : "refusal");
        if (text == NULL || text->type != JSON_STRING)
            return openai_wrong_in(d, ".content.text", "a string", text);
        b->text = text_inside(text);
        return true;
    case BLOCK_IMAGE:
        return take_image(d, part, b, "image_url");
    case BLOCK_VIDEO:
        return take_image(d, part, b, "video_url");
    case BLOCK_AUDIO:
        return take_audio(d, part, b);
    case BLOCK_DOCUMENT:
        return take_file(d, part, b);
    case BLOCK_THINKING:
        take_thinking_part(d, part, b);
        return true;
    default:
        return true;
    }
}

struct chat_block *openai_take_part(struct openai_decode *d, const struct json *part)
{
    struct chat_block *b;
    struct str type = text_member(part, "type");

    if (part->type != JSON_OBJECT || type.len == 0) {
        (void)openai_wrong_in(d, part->type != JSON_OBJECT ? ".content" : ".content.type",
                              "an object with a type", part->type != JSON_OBJECT ? part : NULL);
        return NULL;
    }
    b = arena_zalloc(d->c->arena, sizeof(*b));
    b->kind = BLOCK_OTHER;
    b->name = type;
    b->raw = part->raw;
    b->cache = openai_cache(part);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (text_is(type, parts[i].type)) {
            b->kind = parts[i].kind;
            b->name = STR_NONE;
        }
    }
    return take_kind(d, part, b) ? b : NULL;
}
