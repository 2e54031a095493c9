/* embed_cohere - v2/embed: embed.h. From the types of Cohere's Python SDK. */
#include "providers/dialects/embed_cohere.h"

#include "providers/chat_text.h"
#include "providers/spans.h"
#include "providers/write.h"

static const struct {
    const char *name;
    enum embed_task task;
} tasks[] = {
    {"search_document", EMBED_TASK_DOCUMENT},
    {"search_query", EMBED_TASK_QUERY},
    {"classification", EMBED_TASK_CLASSIFY},
    {"clustering", EMBED_TASK_CLUSTER},
};

/* --- requests in --- */

static int read_list(const struct chat_codec *c, const struct json *list, enum embed_kind kind,
                     struct embed_ask *ask, struct chat_error *err)
{
    const char *name = kind == EMBED_TEXT ? "texts" : "images";

    if (list->type != JSON_ARRAY || list->n > EMBED_INPUTS_MAX)
        return chat_invalid(c, err, name, "invalid request: %s must be an array of strings", name);
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        if (x->type != JSON_STRING)
            return chat_invalid(c, err, name, "invalid request: %s must be strings", name);
        embed_add(c, ask, kind, text_inside(x));
    }
    return 0;
}

/* Texts and images, put together or alone. */
static int read_inputs(const struct chat_codec *c, const struct json *list, struct embed_ask *ask,
                       struct chat_error *err)
{
    if (list->type != JSON_ARRAY || list->n > EMBED_INPUTS_MAX)
        return chat_invalid(c, err, "inputs", "invalid request: inputs must be an array");
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        const struct json *content = json_get(x, "content");
        const struct json *part = content != NULL && content->n == 1 ? content->child : NULL;
        struct str type = text_member(part, "type");

        if (content == NULL || content->type != JSON_ARRAY || content->n == 0)
            return chat_invalid(c, err, "inputs", "invalid request: inputs need content");
        if (text_is(type, "text"))
            embed_add(c, ask, EMBED_TEXT, text_member(part, "text"));
        else if (text_is(type, "image_url"))
            embed_add(c, ask, EMBED_IMAGE, text_member(json_get(part, "image_url"), "url"));
        else
            embed_add(c, ask, EMBED_MIXED, STR_NONE)->raw = x->raw;
    }
    return 0;
}

static int read_types(const struct chat_codec *c, const struct json *list, struct embed_ask *ask,
                      struct chat_error *err)
{
    if (list->type != JSON_ARRAY)
        return chat_invalid(c, err, "embedding_types",
                            "invalid request: embedding_types must be an array");
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        uint32_t format = embed_format_of(text_inside(x));

        if (format == 0)
            return chat_invalid(c, err, "embedding_types",
                                "invalid request: embedding_types has an unknown type");
        ask->formats |= format;
    }
    return 0;
}

static void read_task(struct embed_ask *ask, struct str text)
{
    ask->task_text = text;
    ask->task = EMBED_TASK_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        if (text_is(text, tasks[i].name))
            ask->task = tasks[i].task;
    }
    if (text_is(text, "image"))
        ask->task = EMBED_TASK_UNSET; /* it says what the input is, which is plain */
}

static int read_member(const struct chat_codec *c, const struct json *m, struct embed_ask *ask,
                       struct chat_error *err)
{
    if (m->type == JSON_NULL)
        return 0;
    if (str_eq(m->key, STR("texts")))
        return read_list(c, m, EMBED_TEXT, ask, err);
    if (str_eq(m->key, STR("images")))
        return read_list(c, m, EMBED_IMAGE, ask, err);
    if (str_eq(m->key, STR("inputs")))
        return read_inputs(c, m, ask, err);
    if (str_eq(m->key, STR("embedding_types")))
        return read_types(c, m, ask, err);
    if (str_eq(m->key, STR("model"))) {
        if (ask->model.len == 0)
            ask->model = text_plain(c->arena, text_inside(m));
    } else if (str_eq(m->key, STR("input_type"))) {
        read_task(ask, text_inside(m));
    } else if (str_eq(m->key, STR("truncate"))) {
        ask->truncate = text_inside(m);
    } else if (str_eq(m->key, STR("output_dimension"))) {
        if (!json_u64(m, &ask->dimensions) || ask->dimensions == 0)
            return chat_invalid(c, err, "output_dimension",
                                "invalid request: output_dimension must be a number above 0");
    } else {
        embed_extra(c, ask, m->key);
    }
    return 0;
}

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct embed_ask *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);

    *out = (struct embed_ask){.from = DIALECT_COHERE, .model = url != NULL ? url->model : STR_NONE};
    if (root == NULL || root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "invalid request: the body is not a JSON object");
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        if (read_member(c, m, out, err) != 0)
            return -1;
    }
    if (out->n_inputs == 0)
        return chat_invalid(c, err, "texts",
                            "invalid request: texts, images or inputs is required");
    return 0;
}

/* --- requests out --- */

static void put_inputs(const struct embed_ask *ask, enum embed_kind kind, struct buf *out)
{
    write_key(out, kind == EMBED_TEXT ? "texts" : "images");
    write_open(out, '[');
    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next)
        write_text(out, i->text);
    write_close(out, ']');
}

/* Cohere's newer models demand it. */
static void put_task(const struct embed_ask *ask, enum embed_kind kind, struct chat_loss *loss,
                     struct buf *out)
{
    const char *name = kind == EMBED_IMAGE ? "image" : "search_document";
    bool is_known = ask->task == EMBED_TASK_UNSET || kind == EMBED_IMAGE;

    for (size_t i = 0; i < ARRAY_LEN(tasks) && !is_known; i++) {
        if (ask->task != tasks[i].task)
            continue;
        name = tasks[i].name;
        is_known = true;
    }
    if (!is_known && ask->task == EMBED_TASK_SIMILARITY)
        name = "clustering"; /* symmetric, too */
    if (!is_known)
        loss_change(loss, STR("input_type"));
    write_member_cstr(out, "input_type", name);
}

int embed_cohere_members(const struct chat_codec *c, const struct embed_ask *ask,
                         struct chat_loss *loss, struct buf *out, struct chat_error *err)
{
    uint32_t formats = embed_formats(ask, (1u << EMBED_FORMATS) - 1, loss);
    enum embed_kind kind = ask->inputs->kind;

    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind != kind || i->kind == EMBED_TOKENS || i->kind == EMBED_MIXED)
            return chat_invalid(c, err, "input",
                                "Cohere embeds texts or images, but no token numbers");
    }
    embed_name_losses(ask, EMBED_HAS_TASK | EMBED_HAS_TRUNCATE | EMBED_HAS_DIMENSIONS, loss);
    put_task(ask, kind, loss, out);
    write_key(out, "embedding_types");
    write_open(out, '[');
    for (uint32_t i = 0; i < EMBED_FORMATS; i++) {
        if ((formats & 1u << i) != 0)
            write_cstr(out, embed_format_name(1u << i));
    }
    write_close(out, ']');
    write_text_if(out, "truncate", ask->truncate);
    if (ask->dimensions > 0)
        write_member_u64(out, "output_dimension", ask->dimensions);
    put_inputs(ask, kind, out);
    return 0;
}

static int encode_request(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    if (embed_cohere_members(c, ask, loss, out, err) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}

/* --- answers --- */

int embed_cohere_take(const struct chat_codec *c, const struct embed_ask *ask,
                      struct str embeddings, struct embed_answer *out)
{
    uint32_t wanted = ask->formats != 0 ? ask->formats : EMBED_FLOAT;

    if (embeddings.len > 0 && embeddings.p[0] == '[')
        return embed_take_list(c, ask->n_inputs, EMBED_FLOAT, embeddings, out);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < EMBED_FORMATS; i++) {
            struct str list = spans_member(embeddings, embed_format_name(1u << i));

            if (list.len > 0 && (pass == 1 || (wanted & 1u << i) != 0))
                return embed_take_list(c, ask->n_inputs, 1u << i, list, out);
        }
    }
    return -1;
}

static int decode_answer(const struct chat_codec *c, const struct embed_ask *ask, struct str body,
                         struct embed_answer *out)
{
    struct str root = spans_check(c->json, body) ? str_trim(body) : STR_NONE;
    struct str billed = spans_member(spans_member(root, "meta"), "billed_units");
    uint64_t images = 0;

    *out = (struct embed_answer){.id = spans_text(spans_member(root, "id"))};
    out->usage.known = spans_number(spans_member(billed, "input_tokens"), &out->usage.input);
    if (spans_number(spans_member(billed, "image_tokens"), &images)) {
        out->usage.input += min_u64(images, INT64_MAX);
        out->usage.known = true;
    }
    return embed_cohere_take(c, ask, spans_member(root, "embeddings"), out);
}

/* An answer has vectors of one format only; the losses of the request have named the others. */
static uint32_t told_format(const struct embed_ask *ask, const struct embed_answer *answer)
{
    uint32_t have = answer->n > 0 ? answer->vectors[0].format : EMBED_FLOAT;
    uint32_t wanted = ask->formats != 0 ? ask->formats : EMBED_FLOAT;

    if ((have & (EMBED_FLOAT | EMBED_BASE64)) == 0 || (wanted & have) != 0)
        return have;
    return (wanted & EMBED_BASE64) != 0 ? EMBED_BASE64 : EMBED_FLOAT;
}

static void put_list(const struct chat_codec *c, const struct embed_answer *answer, uint32_t format,
                     struct buf *out)
{
    write_key(out, embed_format_name(format));
    write_open(out, '[');
    for (size_t i = 0; i < answer->n; i++) {
        if (i > 0)
            buf_char(out, ',');
        embed_write(c, &answer->vectors[i], format, out);
    }
    write_close(out, ']');
}

static void encode_answer(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_reply *reply, const struct embed_answer *answer,
                          struct buf *out)
{
    uint32_t format = told_format(ask, answer);
    uint32_t both = EMBED_FLOAT | EMBED_BASE64;

    write_open(out, '{');
    write_key(out, "id");
    write_plain(out, reply->id);
    write_key(out, "embeddings");
    write_open(out, '{');
    put_list(c, answer, format, out);
    if ((format & both) != 0 && (ask->formats & both) == both)
        put_list(c, answer, both & ~format, out);
    write_close(out, '}');
    write_key(out, "texts");
    write_open(out, '[');
    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind == EMBED_TEXT)
            write_text(out, i->text);
    }
    write_close(out, ']');
    buf_cstr(out, ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{");
    write_member_u64(out, "input_tokens", answer->usage.input);
    buf_cstr(out, "}},\"response_type\":\"embeddings_by_type\"}");
}

const struct embed_dialect embeddings_cohere = {
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};
