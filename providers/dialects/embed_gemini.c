/*
 * embed_gemini - :embedContent and :batchEmbedContents: embed.h. From Google's REST reference. A
 * provider is always asked for a batch: it answers one like many.
 */
#include "providers/chat_text.h"
#include "providers/embed.h"
#include "providers/spans.h"
#include "providers/write.h"

static const struct {
    const char *name;
    enum embed_task task;
} tasks[] = {
    {"RETRIEVAL_QUERY", EMBED_TASK_QUERY},          {"RETRIEVAL_DOCUMENT", EMBED_TASK_DOCUMENT},
    {"CLASSIFICATION", EMBED_TASK_CLASSIFY},        {"CLUSTERING", EMBED_TASK_CLUSTER},
    {"SEMANTIC_SIMILARITY", EMBED_TASK_SIMILARITY}, {"TASK_TYPE_UNSPECIFIED", EMBED_TASK_UNSET},
};

static const struct json *either(const struct json *o, const char *camel, const char *snake)
{
    const struct json *v = json_get(o, camel);

    return v != NULL ? v : json_get(o, snake);
}

/* Texts in one content are one text; with an image among them it is mixed. */
static int read_content(const struct chat_codec *c, const struct json *content,
                        struct embed_ask *ask, struct chat_error *err)
{
    const struct json *parts = json_get(content, "parts");
    const struct json *only = parts != NULL && parts->n == 1 ? parts->child : NULL;
    const struct json *data = only != NULL ? either(only, "inlineData", "inline_data") : NULL;
    struct chat_block *first = NULL, **end = &first;
    bool is_mixed = false;

    if (parts == NULL || parts->type != JSON_ARRAY || parts->n == 0 || parts->n > EMBED_INPUTS_MAX)
        return chat_invalid(c, err, "content", "content.parts must be an array with parts");
    if (data != NULL) {
        struct str type = text_inside(either(data, "mimeType", "mime_type"));

        embed_add(c, ask, EMBED_IMAGE,
                  arena_concat(c->arena,
                               (struct str[]){STR("data:"), type, STR(";base64,"),
                                              text_member(data, "data")},
                               4));
        return 0;
    }
    for (const struct json *p = parts->child; p != NULL; p = p->next) {
        const struct json *text = json_get(p, "text");

        is_mixed = is_mixed || text == NULL || text->type != JSON_STRING;
        *end = arena_zalloc(c->arena, sizeof(**end));
        **end = (struct chat_block){.kind = BLOCK_TEXT, .text = text_inside(text)};
        end = &(*end)->next;
    }
    if (is_mixed)
        embed_add(c, ask, EMBED_MIXED, STR_NONE)->raw = content->raw;
    else
        embed_add(c, ask, EMBED_TEXT, text_of_blocks(c, first, STR_NONE));
    return 0;
}

static void read_task(struct embed_ask *ask, struct str text)
{
    ask->task_text = text;
    ask->task = text.len > 0 ? EMBED_TASK_OTHER : EMBED_TASK_UNSET;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        if (text_is(text, tasks[i].name))
            ask->task = tasks[i].task;
    }
}

static int read_one(const struct chat_codec *c, const struct json *one, struct embed_ask *ask,
                    struct chat_error *err)
{
    static const char *const known[] = {"model",    "content",
                                        "taskType", "task_type",
                                        "title",    "outputDimensionality",
                                        "requests", "output_dimensionality"};
    const struct json *dimensions = either(one, "outputDimensionality", "output_dimensionality");

    if (one->type != JSON_OBJECT || read_content(c, json_get(one, "content"), ask, err) != 0)
        return one->type != JSON_OBJECT
                   ? chat_invalid(c, err, "requests", "requests must be an array of objects")
                   : -1;
    read_task(ask, text_inside(either(one, "taskType", "task_type")));
    ask->title = text_member(one, "title");
    if (dimensions != NULL && dimensions->type != JSON_NULL &&
        !json_u64(dimensions, &ask->dimensions))
        return chat_invalid(c, err, "outputDimensionality",
                            "outputDimensionality must be a whole number");
    for (const struct json *m = one->child; m != NULL; m = m->next) {
        size_t i = 0;

        while (i < ARRAY_LEN(known) && !str_eq(m->key, str_of(known[i])))
            i++;
        if (i == ARRAY_LEN(known))
            embed_extra(c, ask, m->key);
    }
    return 0;
}

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct embed_ask *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);
    const struct json *requests = json_get(root, "requests");

    *out = (struct embed_ask){.from = DIALECT_GEMINI, .model = url != NULL ? url->model : STR_NONE};
    if (root == NULL || root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "Invalid JSON payload received.");
    if (requests == NULL)
        return read_one(c, root, out, err);
    out->is_list = true;
    if (requests->type != JSON_ARRAY || requests->n == 0 || requests->n > EMBED_INPUTS_MAX)
        return chat_invalid(c, err, "requests", "requests must be an array with members");
    for (const struct json *x = requests->child; x != NULL; x = x->next) {
        if (read_one(c, x, out, err) != 0)
            return -1;
    }
    return 0;
}

static const char *task_name(const struct embed_ask *ask, struct chat_loss *loss)
{
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        if (ask->task == tasks[i].task && ask->task != EMBED_TASK_UNSET)
            return tasks[i].name;
    }
    if (ask->task == EMBED_TASK_OTHER && ask->from != DIALECT_GEMINI)
        loss_drop(loss, STR("input_type"));
    return NULL;
}

static int put_content(const struct chat_codec *c, const struct embed_input *i, struct buf *out,
                       struct chat_error *err)
{
    struct str type, data;

    if (i->kind == EMBED_MIXED) {
        write_raw(out, i->raw); /* only Gemini's own clients get as far */
        return 0;
    }
    buf_cstr(out, "{\"parts\":[{");
    if (i->kind == EMBED_IMAGE) {
        if (!text_data_url(i->text, &type, &data))
            return chat_invalid(c, err, "input", "Gemini takes images in base64 only");
        write_key(out, "inlineData");
        write_open(out, '{');
        write_member_text(out, "mimeType", type);
        write_member_text(out, "data", data);
        write_close(out, '}');
    } else {
        write_member_text(out, "text", i->text);
    }
    buf_cstr(out, "}]}");
    return 0;
}

static int encode_request(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    const char *task = task_name(ask, loss);
    struct str model = arena_concat(c->arena, (struct str[]){STR("models/"), target->model}, 2);

    (void)embed_formats(ask, EMBED_FLOAT, loss);
    embed_name_losses(ask, EMBED_HAS_TASK | EMBED_HAS_DIMENSIONS | EMBED_HAS_TITLE, loss);
    buf_cstr(out, "{\"requests\":[");
    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind == EMBED_TOKENS || (i->kind == EMBED_MIXED && ask->from != DIALECT_GEMINI))
            return chat_invalid(c, err, "input",
                                "Gemini embeds no token numbers, and texts and "
                                "images only apart");
        write_open(out, '{');
        write_key(out, "model");
        write_plain(out, model);
        if (task != NULL)
            write_member_cstr(out, "taskType", task);
        else if (ask->task == EMBED_TASK_OTHER && ask->from == DIALECT_GEMINI)
            write_member_text(out, "taskType", ask->task_text);
        write_text_if(out, "title", ask->title);
        if (ask->dimensions > 0)
            write_member_u64(out, "outputDimensionality", ask->dimensions);
        write_key(out, "content");
        if (put_content(c, i, out, err) != 0)
            return -1;
        write_close(out, '}');
    }
    buf_cstr(out, "]}");
    return 0;
}

/* --- answers --- */

static int decode_answer(const struct chat_codec *c, const struct embed_ask *ask, struct str body,
                         struct embed_answer *out)
{
    struct str root = spans_check(c->json, body) ? str_trim(body) : STR_NONE;
    struct str at = spans_member(root, "embeddings");
    struct str one = spans_member(root, "embedding");
    struct str usage = spans_member(root, "usageMetadata");
    struct str item;

    *out = (struct embed_answer){.n = 0};
    out->vectors = arena_zalloc(c->arena, (ask->n_inputs + 1) * sizeof(*out->vectors));
    if (one.len > 0)
        at = arena_concat(c->arena, (struct str[]){STR("["), one, STR("]")}, 3);
    while (spans_next(&at, &item)) {
        struct str values = spans_member(item, "values");

        if (out->n == ask->n_inputs || values.len < 2 || values.p[0] != '[')
            return -1;
        out->vectors[out->n++] = (struct embed_vector){EMBED_FLOAT, values};
    }
    out->usage.known = spans_number(spans_member(usage, "promptTokenCount"), &out->usage.input);
    return out->n == ask->n_inputs ? 0 : -1;
}

static void put_values(const struct chat_codec *c, const struct embed_vector *v, struct buf *out)
{
    write_open(out, '{');
    write_key(out, "values");
    embed_write(c, v, EMBED_FLOAT, out);
    write_close(out, '}');
}

static void encode_answer(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_reply *reply, const struct embed_answer *answer,
                          struct buf *out)
{
    (void)reply;
    write_open(out, '{');
    if (ask->is_list) {
        write_key(out, "embeddings");
        write_open(out, '[');
        for (size_t i = 0; i < answer->n; i++)
            put_values(c, &answer->vectors[i], out);
        write_close(out, ']');
    } else if (answer->n > 0) {
        write_key(out, "embedding");
        put_values(c, &answer->vectors[0], out);
    }
    if (answer->usage.known) {
        write_key(out, "usageMetadata");
        write_open(out, '{');
        write_member_u64(out, "promptTokenCount", answer->usage.input);
        write_member_u64(out, "totalTokenCount", answer->usage.input);
        write_close(out, '}');
    }
    write_close(out, '}');
}

const struct embed_dialect embeddings_gemini = {
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};
