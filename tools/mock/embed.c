#include "tools/mock/embed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/mock/check.h"
#include "tools/mock/text.h"
#include "tools/mock/vectors.h"

/* False when the request is refused. */
static bool read_dimensions(struct mock_call *call, const struct json *given, uint32_t *out)
{
    uint64_t n = EMBEDDING_DIMENSIONS;

    if (given != NULL && (!json_u64(given, &n) || n < 1 || n > EMBEDDING_DIMENSIONS_MAX)) {
        answer_refuse_text(call, 400, "The number of dimensions must be between 1 and 4096.");
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

/* --- Gemini --- */

static const struct json *get2(const struct json *object, const char *camel, const char *snake)
{
    const struct json *found = json_get(object, camel);

    return found != NULL ? found : json_get(object, snake);
}

/* One request's values; false when it is refused. */
static bool put_gemini(struct mock_call *call, const struct json *request)
{
    const struct json *content = json_get(request, "content");
    struct buf text = BUF_INIT;
    uint32_t dimensions;

    if (!read_dimensions(call, get2(request, "outputDimensionality", "output_dimensionality"),
                         &dimensions))
        return false;
    for (const struct json *p = check_items(json_get(content, "parts")); p != NULL; p = p->next)
        buf_str(&text, json_str(json_get(p, "text")));
    if (text.len == 0) {
        answer_refuse_text(call, 400, "* EmbedContentRequest.content: content is empty");
        return false;
    }
    buf_cstr(call->answer->body, "{\"values\":");
    vector_put(call->answer->body, call->arena, buf_view(&text), dimensions, false);
    buf_char(call->answer->body, '}');
    buf_fini(&text);
    return true;
}

void embed_gemini(struct mock_call *call)
{
    buf_cstr(call->answer->body, "{\"embedding\":");
    if (put_gemini(call, call->body))
        buf_char(call->answer->body, '}');
}

void embed_gemini_batch(struct mock_call *call)
{
    const struct json *requests = json_get(call->body, "requests");

    if (check_items(requests) == NULL || requests->n > EMBED_INPUTS_MAX) {
        answer_refuse_text(call, 400,
                           "* BatchEmbedContentsRequest.requests: at least one and at most 100 "
                           "requests can be in one batch");
        return;
    }
    buf_cstr(call->answer->body, "{\"embeddings\":[");
    for (const struct json *r = requests->child; r != NULL; r = r->next) {
        if (!put_gemini(call, r))
            return;
        if (r->next != NULL)
            buf_char(call->answer->body, ',');
    }
    buf_cstr(call->answer->body, "]}");
}

/* --- Cohere --- */

/* A text of `texts`, or the texts of one of `inputs`. */
static struct str cohere_text(struct mock_call *call, const struct json *one)
{
    struct buf all = BUF_INIT;
    struct str text;

    if (one->type == JSON_STRING)
        return one->text;
    for (const struct json *p = check_items(json_get(one, "content")); p != NULL; p = p->next)
        buf_str(&all, json_str(json_get(p, "text")));
    text = arena_str(call->arena, buf_view(&all));
    buf_fini(&all);
    return text;
}

static void put_cohere(struct mock_call *call, const struct json *inputs, struct str type,
                       uint32_t dimensions)
{
    struct buf *out = call->answer->body;
    bool is_int = str_eq(type, STR("int8")) || str_eq(type, STR("uint8"));

    buf_json(out, type);
    buf_cstr(out, ":[");
    for (const struct json *one = inputs->child; one != NULL; one = one->next) {
        struct str text = cohere_text(call, one);

        if (is_int)
            vector_put_bytes(out, call->arena, text, dimensions, str_eq(type, STR("int8")));
        else
            vector_put(out, call->arena, text, dimensions, str_eq(type, STR("base64")));
        if (one->next != NULL)
            buf_char(out, ',');
    }
    buf_char(out, ']');
}

static void put_cohere_all(struct mock_call *call, const struct json *inputs, uint32_t dimensions)
{
    static const char *const TYPES[] = {"float", "int8", "uint8", "base64", NULL};
    const struct json *types = check_items(json_get(call->body, "embedding_types"));

    if (types == NULL)
        put_cohere(call, inputs, STR("float"), dimensions);
    for (const struct json *t = types; t != NULL; t = t->next) {
        if (!check_is_one_of(json_str(t), TYPES)) {
            answer_refuse_text(
                call, 400, "invalid request: embedding_types must be float, int8, uint8 or base64");
            return;
        }
        put_cohere(call, inputs, t->text, dimensions);
        if (t->next != NULL)
            buf_char(call->answer->body, ',');
    }
}

static uint64_t put_texts(struct mock_call *call, const struct json *inputs)
{
    uint64_t tokens = 0;

    for (const struct json *one = inputs->child; one != NULL; one = one->next) {
        struct str text = cohere_text(call, one);

        tokens += text_count(text);
        buf_json(call->answer->body, text);
        if (one->next != NULL)
            buf_char(call->answer->body, ',');
    }
    return tokens;
}

void embed_cohere(struct mock_call *call)
{
    const struct json *inputs = get2(call->body, "texts", "inputs");
    struct buf *out = call->answer->body;
    uint32_t dimensions;

    if (json_str(json_get(call->body, "input_type")).len == 0) {
        answer_refuse_text(call, 400, "invalid request: valid input_type must be provided");
        return;
    }
    if (check_items(inputs) == NULL || inputs->n > EMBED_COHERE_MAX) {
        answer_refuse_text(call, 400,
                           "invalid request: at least one and at most 96 texts or inputs must be "
                           "provided");
        return;
    }
    if (!read_dimensions(call, json_get(call->body, "output_dimension"), &dimensions))
        return;
    buf_printf(out, "{\"id\":\"mock%" PRIu64 "\",\"embeddings\":{", call->number);
    put_cohere_all(call, inputs, dimensions);
    if (call->answer->status != 200)
        return;
    buf_cstr(out, "},\"texts\":[");
    buf_printf(out,
               "],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":"
               "%" PRIu64 "}},\"response_type\":\"embeddings_by_type\"}",
               put_texts(call, inputs));
}

/* --- Amazon Titan --- */

bool embed_is_titan(const struct mock_call *call)
{
    struct str name = call->model_name;

    return json_get(call->body, "inputText") != NULL && name.len > 0 &&
           memmem(name.p, name.len, "embed", 5) != NULL;
}

void embed_titan(struct mock_call *call)
{
    struct str text = json_str(json_get(call->body, "inputText"));
    struct buf *out = call->answer->body;
    uint32_t dimensions;

    if (text.len == 0) {
        answer_refuse_text(
            call, 400,
            "Malformed input request: expected minLength: 1, actual: 0, please reformat "
            "your input and try again.");
        return;
    }
    if (!read_dimensions(call, json_get(call->body, "dimensions"), &dimensions))
        return;
    buf_cstr(out, "{\"embedding\":");
    vector_put(out, call->arena, text, dimensions, false);
    buf_cstr(out, ",\"embeddingsByType\":{\"float\":");
    vector_put(out, call->arena, text, dimensions, false);
    buf_printf(out, "},\"inputTextTokenCount\":%" PRIu64 "}", text_count(text));
}

/* --- rerank --- */

struct ranked {
    uint32_t index;
    double score;
};

/* The share of the query's words that stand in the document. */
static double score_of(struct str query, struct str document)
{
    uint32_t n = 0;
    uint32_t found = 0;
    struct str word;

    while (str_next(&query, ' ', &word)) {
        n += word.len > 0;
        found += word.len > 0 && document.len > 0 &&
                 memmem(document.p, document.len, word.p, word.len) != NULL;
    }
    return n > 0 ? (double)found / (double)n : 0;
}

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static void put_ranked(struct mock_call *call, struct ranked *all, uint32_t n)
{
    struct buf *out = call->answer->body;
    uint64_t top = n;

    (void)json_u64(json_get(call->body, "top_n"), &top); /* absent: all */
    qsort(all, n, sizeof(*all), by_score);
    buf_printf(out, "{\"id\":\"mock%" PRIu64 "\",\"results\":[", call->number);
    for (uint32_t i = 0; i < n && i < top; i++)
        buf_printf(out, "%s{\"index\":%" PRIu32 ",\"relevance_score\":%.6f}", i > 0 ? "," : "",
                   all[i].index, all[i].score);
    buf_cstr(out,
             "],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"search_units\":"
             "1}}}");
}

void rerank_answer(struct mock_call *call)
{
    const struct json *documents = json_get(call->body, "documents");
    struct str query = json_str(json_get(call->body, "query"));
    struct ranked *all;
    uint32_t i = 0;

    if (query.len == 0 || check_items(documents) == NULL || documents->n > RERANK_DOCUMENTS_MAX) {
        answer_refuse_text(call, 400,
                           "invalid request: a query and 1 to 1000 documents must be provided");
        return;
    }
    all = arena_alloc(call->arena, documents->n * sizeof(*all));
    for (const struct json *d = documents->child; d != NULL; d = d->next, i++) {
        struct str text = d->type == JSON_OBJECT ? json_str(json_get(d, "text")) : json_str(d);

        all[i] = (struct ranked){i, score_of(query, text)};
    }
    put_ranked(call, all, i);
}
