/*
 * Log probabilities and citations of the Gemini dialect: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/write.h"

static const struct json *first_of(const struct json *list)
{
    return list != NULL && list->type == JSON_ARRAY ? list->child : NULL;
}

/* --- log probabilities --- */

static void put_openai(struct buf *b, const struct json *candidate)
{
    const struct json *number = json_get(candidate, "logProbability");

    write_member_text(b, "token", text_member(candidate, "token"));
    /* proto JSON leaves zeroes out */
    write_member_raw(b, "logprob",
                     number != NULL && number->type == JSON_NUMBER ? number->raw : STR("0"));
    write_key(b, "bytes");
    write_null(b);
}

struct str gemini_logprobs_in(const struct chat_codec *c, const struct json *result)
{
    const struct json *chosen = json_get(result, "chosenCandidates");
    const struct json *top = first_of(json_get(result, "topCandidates"));
    struct buf b = BUF_IN(c->scratch);

    if (chosen == NULL || chosen->type != JSON_ARRAY || chosen->child == NULL)
        return STR_NONE;
    write_open(&b, '[');
    for (const struct json *x = chosen->child; x != NULL; x = x->next) {
        const struct json *list = first_of(json_get(top, "candidates"));

        write_open(&b, '{');
        put_openai(&b, x);
        write_key(&b, "top_logprobs");
        write_open(&b, '[');
        for (; list != NULL; list = list->next) {
            write_open(&b, '{');
            put_openai(&b, list);
            write_close(&b, '}');
        }
        write_close(&b, ']');
        write_close(&b, '}');
        top = top != NULL ? top->next : NULL;
    }
    write_close(&b, ']');
    return buf_view(&b);
}

static void put_gemini(struct buf *b, const struct json *entry)
{
    const struct json *number = json_get(entry, "logprob");

    write_open(b, '{');
    write_member_text(b, "token", text_member(entry, "token"));
    if (number != NULL && number->type == JSON_NUMBER)
        write_member_raw(b, "logProbability", number->raw);
    write_close(b, '}');
}

struct str gemini_logprobs_out(const struct chat_codec *c, struct str array)
{
    struct json_error err;
    const struct json *root = json_parse_raw(c->json, c->scratch, array, &err);
    struct buf b = BUF_IN(c->scratch);

    if (root == NULL || root->type != JSON_ARRAY)
        return STR_NONE;
    write_open(&b, '{');
    write_key(&b, "topCandidates");
    write_open(&b, '[');
    for (const struct json *x = root->child; x != NULL; x = x->next) {
        const struct json *list = first_of(json_get(x, "top_logprobs"));

        write_open(&b, '{');
        write_key(&b, "candidates");
        write_open(&b, '[');
        for (; list != NULL; list = list->next)
            put_gemini(&b, list);
        write_close(&b, ']');
        write_close(&b, '}');
    }
    write_close(&b, ']');
    write_key(&b, "chosenCandidates");
    write_open(&b, '[');
    for (const struct json *x = root->child; x != NULL; x = x->next)
        put_gemini(&b, x);
    write_close(&b, ']');
    write_close(&b, '}');
    return buf_view(&b);
}

/* --- citations --- */

bool gemini_is_ascii(struct str escaped)
{
    for (size_t i = 0; i < escaped.len; i++) {
        unsigned char c = (unsigned char)escaped.p[i];

        /* "\u00e9" is another such letter; "\u003c" is as rare as it is harmless */
        if (c >= 0x80 || (c == '\\' && i + 1 < escaped.len && escaped.p[i + 1] == 'u'))
            return false;
    }
    return true;
}

struct citing {
    const struct chat_blocks *blocks;
    const struct chat_sink *sink;
    bool is_ascii;
    uint32_t n;
};

static int64_t offset_of(const struct citing *c, const struct json *segment, const char *key)
{
    uint64_t n = 0;

    if (!c->is_ascii || segment == NULL)
        return -1;
    if (json_get(segment, key) != NULL && !json_u64(json_get(segment, key), &n))
        return -1;
    return n <= INT64_MAX ? (int64_t)n : -1; /* not there: 0 */
}

static void cite(struct citing *c, const struct json *source, const struct json *segment,
                 struct str raw)
{
    struct chat_citation citation = {.raw = raw};
    struct chat_event e = {.kind = EVENT_CITATION, .citation = &citation};

    if (++c->n > GEMINI_CITATIONS_MAX)
        return;
    citation.url = text_member(source, "uri");
    citation.title = text_member(source, "title");
    citation.start = offset_of(c, segment, "startIndex");
    citation.end = offset_of(c, segment, "endIndex");
    e.choice = c->blocks->choice;
    e.block = c->blocks->n - 1;
    e.block_kind = c->blocks->kind;
    c->sink->fn(c->sink->ctx, &e);
}

/* What a grounding chunk names, of whatever kind. */
static const struct json *source_of(const struct json *chunk)
{
    static const char *const kinds[] = {"web", "retrievedContext", "maps"};
    const struct json *source = NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && source == NULL; i++)
        source = json_get(chunk, kinds[i]);
    return source;
}

static const struct json *chunk_at(const struct json *chunks, const struct json *index)
{
    const struct json *x = first_of(chunks);
    uint64_t n;

    if (!json_u64(index, &n) || n >= GEMINI_CITATIONS_MAX)
        return NULL;
    for (; x != NULL && n > 0; n--)
        x = x->next;
    return x;
}

static void cite_support(struct citing *c, const struct json *chunks, const struct json *support)
{
    const struct json *indices = json_get(support, "groundingChunkIndices");
    const struct json *segment = json_get(support, "segment");

    if (indices == NULL || indices->type != JSON_ARRAY)
        return;
    for (const struct json *i = indices->child; i != NULL && c->n < GEMINI_CITATIONS_MAX;
         i = i->next) {
        const struct json *chunk = chunk_at(chunks, i);

        if (chunk != NULL)
            cite(c, source_of(chunk), segment, support->raw);
    }
}

void gemini_citations_in(const struct chat_blocks *blocks, const struct json *candidate,
                         bool is_ascii, const struct chat_sink *sink)
{
    const struct json *grounding = json_get(candidate, "groundingMetadata");
    const struct json *metadata = json_get(candidate, "citationMetadata");
    const struct json *chunks = json_get(grounding, "groundingChunks");
    const struct json *support = first_of(json_get(grounding, "groundingSupports"));
    const struct json *source = first_of(json_get(metadata, "citationSources"));
    struct citing c = {blocks, sink, is_ascii, 0};

    if (!blocks->is_open || blocks->kind != BLOCK_TEXT)
        return;
    if (support == NULL) {
        for (const struct json *x = first_of(chunks); x != NULL; x = x->next)
            cite(&c, source_of(x), NULL, x->raw);
    }
    for (; support != NULL && c.n < GEMINI_CITATIONS_MAX; support = support->next)
        cite_support(&c, chunks, support);
    if (source == NULL)
        source = first_of(json_get(metadata, "citations")); /* Vertex */
    for (; source != NULL; source = source->next)
        cite(&c, source, source, source->raw);
}

void gemini_citations_out(const struct chat_citation *list, bool is_ascii, struct buf *out)
{
    uint64_t n = 0;

    write_key(out, "groundingMetadata");
    write_open(out, '{');
    write_key(out, "groundingChunks");
    write_open(out, '[');
    for (const struct chat_citation *x = list; x != NULL; x = x->next) {
        write_open(out, '{');
        write_key(out, "web");
        write_open(out, '{');
        write_text_if(out, "uri", x->url);
        write_text_if(out, "title", x->title);
        write_close(out, '}');
        write_close(out, '}');
    }
    write_close(out, ']');
    write_key(out, "groundingSupports");
    write_open(out, '[');
    for (const struct chat_citation *x = list; x != NULL; x = x->next, n++) {
        if (!is_ascii || x->start < 0 || x->end < 0)
            continue; /* Google counts bytes */
        write_open(out, '{');
        write_key(out, "segment");
        write_open(out, '{');
        write_member_u64(out, "startIndex", (uint64_t)x->start);
        write_member_u64(out, "endIndex", (uint64_t)x->end);
        write_close(out, '}');
        write_key(out, "groundingChunkIndices");
        write_open(out, '[');
        write_u64(out, n);
        write_close(out, ']');
        write_close(out, '}');
    }
    write_close(out, ']');
    write_close(out, '}');
}
