#include "providers/embed.h"

#include <stdlib.h>
#include <string.h>

#include "providers/base64.h"
#include "providers/chat_text.h"
#include "providers/spans.h"
#include "providers/write.h"

#define DIMENSIONS_MAX 65536 /* of a vector that is converted; the longest known have 12,288 */

const struct embed_dialect *embed_dialect_get(enum dialect_id id)
{
    static const struct embed_dialect *const all[DIALECTS] = {
        [DIALECT_OPENAI] = &embeddings_openai,
        [DIALECT_GEMINI] = &embeddings_gemini,
        [DIALECT_COHERE] = &embeddings_cohere,
        [DIALECT_BEDROCK] = &embeddings_bedrock,
    };

    return (size_t)id < ARRAY_LEN(all) ? all[id] : NULL;
}

struct embed_input *embed_add(const struct chat_codec *c, struct embed_ask *ask,
                              enum embed_kind kind, struct str text)
{
    struct embed_input *i = arena_zalloc(c->arena, sizeof(*i));

    i->kind = kind;
    i->text = text;
    if (ask->last != NULL)
        ask->last->next = i;
    else
        ask->inputs = i;
    ask->last = i;
    ask->n_inputs++;
    return i;
}

void embed_extra(const struct chat_codec *c, struct embed_ask *ask, struct str name)
{
    struct chat_text_list *x = arena_alloc(c->arena, sizeof(*x));

    x->text = arena_str(c->arena, name);
    x->next = ask->extras;
    ask->extras = x;
}

void embed_name_losses(const struct embed_ask *ask, uint32_t has, struct chat_loss *loss)
{
    const struct {
        bool said;
        uint32_t needs;
        struct str name;
    } parts[] = {
        {ask->task != EMBED_TASK_UNSET, EMBED_HAS_TASK, STR("input_type")},
        {ask->truncate.len > 0, EMBED_HAS_TRUNCATE, STR("truncate")},
        {ask->user.len > 0, EMBED_HAS_USER, STR("user")},
        {ask->dimensions > 0, EMBED_HAS_DIMENSIONS, STR("dimensions")},
        {ask->title.len > 0, EMBED_HAS_TITLE, STR("title")},
        {ask->normalize != UNSET, EMBED_HAS_NORMALIZE, STR("normalize")},
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].said && (has & parts[i].needs) == 0)
            loss_drop(loss, parts[i].name);
    }
    for (const struct chat_text_list *x = ask->extras; x != NULL; x = x->next)
        loss_drop(loss, x->text);
}

uint32_t embed_formats(const struct embed_ask *ask, uint32_t can, struct chat_loss *loss)
{
    uint32_t both = EMBED_FLOAT | EMBED_BASE64;
    uint32_t wanted = ask->formats != 0 ? ask->formats : EMBED_FLOAT;
    uint32_t got = wanted & can;

    if ((wanted & ~can & ~both) != 0 || ((wanted & both) != 0 && (can & both) == 0))
        loss_drop(loss, STR("encoding_format"));
    if ((wanted & ~can & both) != 0 || got == 0) /* one is made of the other */
        got |= (can & EMBED_FLOAT) != 0 ? EMBED_FLOAT : can & EMBED_BASE64;
    return got;
}

int embed_want_texts(const struct chat_codec *c, const struct embed_ask *ask, const char *who,
                     struct chat_error *err)
{
    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind != EMBED_TEXT)
            return chat_invalid(c, err, "input", "%s embeds texts only: no %s", who,
                                i->kind == EMBED_TOKENS ? "token numbers" : "images");
    }
    return 0;
}

/* --- formats --- */

static const char *const format_names[EMBED_FORMATS] = {"float", "base64", "int8",
                                                        "uint8", "binary", "ubinary"};

const char *embed_format_name(uint32_t format)
{
    for (uint32_t i = 0; i < EMBED_FORMATS; i++) {
        if (format == 1u << i)
            return format_names[i];
    }
    return format_names[0];
}

uint32_t embed_format_of(struct str escaped)
{
    for (uint32_t i = 0; i < EMBED_FORMATS; i++) {
        if (text_is(escaped, format_names[i]))
            return 1u << i;
    }
    return 0;
}

uint32_t embed_first(uint32_t formats)
{
    for (uint32_t i = 0; i < EMBED_FORMATS; i++) {
        if ((formats & 1u << i) != 0)
            return 1u << i;
    }
    return EMBED_FLOAT;
}

static void put_floats(const struct chat_codec *c, struct str raw, struct buf *out)
{
    size_t room = min_u64(raw.len / 2 + 1, DIMENSIONS_MAX);
    char *bytes = arena_alloc(c->scratch, room * 4);
    struct str at = raw, item;
    size_t n = 0;

    while (n < room && spans_next(&at, &item)) {
        char text[32];
        size_t len = min_u64(item.len, sizeof(text) - 1);
        uint32_t bits;
        float f;

        memcpy(text, item.p, len);
        text[len] = '\0';
        f = strtof(text, NULL);
        memcpy(&bits, &f, sizeof(bits));
        for (int i = 0; i < 4; i++)
            bytes[4 * n + (size_t)i] = (char)(bits >> (8 * i) & 0xff);
        n++;
    }
    buf_char(out, '"');
    base64_put(out, (struct str){bytes, 4 * n});
    buf_char(out, '"');
}

static void put_numbers(const struct chat_codec *c, struct str base64, struct buf *out)
{
    struct str text = text_plain(c->scratch, base64);
    char *bytes;
    size_t n;

    write_open(out, '[');
    if (text.len > 0 && text.len <= DIMENSIONS_MAX * 6) {
        bytes = arena_alloc(c->scratch, base64_room(text));
        if (!base64_read(text, bytes, &n))
            n = 0;
        for (size_t i = 0; i + 4 <= n; i += 4) {
            uint32_t bits = 0;
            float f;

            for (size_t k = 0; k < 4; k++)
                bits |= (uint32_t)(unsigned char)bytes[i + k] << (8 * k);
            memcpy(&f, &bits, sizeof(f));
            if (!(f >= -3.4e38F && f <= 3.4e38F))
                f = 0; /* JSON has no word for it */
            buf_printf(out, "%s%.9g", i > 0 ? "," : "", (double)f);
        }
    }
    write_close(out, ']');
}

void embed_write(const struct chat_codec *c, const struct embed_vector *v, uint32_t format,
                 struct buf *out)
{
    if (v->format == EMBED_FLOAT && format == EMBED_BASE64)
        put_floats(c, v->raw, out);
    else if (v->format == EMBED_BASE64 && format != EMBED_BASE64)
        put_numbers(c, v->raw, out);
    else if (v->format == EMBED_BASE64)
        write_text(out, v->raw);
    else
        write_raw(out, v->raw.len > 0 ? v->raw : STR("[]"));
}

int embed_take_list(const struct chat_codec *c, size_t want, uint32_t format, struct str list,
                    struct embed_answer *out)
{
    struct str at = list, item;

    out->vectors = arena_zalloc(c->arena, (want + 1) * sizeof(*out->vectors));
    out->n = 0;
    while (spans_next(&at, &item)) {
        bool is_text = item.p[0] == '"';

        if (out->n == want || is_text != (format == EMBED_BASE64) || (!is_text && item.p[0] != '['))
            return -1;
        out->vectors[out->n++] = (struct embed_vector){format, is_text ? spans_text(item) : item};
    }
    return out->n == want ? 0 : -1;
}
