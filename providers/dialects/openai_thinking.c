/*
 * Thinking in a message of the OpenAI dialect. Its text is `reasoning_content`, one string; what
 * must come back unchanged is in `bf_thinking` beside it, whose entries say which characters of the
 * text a signature is for: README-openai.md, "Thinking".
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"

#define THOUGHTS_MAX 1000

/* Bytes of the escaped character at the text's beginning; a surrogate pair is one. */
static size_t character_bytes(const char *p, size_t left)
{
    size_t n = 1;

    if (*p == '\\') {
        if (left < 2 || p[1] != 'u' || left < 6)
            return left < 2 ? left : 2;
        if (left >= 12 && (p[2] | 0x20) == 'd' && str_hex_digit(p[3]) >= 8 &&
            str_hex_digit(p[3]) < 12)
            return 12;
        return 6;
    }
    while (n < left && ((unsigned char)p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static size_t skip_characters(struct str s, uint64_t n)
{
    size_t at = 0;

    for (; n > 0 && at < s.len; n--)
        at += character_bytes(s.p + at, s.len - at);
    return at;
}

uint64_t openai_characters(struct str escaped)
{
    uint64_t n = 0;

    for (size_t at = 0; at < escaped.len; n++)
        at += character_bytes(escaped.p + at, escaped.len - at);
    return n;
}

struct str openai_reasoning_text(const struct json *message)
{
    struct str text = text_member(message, "reasoning_content");

    return text.len > 0 ? text : text_member(message, "reasoning");
}

struct str openai_call_signature(const struct json *call, enum chat_signer *signer)
{
    struct str ours = text_member(call, "bf_signature");
    const struct json *google;

    if (ours.len > 0)
        return text_unwrap(ours, SIGNER_OTHER, signer);
    google = json_get(json_get(call, "extra_content"), "google");
    ours = text_member(google, "thought_signature");
    *signer = ours.len > 0 ? SIGNER_GEMINI : SIGNER_NONE;
    return ours;
}

struct cutting {
    struct openai_thought *out;
    size_t n;
    struct str rest; /* of the text */
    uint64_t at;     /* where it begins, in characters */
};

static void add(struct cutting *w, enum chat_block_kind kind, struct str text,
                const struct json *entry)
{
    struct openai_thought *t = &w->out[w->n++];
    struct str wrapped = text_member(entry, kind == BLOCK_REDACTED ? "data" : "signature");

    *t = (struct openai_thought){.kind = kind, .text = text};
    if (wrapped.len > 0)
        t->signature = text_unwrap(wrapped, SIGNER_OTHER, &t->signer);
}

/* The text up to this character; false when there is not as much. */
static bool cut_to(struct cutting *w, uint64_t end, struct str *out)
{
    size_t bytes;

    if (end < w->at || w->rest.len == 0)
        return end == w->at;
    bytes = skip_characters(w->rest, end - w->at);
    if (openai_characters((struct str){w->rest.p, bytes}) < end - w->at)
        return false;
    *out = (struct str){w->rest.p, bytes};
    w->rest = str_skip(w->rest, bytes);
    w->at = end;
    return true;
}

static void take_entry(struct cutting *w, const struct json *entry)
{
    struct str type = text_member(entry, "type");
    struct str before = STR_NONE;
    struct str text = STR_NONE;
    uint64_t start, end;

    if (text_is(type, "redacted")) {
        add(w, BLOCK_REDACTED, STR_NONE, entry);
        return;
    }
    if (!text_is(type, "thinking"))
        return;
    if (text_member(entry, "text").len > 0) {
        add(w, BLOCK_THINKING, text_member(entry, "text"), entry);
        w->rest = STR_NONE; /* the same is there once more */
        return;
    }
    if (!json_u64(json_get(entry, "start"), &start) || !json_u64(json_get(entry, "end"), &end) ||
        end < start || !cut_to(w, start, &before))
        return;
    if (before.len > 0)
        add(w, BLOCK_THINKING, before, NULL);
    if (cut_to(w, end, &text))
        add(w, BLOCK_THINKING, text, entry);
}

size_t openai_thoughts(struct arena *a, const struct json *message, struct openai_thought **out)
{
    const struct json *list = json_get(message, "bf_thinking");
    struct cutting w = {.rest = openai_reasoning_text(message)};
    size_t n = 0;

    if (list != NULL && list->type == JSON_ARRAY)
        n = min_u64(list->n, THOUGHTS_MAX);
    if (n == 0 && w.rest.len == 0)
        return 0;
    w.out = arena_alloc(a, (2 * n + 1) * sizeof(*w.out));
    if (n > 0) {
        for (const struct json *x = list->child; x != NULL && n > 0; x = x->next, n--)
            take_entry(&w, x);
    }
    if (w.rest.len > 0)
        add(&w, BLOCK_THINKING, w.rest, NULL);
    *out = w.out;
    return w.n;
}

static int64_t position(const struct json *v)
{
    uint64_t n;

    return json_u64(v, &n) && n < INT32_MAX ? (int64_t)n : -1;
}

bool openai_citation(const struct json *annotation, struct chat_citation *out)
{
    const struct json *v = json_get(annotation, "url_citation");

    if (v == NULL || v->type != JSON_OBJECT)
        return false;
    *out = (struct chat_citation){
        .url = text_member(v, "url"),
        .title = text_member(v, "title"),
        .text = text_member(v, "content"), /* OpenRouter's */
        .start = position(json_get(v, "start_index")),
        .end = position(json_get(v, "end_index")),
        .raw = annotation->raw,
    };
    return true;
}
