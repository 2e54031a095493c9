/* Embeddings: each wire read and written, formats made of one another, what is lost. */
#include "tests/unit/dialect_fixture.h"

#include "providers/embed.h"

static struct embed_ask *ask_of(enum dialect_id from, const char *model, const char *body)
{
    struct embed_ask *ask = arena_alloc(fx.codec.arena, sizeof(*ask));
    struct chat_url url = {.model = str_of(model)};
    struct chat_error err;

    if (embed_dialect_get(from)->decode_request(&fx.codec, &url, str_of(body), ask, &err) != 0)
        fail_msg("%.*s", STR_ARGS(err.message));
    return ask;
}

/* The body for another dialect, and what it loses; a refusal is its text. */
static const char *ask_for(enum dialect_id to, const char *model, const struct embed_ask *ask,
                           const char *lost)
{
    struct chat_target target = {.model = str_of(model)};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;

    buf_clear(&fx.out);
    if (embed_dialect_get(to)->encode_request(&fx.codec, ask, &target, &loss, &fx.out, &err) != 0)
        return arena_cstr(fx.codec.arena, err.message);
    assert_string_equal(arena_cstr(fx.codec.arena, loss_header(&loss, fx.codec.arena)),
                        lost != NULL ? lost : "full");
    return fx_keep(&fx.out);
}

/* A provider's answer as the client gets it. */
static const char *answer(enum dialect_id from, enum dialect_id to, const struct embed_ask *ask,
                          const char *body)
{
    struct chat_reply reply = {.id = STR("id1"), .model = STR("the-model")};
    struct embed_answer a;

    if (embed_dialect_get(from)->decode_answer(&fx.codec, ask, str_of(body), &a) != 0)
        return "nonsense";
    buf_clear(&fx.out);
    embed_dialect_get(to)->encode_answer(&fx.codec, ask, &reply, &a, &fx.out);
    return fx_keep(&fx.out);
}

static void test_from_openai(void **state)
{
    const struct embed_ask *ask =
        ask_of(DIALECT_OPENAI, "",
               "{\"model\":\"m\",\"input\":[\"a \\u00e9\",\"b\"],\"dimensions\":256,\"user\":\"u\","
               "\"encoding_format\":\"base64\",\"x\":1}");

    (void)state;
    assert_true(str_eq(ask->model, STR("m")));
    assert_string_equal(ask_for(DIALECT_OPENAI, "up", ask, "partial; dropped=x"),
                        "{\"model\":\"up\",\"dimensions\":256,\"encoding_format\":\"base64\","
                        "\"user\":\"u\",\"input\":[\"a \\u00e9\",\"b\"]}");
    assert_string_equal(
        ask_for(DIALECT_GEMINI, "g", ask, "partial; dropped=user,x"),
        "{\"requests\":[{\"model\":\"models/g\",\"outputDimensionality\":256,\"content\":{"
        "\"parts\":[{\"text\":\"a \\u00e9\"}]}},{\"model\":\"models/g\",\"outputDimensionality\":"
        "256,\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}");
    assert_string_equal(ask_for(DIALECT_COHERE, "e", ask, "partial; dropped=user,x"),
                        "{\"model\":\"e\",\"input_type\":\"search_document\",\"embedding_types\":["
                        "\"base64\"],\"output_dimension\":256,\"texts\":[\"a \\u00e9\",\"b\"]}");
    assert_string_equal(ask_for(DIALECT_BEDROCK, "amazon.titan-embed-text-v2:0", ask, NULL),
                        "Titan embeds one text a request, not 2");
    ask = ask_of(DIALECT_OPENAI, "", "{\"input\":\"one\",\"dimensions\":8}");
    assert_string_equal(ask_for(DIALECT_BEDROCK, "amazon.titan-embed-text-v2:0", ask, NULL),
                        "{\"dimensions\":8,\"inputText\":\"one\"}");
    assert_string_equal(
        ask_for(DIALECT_BEDROCK, "amazon.titan-embed-text-v1", ask, "partial; dropped=dimensions"),
        "{\"inputText\":\"one\"}");
    ask = ask_of(DIALECT_OPENAI, "", "{\"input\":[[1,2],[3]]}");
    assert_string_equal(ask_for(DIALECT_OPENAI, "m", ask, NULL),
                        "{\"model\":\"m\",\"input\":[[1,2],[3]]}");
    assert_non_null(strstr(ask_for(DIALECT_COHERE, "m", ask, NULL), "no token numbers"));
}

static void test_from_others(void **state)
{
    const struct embed_ask *ask =
        ask_of(DIALECT_COHERE, "",
               "{\"model\":\"m\",\"texts\":[\"q\"],\"input_type\":\"search_query\","
               "\"embedding_types\":[\"float\",\"int8\"],\"truncate\":\"END\"}");

    (void)state;
    assert_string_equal(
        ask_for(DIALECT_OPENAI, "m", ask, "partial; dropped=encoding_format,input_type,truncate"),
        "{\"model\":\"m\",\"encoding_format\":\"float\",\"input\":[\"q\"]}");
    assert_string_equal(
        ask_for(DIALECT_GEMINI, "g", ask, "partial; dropped=encoding_format,truncate"),
        "{\"requests\":[{\"model\":\"models/g\",\"taskType\":\"RETRIEVAL_QUERY\",\"content\":{"
        "\"parts\":[{\"text\":\"q\"}]}}]}");
    assert_string_equal(ask_for(DIALECT_BEDROCK, "cohere.embed-v4:0", ask, NULL),
                        "{\"input_type\":\"search_query\",\"embedding_types\":[\"float\",\"int8\"],"
                        "\"truncate\":\"END\",\"texts\":[\"q\"]}");
    ask = ask_of(DIALECT_GEMINI, "g",
                 "{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]},\"taskType\":"
                 "\"SEMANTIC_SIMILARITY\",\"title\":\"t\",\"output_dimensionality\":3}");
    assert_string_equal(
        ask_for(DIALECT_COHERE, "m", ask, "partial; dropped=title; changed=input_type"),
        "{\"model\":\"m\",\"input_type\":\"clustering\",\"embedding_types\":[\"float\"],"
        "\"output_dimension\":3,\"texts\":[\"ab\"]}");
    ask = ask_of(DIALECT_COHERE, "",
                 "{\"images\":[\"data:image/png;base64,AA\"],\"input_type\":"
                 "\"image\"}");
    assert_string_equal(ask_for(DIALECT_GEMINI, "g", ask, NULL),
                        "{\"requests\":[{\"model\":\"models/g\",\"content\":{\"parts\":[{"
                        "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA\"}}]}}]}");
    assert_non_null(strstr(ask_for(DIALECT_OPENAI, "m", ask, NULL), "no images"));
}

static void test_refused(void **state)
{
    static const struct {
        enum dialect_id dialect;
        const char *body;
    } bad[] = {
        {DIALECT_OPENAI, "{"},
        {DIALECT_OPENAI, "{\"input\":[]}"},
        {DIALECT_OPENAI, "{\"input\":[{}]}"},
        {DIALECT_OPENAI, "{\"input\":\"a\",\"dimensions\":\"8\"}"},
        {DIALECT_OPENAI, "{\"input\":\"a\",\"encoding_format\":\"hex\"}"},
        {DIALECT_GEMINI, "{\"requests\":[1]}"},
        {DIALECT_GEMINI, "{\"content\":{}}"},
        {DIALECT_COHERE, "{\"model\":\"m\"}"},
        {DIALECT_COHERE, "{\"texts\":[1]}"},
        {DIALECT_COHERE, "{\"texts\":[\"a\"],\"embedding_types\":[\"hex\"]}"},
        {DIALECT_BEDROCK, "{\"inputText\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct chat_error err = {.kind = 0};
        struct embed_ask ask;

        if (embed_dialect_get(bad[i].dialect)
                    ->decode_request(&fx.codec, NULL, str_of(bad[i].body), &ask, &err) != -1 ||
            err.status != 400)
            fail_msg("%s", bad[i].body);
    }
}

/* 0.5 and -2 as 32-bit floats. */
#define BASE64 "AAAAPwAAAMA="

static void test_answers(void **state)
{
    const struct embed_ask *ask = ask_of(DIALECT_OPENAI, "", "{\"input\":[\"a\",\"b\"]}");

    (void)state;
    assert_string_equal(answer(DIALECT_COHERE, DIALECT_OPENAI, ask,
                               "{\"id\":\"x\",\"embeddings\":{\"float\":[[0.10,2],[3e-2, 4]]},"
                               "\"meta\":{\"billed_units\":{\"input_tokens\":7}}}"),
                        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
                        "\"embedding\":[0.10,2]},{\"object\":\"embedding\",\"index\":1,"
                        "\"embedding\":[3e-2, 4]}],\"model\":\"the-model\",\"usage\":{"
                        "\"prompt_tokens\":7,\"total_tokens\":7}}");
    assert_string_equal(
        answer(DIALECT_GEMINI, DIALECT_OPENAI, ask, "{\"embeddings\":[{\"values\":[1]}]}"),
        "nonsense"); /* one too few */
    assert_string_equal(answer(DIALECT_OPENAI, DIALECT_OPENAI, ask,
                               "{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":1,"
                               "\"embedding\":[1]}]}"),
                        "nonsense");
    ask = ask_of(DIALECT_COHERE, "",
                 "{\"texts\":[\"a\",\"b\"],\"embedding_types\":[\"float\",\"base64\"]}");
    assert_string_equal(
        answer(DIALECT_OPENAI, DIALECT_COHERE, ask,
               "{\"data\":[{\"index\":1,\"embedding\":[0.5,-2]},{\"index\":0,\"embedding\":[1.0]}],"
               "\"usage\":{\"prompt_tokens\":3}}"),
        "{\"id\":\"id1\",\"embeddings\":{\"float\":[[1.0],[0.5,-2]],\"base64\":[\"AACAPw==\","
        "\"" BASE64 "\"]},\"texts\":[\"a\",\"b\"],\"meta\":{\"api_version\":{\"version\":\"2\"},"
        "\"billed_units\":{\"input_tokens\":3}},\"response_type\":\"embeddings_by_type\"}");
    ask = ask_of(DIALECT_GEMINI, "g", "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}");
    assert_string_equal(
        answer(DIALECT_OPENAI, DIALECT_GEMINI, ask, "{\"data\":[{\"embedding\":\"" BASE64 "\"}]}"),
        "{\"embedding\":{\"values\":[0.5,-2]}}");
    ask = ask_of(DIALECT_OPENAI, "", "{\"input\":\"a\",\"encoding_format\":\"base64\"}");
    assert_non_null(strstr(answer(DIALECT_BEDROCK, DIALECT_OPENAI, ask,
                                  "{\"embedding\":[0.5,-2.0],\"inputTextTokenCount\":4}"),
                           "\"embedding\":\"" BASE64 "\""));
    ask = ask_of(DIALECT_BEDROCK, "amazon.titan-embed-text-v2:0",
                 "{\"inputText\":\"a\",\"normalize\":true}");
    assert_string_equal(answer(DIALECT_GEMINI, DIALECT_BEDROCK, ask,
                               "{\"embedding\":{\"values\":[1,2]},\"usageMetadata\":{"
                               "\"promptTokenCount\":2}}"),
                        "{\"embedding\":[1,2],\"embeddingsByType\":{\"float\":[1,2]},"
                        "\"inputTextTokenCount\":2}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(test_from_openai),
        fx_test(test_from_others),
        fx_test(test_refused),
        fx_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
