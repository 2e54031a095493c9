#include "server/worker/model_entry.h"

#include <string.h>

#include "providers/abilities.h"
#include "providers/target.h"
#include "server/base/when.h"

/* Few say when a model was made, but the SDKs' types want a date. */
#define CREATED_DEFAULT 20260101

static bool has(const struct model_entry *e, uint32_t flag)
{
    return e->known == NULL || (e->known->flags & MODEL_KNOWN) == 0 ||
           (e->known->flags & flag) != 0;
}

static struct str title_of(const struct model_entry *e)
{
    struct str title = e->known != NULL ? cat_text(e->catalogue, e->known->title) : STR_NONE;

    return title.len > 0 ? title : e->name;
}

static uint64_t created_ms(const struct model_entry *e)
{
    uint32_t date =
        e->known != NULL && e->known->released != 0 ? e->known->released : CREATED_DEFAULT;
    struct buf text = BUF_INIT;
    uint64_t ms = 0;

    buf_printf(&text, "%04u-%02u-%02u", date / 10000, date / 100 % 100 != 0 ? date / 100 % 100 : 1,
               date % 100 != 0 ? date % 100 : 1);
    if (!when_parse(buf_view(&text), &ms)) /* 2026-02-31 in a user's own catalogue */
        ms = 0;
    buf_fini(&text);
    return ms;
}

static void put_tokens(struct buf *b, const char *name, uint32_t n)
{
    if (n > 0)
        buf_printf(b, ",\"%s\":%u", name, n);
}

static void put_date(struct buf *b, const char *name, uint32_t date)
{
    if (date == 0)
        return;
    buf_printf(b, ",\"%s\":\"", name);
    cat_date(b, date);
    buf_char(b, '"');
}

/* ,"bowfin":{...}: what the catalogue knows. */
static void put_known(struct buf *b, const struct model_entry *e)
{
    const struct cat_model *m = e->known;

    if (m == NULL)
        return;
    buf_cstr(b, ",\"bowfin\":{\"model\":");
    buf_json(b, cat_text(e->catalogue, m->name));
    put_tokens(b, "context_length", m->context);
    put_tokens(b, "max_output_tokens", m->max_output);
    if ((m->flags & MODEL_KNOWN) != 0) {
        buf_cstr(b, ",\"capabilities\":");
        abilities_json(b, m->flags);
    }
    put_date(b, "knowledge", m->knowledge);
    put_date(b, "released", m->released);
    buf_char(b, '}');
}

static void put_openai(struct buf *b, const struct model_entry *e)
{
    buf_cstr(b, "{\"id\":");
    buf_json(b, e->name);
    buf_printf(b, ",\"object\":\"model\",\"created\":%llu,\"owned_by\":",
               (unsigned long long)(created_ms(e) / 1000));
    buf_json(b, e->owner);
    if (e->known != NULL) { /* as many compatible providers call them */
        put_tokens(b, "context_length", e->known->context);
        put_tokens(b, "max_output_tokens", e->known->max_output);
    }
    put_known(b, e);
    buf_char(b, '}');
}

static void put_anthropic(struct buf *b, const struct model_entry *e)
{
    buf_cstr(b, "{\"type\":\"model\",\"id\":");
    buf_json(b, e->name);
    buf_cstr(b, ",\"display_name\":");
    buf_json(b, title_of(e));
    buf_cstr(b, ",\"created_at\":\"");
    when_format(b, created_ms(e));
    buf_char(b, '"');
    put_known(b, e);
    buf_char(b, '}');
}

/* The inside of a JSON string. */
static void put_inside(struct buf *b, struct str s)
{
    size_t from = b->len;

    buf_json(b, s);
    memmove(b->data + from, b->data + from + 1, b->len - from - 2);
    b->len -= 2;
}

static void put_words(struct buf *b, const struct model_entry *e, const char *const *words,
                      const uint32_t *flags, size_t n)
{
    bool comma = false;

    for (size_t i = 0; i < n; i++) {
        if (!has(e, flags[i]))
            continue;
        buf_printf(b, "%s\"%s\"", comma ? "," : "", words[i]);
        comma = true;
    }
}

static void put_gemini(struct buf *b, const struct model_entry *e)
{
    static const char *const methods[] = {"generateContent", "streamGenerateContent", "countTokens",
                                          "embedContent"};
    static const uint32_t flags[] = {MODEL_CHAT, MODEL_CHAT, MODEL_CHAT, MODEL_EMBED};

    buf_cstr(b, "{\"name\":\"models/");
    put_inside(b, e->name);
    buf_cstr(b, "\",\"displayName\":");
    buf_json(b, title_of(e));
    if (e->known != NULL) {
        put_tokens(b, "inputTokenLimit", e->known->context);
        put_tokens(b, "outputTokenLimit", e->known->max_output);
    }
    buf_cstr(b, ",\"supportedGenerationMethods\":[");
    put_words(b, e, methods, flags, ARRAY_LEN(methods));
    buf_cstr(b, "]}");
}

static void put_cohere(struct buf *b, const struct model_entry *e)
{
    static const char *const endpoints[] = {"chat", "embed", "rerank"};
    static const uint32_t flags[] = {MODEL_CHAT, MODEL_EMBED, MODEL_RERANK};

    buf_cstr(b, "{\"name\":");
    buf_json(b, e->name);
    buf_cstr(b, ",\"endpoints\":[");
    put_words(b, e, endpoints, flags, ARRAY_LEN(endpoints));
    buf_cstr(b, "],\"finetuned\":false");
    if (e->known != NULL)
        put_tokens(b, "context_length", e->known->context);
    put_known(b, e);
    buf_char(b, '}');
}

const struct model_shape model_shapes[DIALECTS] = {
    [DIALECT_OPENAI] = {"{\"object\":\"list\",\"data\":[", "]}", put_openai, "/models", false},
    [DIALECT_ANTHROPIC] = {"{\"data\":[", "],\"has_more\":false", put_anthropic, "/models", true},
    [DIALECT_GEMINI] = {"{\"models\":[", "]}", put_gemini, "/models", false},
    [DIALECT_COHERE] = {"{\"models\":[", "]}", put_cohere, "/v1/models", false},
};
