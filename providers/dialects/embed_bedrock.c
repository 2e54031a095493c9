/*
 * embed_bedrock - model/{id}/invoke with embedding models: embed.h. From the Bedrock user guide's
 * pages on Amazon Titan Text Embeddings (G1 and V2) and on Cohere Embed.
 */
#include "providers/chat_text.h"
#include "providers/dialects/embed_cohere.h"
#include "providers/spans.h"
#include "providers/write.h"

static bool has(struct str model, const char *part)
{
    return model.len > 0 && memmem(model.p, model.len, part, strlen(part)) != NULL;
}

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct embed_ask *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);
    const struct json *types = json_get(root, "embeddingTypes");
    const struct json *text = json_get(root, "inputText");
    bool yes;

    if (url != NULL && has(url->model, "cohere.")) {
        if (embeddings_cohere.decode_request(c, url, body, out, err) != 0)
            return -1;
        out->from = DIALECT_BEDROCK;
        return 0;
    }
    *out =
        (struct embed_ask){.from = DIALECT_BEDROCK, .model = url != NULL ? url->model : STR_NONE};
    if (text == NULL || text->type != JSON_STRING)
        return chat_invalid(c, err, "inputText", "Malformed input request: inputText is required");
    embed_add(c, out, EMBED_TEXT, text_inside(text));
    (void)json_u64(json_get(root, "dimensions"), &out->dimensions); /* not told */
    if (json_bool(json_get(root, "normalize"), &yes))
        out->normalize = yes ? YES : NO;
    if (types != NULL && types->type == JSON_ARRAY) {
        for (const struct json *x = types->child; x != NULL; x = x->next) {
            if (!text_is(text_inside(x), "float"))
                embed_extra(c, out, STR("embeddingTypes"));
        }
    }
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("inputText")) && !str_eq(m->key, STR("dimensions")) &&
            !str_eq(m->key, STR("normalize")) && !str_eq(m->key, STR("embeddingTypes")))
            embed_extra(c, out, m->key);
    }
    return 0;
}

static int encode_request(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    bool is_v1 = has(target->model, "titan-embed-text-v1") || has(target->model, "embed-g1");

    if (has(target->model, "cohere.")) {
        write_open(out, '{');
        if (embed_cohere_members(c, ask, loss, out, err) != 0)
            return -1;
        write_close(out, '}');
        return 0;
    }
    if (!has(target->model, "titan-embed"))
        return chat_invalid(c, err, "model",
                            "behind Bedrock, Titan's and Cohere's embedding models are spoken to");
    if (embed_want_texts(c, ask, "Titan", err) != 0)
        return -1;
    if (ask->n_inputs != 1)
        return chat_invalid(c, err, "input", "Titan embeds one text a request, not %zu",
                            ask->n_inputs);
    (void)embed_formats(ask, EMBED_FLOAT, loss);
    embed_name_losses(ask, is_v1 ? 0 : EMBED_HAS_DIMENSIONS | EMBED_HAS_NORMALIZE, loss);
    write_open(out, '{');
    if (!is_v1 && ask->dimensions > 0)
        write_member_u64(out, "dimensions", ask->dimensions);
    if (!is_v1 && ask->normalize != UNSET)
        write_member_bool(out, "normalize", ask->normalize == YES);
    write_member_text(out, "inputText", ask->inputs->text);
    write_close(out, '}');
    return 0;
}

static int decode_answer(const struct chat_codec *c, const struct embed_ask *ask, struct str body,
                         struct embed_answer *out)
{
    struct str root = spans_check(c->json, body) ? str_trim(body) : STR_NONE;
    struct str one = spans_member(root, "embedding");

    *out = (struct embed_answer){.n = 0};
    out->usage.known = spans_number(spans_member(root, "inputTextTokenCount"), &out->usage.input);
    if (one.len == 0)
        return embed_cohere_take(c, ask, spans_member(root, "embeddings"), out);
    if (one.p[0] != '[' || ask->n_inputs != 1)
        return -1;
    out->vectors = arena_zalloc(c->arena, sizeof(*out->vectors));
    out->vectors[out->n++] = (struct embed_vector){EMBED_FLOAT, one};
    return 0;
}

static void encode_answer(const struct chat_codec *c, const struct embed_ask *ask,
                          const struct chat_reply *reply, const struct embed_answer *answer,
                          struct buf *out)
{
    if (has(ask->model, "cohere.")) {
        embeddings_cohere.encode_answer(c, ask, reply, answer, out);
        return;
    }
    write_open(out, '{');
    write_key(out, "embedding");
    embed_write(c, &answer->vectors[0], EMBED_FLOAT, out);
    write_key(out, "embeddingsByType");
    write_open(out, '{');
    write_key(out, "float");
    embed_write(c, &answer->vectors[0], EMBED_FLOAT, out);
    write_close(out, '}');
    write_member_u64(out, "inputTextTokenCount", answer->usage.input);
    write_close(out, '}');
}

const struct embed_dialect embeddings_bedrock = {
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_answer = decode_answer,
    .encode_answer = encode_answer,
};
