/* Reranking: two shapes, both ways. */
#include "tests/unit/dialect_fixture.h"

#include "providers/rerank.h"

static struct rerank_ask ask;

static const char *asked(enum dialect_id to, const char *lost)
{
    struct chat_target target = {.model = STR("up")};
    struct chat_loss loss = {.n_dropped = 0};

    buf_clear(&fx.out);
    rerank_encode_request(to, &ask, &target, &loss, &fx.out);
    assert_string_equal(arena_cstr(fx.codec.arena, loss_header(&loss, fx.codec.arena)), lost);
    return fx_keep(&fx.out);
}

static const char *told(enum dialect_id to, const char *body)
{
    struct chat_reply reply = {.id = STR("id1"), .model = STR("m")};
    struct rerank_answer a;

    if (rerank_decode_answer(&fx.codec, &ask, str_of(body), &a) != 0)
        return "nonsense";
    buf_clear(&fx.out);
    rerank_encode_answer(to, &ask, &reply, &a, &fx.out);
    return fx_keep(&fx.out);
}

static void test_to_cohere(void **state)
{
    struct chat_error err;

    (void)state;
    assert_int_equal(rerank_decode_request(DIALECT_OPENAI, &fx.codec,
                                           STR("{\"model\":\"m\",\"query\":\"q\\n\",\"documents\":["
                                               "\"a\",{\"text\":\"b\",\"n\":1}],\"top_n\":1,"
                                               "\"truncation\":true}"),
                                           &ask, &err),
                     0);
    assert_string_equal(asked(DIALECT_COHERE, "partial; dropped=truncation; changed=documents"),
                        "{\"model\":\"up\",\"top_n\":1,\"query\":\"q\\n\",\"documents\":[\"a\","
                        "\"b\"]}");
    assert_string_equal(told(DIALECT_OPENAI,
                             "{\"results\":[{\"index\":1,\"relevance_score\":0.90}],\"meta\":{"
                             "\"billed_units\":{\"search_units\":1}}}"),
                        "{\"model\":\"m\",\"results\":[{\"index\":1,\"relevance_score\":0.90,"
                        "\"document\":{\"text\":\"b\",\"n\":1}}],\"usage\":{\"total_tokens\":0}}");
    assert_string_equal(told(DIALECT_OPENAI, "{\"results\":[{\"index\":2,\"score\":1}]}"),
                        "nonsense");
    assert_string_equal(told(DIALECT_OPENAI, "{\"results\":[{\"index\":0,\"score\":\"1\"}]}"),
                        "nonsense");
    assert_string_equal(told(DIALECT_OPENAI, "<html>"), "nonsense");
}

static void test_from_cohere(void **state)
{
    struct chat_error err;

    (void)state;
    assert_int_equal(rerank_decode_request(DIALECT_COHERE, &fx.codec,
                                           STR("{\"model\":\"m\",\"query\":\"q\",\"documents\":["
                                               "\"a\"],\"max_tokens_per_doc\":9,\"priority\":1}"),
                                           &ask, &err),
                     0);
    assert_string_equal(asked(DIALECT_OPENAI, "partial; dropped=max_tokens_per_doc,priority"),
                        "{\"model\":\"up\",\"return_documents\":false,\"query\":\"q\","
                        "\"documents\":[\"a\"]}");
    assert_string_equal(
        told(DIALECT_COHERE, "{\"data\":[{\"index\":0,\"relevance_score\":-1.5}],\"usage\":{"
                             "\"total_tokens\":3}}"),
        "{\"id\":\"id1\",\"results\":[{\"index\":0,\"relevance_score\":-1.5}],\"meta\":{"
        "\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"search_units\":1}}}");
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{\"query\":\"q\"}",
        "{\"documents\":[\"a\"]}",
        "{\"query\":1,\"documents\":[\"a\"]}",
        "{\"query\":\"q\",\"documents\":[1]}",
        "{\"query\":\"q\",\"documents\":[]}",
        "{\"query\":\"q\",\"documents\":[\"a\"],\"top_n\":0}",
    };
    struct chat_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err.status = 0;
        assert_int_equal(
            rerank_decode_request(DIALECT_COHERE, &fx.codec, str_of(bad[i]), &ask, &err), -1);
        assert_int_equal(err.status, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(test_to_cohere),
        fx_test(test_from_cohere),
        fx_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
