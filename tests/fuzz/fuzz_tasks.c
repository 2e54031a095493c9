/*
 * Embeddings, reranking and token counts: requests and answers of any bytes. The first byte chooses
 * what it is, the second the dialect; what is understood is written as JSON in all of them.
 */
#include "providers/count.h"
#include "providers/embed.h"
#include "providers/rerank.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;
static struct buf out;
static const struct chat_target target = {.model = {"amazon.titan-embed", 18}};
static const struct chat_reply reply = {.id = {"1", 1}, .model = {"m\"", 2}};

static void check(int rc, const struct chat_error *err)
{
    struct json_error fault;

    if (rc == 0)
        must(json_parse_raw(codec.json, codec.scratch, (struct str){out.data, out.len}, &fault) !=
             NULL);
    else
        must(err->status == 400 && err->message.len > 0);
    buf_clear(&out);
    arena_reset(codec.scratch);
}

static void try_embed(const struct embed_dialect *d, struct str body)
{
    struct chat_error err = {.kind = 0};
    struct embed_ask ask;

    if (d->decode_request(&codec, NULL, body, &ask, &err) != 0) {
        check(-1, &err);
        return;
    }
    must(ask.n_inputs > 0);
    for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++) {
        struct chat_loss loss = {.n_dropped = 0};

        if (embed_dialect_get(to) != NULL)
            check(embed_dialect_get(to)->encode_request(&codec, &ask, &target, &loss, &out, &err),
                  &err);
    }
}

static void try_embed_answer(const struct embed_dialect *d, struct str body)
{
    struct embed_input inputs[2] = {{.next = &inputs[1], .kind = EMBED_TEXT, .text = STR("a")},
                                    {.kind = EMBED_TEXT, .text = STR("b")}};
    struct embed_ask ask = {.inputs = inputs, .is_list = true};

    for (ask.n_inputs = 1; ask.n_inputs <= 2; ask.n_inputs++) {
        struct embed_answer answer;

        if (d->decode_answer(&codec, &ask, body, &answer) != 0)
            continue;
        must(answer.n == ask.n_inputs);
        for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++) {
            if (embed_dialect_get(to) == NULL)
                continue;
            ask.formats = to % 2 == 0 ? EMBED_BASE64 : 0;
            embed_dialect_get(to)->encode_answer(&codec, &ask, &reply, &answer, &out);
            check(0, NULL);
        }
    }
}

static void try_rerank(struct str body)
{
    struct rerank_document documents[2] = {{.text = STR("a")}, {.text = STR("b")}};
    struct rerank_ask ask;
    struct rerank_answer answer;
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = 0};

    if (rerank_decode_request(DIALECT_COHERE, &codec, body, &ask, &err) == 0) {
        rerank_encode_request(DIALECT_OPENAI, &ask, &target, &loss, &out);
        check(0, NULL);
    } else {
        check(-1, &err);
    }
    ask = (struct rerank_ask){.documents = documents, .n = 2};
    if (rerank_decode_answer(&codec, &ask, body, &answer) != 0)
        return;
    rerank_encode_answer(DIALECT_OPENAI, &ask, &reply, &answer, &out);
    check(0, NULL);
}

static void try_count(const struct count_dialect *d, struct str body)
{
    const struct chat_url url = {.model = STR("m")};
    struct chat_error err = {.kind = 0};
    struct chat chat;
    uint64_t n;

    if (d->read(body, &n)) {
        d->write(n, &out);
        check(0, NULL);
    }
    if (d->decode_request(&codec, &url, body, &chat, &err) != 0) {
        check(-1, &err);
        return;
    }
    must(count_estimate(&chat) > 0);
    for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++) {
        if (count_can(to, &chat))
            check(count_dialect_get(to)->encode_request(&codec, &chat, &target, &out, &err), &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum dialect_id id;
    struct str body;

    if (size < 2)
        return 0;
    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    id = data[1] % DIALECTS;
    body = (struct str){(const char *)data + 2, size - 2};
    if (data[0] == 'r')
        try_rerank(body);
    else if (data[0] == 'c' && count_dialect_get(id) != NULL)
        try_count(count_dialect_get(id), body);
    else if (data[0] == 'a' && embed_dialect_get(id) != NULL)
        try_embed_answer(embed_dialect_get(id), body);
    else if (embed_dialect_get(id) != NULL)
        try_embed(embed_dialect_get(id), body);
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
