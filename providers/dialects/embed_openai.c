/*
 * embed_openai - POST /embeddings: embed.h. From OpenAI's API description; `input_type`, `truncate`
 * and their like are those of its imitators (Voyage, NVIDIA).
 */
#include "providers/chat_text.h"
#include "providers/embed.h"
#include "providers/spans.h"
#include "providers/write.h"

static int wrong_input(const struct chat_codec *c, struct chat_error *err)
{
    return chat_invalid(c, err, "input",
                        "'input' must be a string, an array of strings, or token numbers.");
}

static bool is_tokens(const struct json *list)
{
    return list->type == JSON_ARRAY && list->child != NULL && list->child->type == JSON_NUMBER;
}

static void add_tokens(const struct chat_codec *c, struct embed_ask *ask, const struct json *list)
{
    embed_add(c, ask, EMBED_TOKENS, STR_NONE)->raw = list->raw;
}

static int read_input(const struct chat_codec *c, const struct json *input, struct embed_ask *ask,
                      struct chat_error *err)
{
    if (input == NULL)
        return wrong_input(c, err);
    if (input->type == JSON_STRING) {
        embed_add(c, ask, EMBED_TEXT, text_inside(input));
        return 0;
    }
    if (is_tokens(input)) {
        add_tokens(c, ask, input);
        return 0;
    }
    if (input->type != JSON_ARRAY || input->n == 0 || input->n > EMBED_INPUTS_MAX)
        return wrong_input(c, err);
    for (const struct json *x = input->child; x != NULL; x = x->next) {
        if (x->type == JSON_STRING)
            embed_add(c, ask, EMBED_TEXT, text_inside(x));
        else if (is_tokens(x))
            add_tokens(c, ask, x);
        else
            return wrong_input(c, err);
    }
    return 0;
}

static void read_task(struct embed_ask *ask, struct str text)
{
    ask->task_text = text;
    ask->task =
        text_is(text, "query") || text_is(text, "search_query") ? EMBED_TASK_QUERY
        : text_is(text, "document") || text_is(text, "passage") || text_is(text, "search_document")
            ? EMBED_TASK_DOCUMENT
        : text_is(text, "classification") ? EMBED_TASK_CLASSIFY
        : text_is(text, "clustering")     ? EMBED_TASK_CLUSTER
                                          : EMBED_TASK_OTHER;
}

static int read_member(const struct chat_codec *c, const struct json *m, struct embed_ask *ask,
                       struct chat_error *err)
{
    if (m->type == JSON_NULL)
        return 0;
    if (str_eq(m->key, STR("input")))
        return read_input(c, m, ask, err);
    if (str_eq(m->key, STR("model"))) {
        if (ask->model.len == 0)
            ask->model = text_plain(c->arena, text_inside(m));
    } else if (str_eq(m->key, STR("dimensions"))) {
        if (!json_u64(m, &ask->dimensions) || ask->dimensions == 0)
            return chat_invalid(c, err, "dimensions", "'dimensions' must be a number above 0.");
    } else if (str_eq(m->key, STR("encoding_format"))) {
        ask->formats = embed_format_of(text_inside(m));
        if (ask->formats == 0)
            return chat_invalid(c, err, "encoding_format",
                                "'encoding_format' must be 'float' or 'base64'.");
    } else if (str_eq(m->key, STR("user"))) {
        ask->user = text_inside(m);
    } else if (str_eq(m->key, STR("input_type"))) {
        read_task(ask, text_inside(m));
    } else if (str_eq(m->key, STR("truncate")) && m->type == JSON_STRING) {
        ask->truncate = text_inside(m);
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

    *out = (struct embed_ask){.from = DIALECT_OPENAI, .model = url != NULL ? url->model : STR_NONE};
    if (root == NULL || root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "We could not parse the JSON body of your request.");
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        if (read_member(c, m, out, err) != 0)
            return -1;
    }
    return out->n_inputs > 0 ? 0 : wrong_input(c, err);
}

static int encode_request(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    uint32_t format = embed_first(embed_formats(ask, EMBED_FLOAT | EMBED_BASE64, loss));

    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind != EMBED_TEXT && i->kind != EMBED_TOKENS)
            return chat_invalid(c, err, "input", "this provider embeds texts only: no images");
    }
    embed_name_losses(ask, EMBED_HAS_USER | EMBED_HAS_DIMENSIONS, loss);
    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    if (ask->dimensions > 0)
        write_member_u64(out, "dimensions", ask->dimensions);
    if (ask->formats != 0)
        write_member_cstr(out, "encoding_format", embed_format_name(format));
    if ((target->quirks & QUIRK_NO_USER) == 0)
        write_text_if(out, "user", ask->user);
    else if (ask->user.len > 0)
        loss_drop(loss, STR("user"));
    write_key(out, "input");
    write_open(out, '[');
    for (const struct embed_input *i = ask->inputs; i != NULL; i = i->next) {
        if (i->kind == EMBED_TEXT)
            write_text(out, i->text);
        else
            write_raw(out, i->raw);
    }
    write_close(out, ']');
    write_close(out, '}');
    return 0;
}

/* --- answers --- */

static int take_item(struct str item, size_t at, struct embed_answer *out)
{
    struct str value = spans_member(item, "embedding");
    uint64_t index = at;

    if (value.len < 2 || (value.p[0] != '[' && value.p[0] != '"'))
        return -1;
    (void)spans_number(spans_member(item, "index"), &index); /* else in their order */
    if (index >= out->n || out->vectors[index].format != 0)
        return -1;
    out->vectors[index] = value.p[0] == '['
                              ? (struct embed_vector){EMBED_FLOAT, value}
                              : (struct embed_vector){EMBED_BASE64, spans_text(value)};
    return 0;
}

static int decode_answer(const struct chat_codec *c, const struct embed_ask *ask, struct str body,
                         struct embed_answer *out)
{
    struct str at = spans_check(c->json, body) ? spans_member(str_trim(body), "data") : STR_NONE;
    struct str usage = spans_member(str_trim(body), "usage");
    struct str item;
    size_t n = 0;

    *out = (struct embed_answer){.n = ask->n_inputs};
    out->vectors = arena_zalloc(c->arena, (ask->n_inputs + 1) * sizeof(*out->vectors));
    while (spans_next(&at, &item)) {
        if (n == ask->n_inputs || take_item(item, n, out) != 0)
            return -1;
        n++;
    }
    out->usage.known = spans_number(spans_member(usage, "prompt_tokens"), &out->usage.input) ||
                       spans_number(spans_member(usage, "total_tokens"), &out->usage.input);
    return n == ask->n_inputs ? 0 : -1;
}

static void encode_answer(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_reply *reply, const struct embed_answer *answer,
                          struct buf *out)
{
    uint32_t format = embed_first(ask->formats);

    buf_cstr(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < answer->n; i++) {
        write_open(out, '{');
        write_member_cstr(out, "object", "embedding");
        write_member_u64(out, "index", i);
        write_key(out, "embedding");
        embed_write(c, &answer->vectors[i], format, out);
        write_close(out, '}');
    }
    write_close(out, ']');
    write_key(out, "model");
    write_plain(out, reply->model);
    write_key(out, "usage");
    write_open(out, '{');
    write_member_u64(out, "prompt_tokens", answer->usage.input);
    write_member_u64(out, "total_tokens", answer->usage.input);
    write_close(out, '}');
    write_close(out, '}');
}

const struct embed_dialect embeddings_openai = {
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};
