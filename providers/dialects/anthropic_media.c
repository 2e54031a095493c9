#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/write.h"

/* What an image is by its first bytes, in base64: for those that come without a type. */
static struct str image_type(const struct chat_media *m)
{
    static const struct {
        const char *start, *type;
    } kinds[] = {{"iVBOR", "image/png"},
                 {"/9j/", "image/jpeg"},
                 {"\\/9j", "image/jpeg"},
                 {"R0lG", "image/gif"},
                 {"UklGR", "image/webp"}};
    struct str from_name = text_media_type(m->name);

    if (m->type.len > 0)
        return m->type;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts(m->data, str_of(kinds[i].start)))
            return str_of(kinds[i].type);
    }
    return from_name.len > 0 ? from_name : STR("image/jpeg");
}

static bool is_image_taken(struct str type)
{
    return text_is(type, "image/jpeg") || text_is(type, "image/png") ||
           text_is(type, "image/gif") || text_is(type, "image/webp");
}

static void write_source(struct anthropic_out *o, const char *kind, struct str type,
                         const char *member, struct str value)
{
    write_key(o->b, "source");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", kind);
    write_text_if(o->b, "media_type", type);
    write_member_text(o->b, member, value);
    write_close(o->b, '}');
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (str_is_digit(c))
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* What base64 stands for; blanks, padding and the escapes of slashes are stepped over. */
static struct str from_base64(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len / 4 * 3 + 4);
    uint32_t bits = 0;
    unsigned n = 0;
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.p[i]);

        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        if (++n == 4) {
            out[len++] = (char)(bits >> 16);
            out[len++] = (char)(bits >> 8);
            out[len++] = (char)bits;
            n = 0;
        }
    }
    if (n >= 2)
        out[len++] = (char)(bits >> (n == 2 ? 4 : 10));
    if (n == 3)
        out[len++] = (char)(bits >> 2);
    return (struct str){out, len};
}

static bool is_text(struct str type)
{
    return str_starts(type, STR("text/")) || text_is(type, "application/json") ||
           text_is(type, "application/xml");
}

static void write_image(struct anthropic_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    struct str type = image_type(m);

    if (m->source == SOURCE_FILE ? !o->is_home
                                 : m->source == SOURCE_BASE64 && !is_image_taken(type)) {
        loss_drop(o->loss, STR("messages.image"));
        return;
    }
    if (m->detail.len > 0 && !text_is(m->detail, "auto"))
        loss_drop(o->loss, STR("image_url.detail"));
    anthropic_begin_block(o, "image");
    if (m->source == SOURCE_BASE64)
        write_source(o, "base64", type, "data", m->data);
    else if (m->source == SOURCE_FILE)
        write_source(o, "file", STR_NONE, "file_id", m->data);
    else
        write_source(o, "url", STR_NONE, "url", m->data);
    anthropic_write_cache(o->b, b->cache);
    write_close(o->b, '}');
}

static void write_document(struct anthropic_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;
    struct str type = m->type.len > 0 ? m->type : text_media_type(m->name);
    bool is_coded_text = m->source == SOURCE_BASE64 && is_text(type);

    if (m->source == SOURCE_BASE64 && type.len == 0)
        type = STR("application/pdf");
    if (m->source == SOURCE_FILE
            ? !o->is_home
            : m->source == SOURCE_BASE64 && !is_coded_text && !text_is(type, "application/pdf")) {
        loss_drop(o->loss, STR("messages.document"));
        return;
    }
    anthropic_begin_block(o, "document");
    if (is_coded_text)
        write_source(o, "text", STR("text/plain"), "data",
                     text_escape(o->c->arena, from_base64(o->c->arena, m->data)));
    else if (m->source == SOURCE_BASE64)
        write_source(o, "base64", type, "data", m->data);
    else if (m->source == SOURCE_URL)
        write_source(o, "url", STR_NONE, "url", m->data);
    else if (m->source == SOURCE_FILE)
        write_source(o, "file", STR_NONE, "file_id", m->data);
    else
        write_source(o, "text", STR("text/plain"), "data", m->data);
    write_text_if(o->b, "title", m->name);
    anthropic_write_cache(o->b, b->cache);
    write_close(o->b, '}');
}

void anthropic_write_media(struct anthropic_out *o, const struct chat_block *b)
{
    if (b->kind == BLOCK_IMAGE)
        write_image(o, b);
    else
        write_document(o, b);
}
