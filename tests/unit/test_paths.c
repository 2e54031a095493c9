/* What URLs ask for, in every SDK's way of writing them; and the URLs of operations at providers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "providers/paths.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

struct wanted {
    const char *path;
    enum dialect_id dialect;
    enum path_op op;
    const char *endpoint, *tail, *model;
};

static void assert_text(struct str s, const char *expected, const char *path)
{
    if (!str_eq(s, str_of(expected)))
        fail_msg("%s: \"%.*s\" should be \"%s\"", path, STR_ARGS(s), expected);
}

static void check(const struct wanted *w, enum dialect_id hint)
{
    struct path got;

    if (!path_parse(arena, str_of(w->path), STR_NONE, hint, &got))
        fail_msg("%s is not known", w->path);
    if (got.dialect != w->dialect || got.op != w->op)
        fail_msg("%s: dialect %d, operation %d", w->path, (int)got.dialect, (int)got.op);
    assert_string_equal(got.endpoint, w->endpoint);
    assert_text(got.tail, w->tail, w->path);
    assert_text(got.model, w->model, w->path);
}

static void test_every_base_url(void **state)
{
    static const struct wanted rows[] = {
        {"/chat/completions", DIALECT_OPENAI, OP_CHAT, "chat.completions", "/chat/completions", ""},
        {"/v1/responses", DIALECT_RESPONSES, OP_CHAT, "responses", "/responses", ""},
        {"/v1/responses/r_1/input_items", DIALECT_RESPONSES, OP_RELAY, "responses",
         "/responses/r_1/input_items", ""},
        {"/openai/v1/embeddings", DIALECT_OPENAI, OP_EMBEDDINGS, "embeddings", "/embeddings", ""},
        {"/openai/completions", DIALECT_OPENAI, OP_COMPLETIONS, "completions", "/completions", ""},
        {"/v1/files/f-1/content", DIALECT_OPENAI, OP_FILES, "files", "/files/f-1/content", ""},
        {"/v1/models/openai/gpt-4o", DIALECT_OPENAI, OP_MODELS, "models", "/models/openai/gpt-4o",
         ""},
        {"/openai/deployments/gpt%2D4o/chat/completions", DIALECT_OPENAI, OP_CHAT,
         "chat.completions", "/chat/completions", "gpt-4o"},
        {"/openai/deployments/up/gpt/4o/chat/completions", DIALECT_OPENAI, OP_CHAT,
         "chat.completions", "/chat/completions", "up/gpt/4o"},
        {"/openai/openai/deployments/d1/embeddings", DIALECT_OPENAI, OP_EMBEDDINGS, "embeddings",
         "/embeddings", "d1"},
        {"/anthropic/v1/messages", DIALECT_ANTHROPIC, OP_CHAT, "messages", "/messages", ""},
        {"/v1/messages/count_tokens", DIALECT_ANTHROPIC, OP_COUNT_TOKENS, "count_tokens",
         "/messages/count_tokens", ""},
        {"/anthropic/v1/files/f", DIALECT_ANTHROPIC, OP_FILES, "files", "/files/f", ""},
        {"/anthropic/v1/models", DIALECT_ANTHROPIC, OP_MODELS, "models", "/models", ""},
        {"/v1/messages/batches/b/results", DIALECT_ANTHROPIC, OP_RELAY, "batches",
         "/messages/batches/b/results", ""},
        {"/genai/v1beta/models/gemini-2.5-pro:generateContent", DIALECT_GEMINI, OP_CHAT,
         "generateContent", "/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"},
        {"/v1/models/anthropic/claude-x:streamGenerateContent", DIALECT_GEMINI, OP_CHAT,
         "streamGenerateContent", "/models/anthropic/claude-x:streamGenerateContent",
         "anthropic/claude-x"},
        {"/genai/v1alpha/models/b/a.b-v1:0:countTokens", DIALECT_GEMINI, OP_COUNT_TOKENS,
         "countTokens", "/models/b/a.b-v1:0:countTokens", "b/a.b-v1:0"},
        {"/genai/v1beta/up/gemini-x:generateContent", DIALECT_GEMINI, OP_CHAT, "generateContent",
         "/up/gemini-x:generateContent", "up/gemini-x"},
        {"/genai/v1/projects/p/locations/us/publishers/google/models/gemini-x:generateContent",
         DIALECT_GEMINI, OP_CHAT, "generateContent",
         "/projects/p/locations/us/publishers/google/models/gemini-x:generateContent", "gemini-x"},
        {"/genai/v1beta1/publishers/google/models/g:embedContent", DIALECT_GEMINI, OP_EMBEDDINGS,
         "embedContent", "/publishers/google/models/g:embedContent", "g"},
        {"/v1/projects/p/locations/l/publishers/anthropic/models/up/c@1:streamRawPredict",
         DIALECT_ANTHROPIC, OP_CHAT, "messages", "/messages", "up/c@1"},
        {"/genai/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
         DIALECT_ANTHROPIC, OP_COUNT_TOKENS, "count_tokens", "/messages/count_tokens", ""},
        {"/genai/v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict",
         DIALECT_GEMINI, OP_RELAY, "rawPredict",
         "/projects/p/locations/l/publishers/mistralai/models/m:rawPredict", "m"},
        {"/v1beta/models", DIALECT_GEMINI, OP_MODELS, "models", "/models", ""},
        {"/genai/v1beta/files/x", DIALECT_GEMINI, OP_FILES, "files", "/files/x", ""},
        {"/model/anthropic.claude-3%3A0/converse", DIALECT_BEDROCK, OP_CHAT, "converse",
         "/model/anthropic.claude-3%3A0/converse", "anthropic.claude-3:0"},
        {"/bedrock/model/openai%2Fgpt-4o/converse-stream", DIALECT_BEDROCK, OP_CHAT,
         "converse-stream", "/model/openai%2Fgpt-4o/converse-stream", "openai/gpt-4o"},
        {"/bedrock/model/a/b/invoke", DIALECT_BEDROCK, OP_INVOKE, "invoke", "/model/a/b/invoke",
         "a/b"},
        {"/cohere/v2/chat", DIALECT_COHERE, OP_CHAT, "chat", "/v2/chat", ""},
        {"/v2/rerank", DIALECT_COHERE, OP_RERANK, "rerank", "/v2/rerank", ""},
        {"/v1/tokenize", DIALECT_COHERE, OP_COUNT_TOKENS, "tokenize", "/v1/tokenize", ""},
        {"/cohere/v1/models", DIALECT_COHERE, OP_MODELS, "models", "/v1/models", ""},
        {"/langchain/v1/chat/completions", DIALECT_OPENAI, OP_CHAT, "chat.completions",
         "/chat/completions", ""},
        {"/pydanticai/anthropic/v1/messages", DIALECT_ANTHROPIC, OP_CHAT, "messages", "/messages",
         ""},
        {"/litellm/bedrock/model/m/converse", DIALECT_BEDROCK, OP_CHAT, "converse",
         "/model/m/converse", "m"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], DIALECT_NONE);
}

static void test_shared_paths_follow_the_hint(void **state)
{
    const char *models = "/v1/models";
    struct wanted w = {models, DIALECT_OPENAI, OP_MODELS, "models", "/models", ""};

    (void)state;
    check(&w, DIALECT_NONE);
    w.dialect = DIALECT_ANTHROPIC;
    check(&w, DIALECT_ANTHROPIC);
    w.dialect = DIALECT_GEMINI;
    check(&w, DIALECT_GEMINI);
    /* a hint does not hide what only another dialect has */
    w = (struct wanted){"/v1/embeddings", DIALECT_OPENAI, OP_EMBEDDINGS,
                        "embeddings",     "/embeddings",  ""};
    check(&w, DIALECT_ANTHROPIC);
}

static void test_what_is_not_ours(void **state)
{
    static const char *const paths[] = {
        "/",
        "/v1",
        "/v1/",
        "/v1/v1/models",
        "/v1/openai/models",
        "/v2/models",
        "/v1/files/",
        "/filesx",
        "/chat/completions/",
        "/anthropic",
        "/anthropic/chat/completions",
        "/anthropic/openai/v1/models",
        "/v1beta/model/x:generateContent",
        "/genai/v1beta/publishers/models/x:generateContent",
        "/genai/v1/projects/p/models/x:generateContent",
        "/v1/models:generateContent",
        "/model/converse",
        "/model//converse",
        "/bedrock/model/x/explode",
        "/cohere/v3/chat",
        "/openai/deployments//chat/completions",
        "/openai/deployments/up//embeddings/x",
        "/v1beta/up/gemini-x:generateContent",
        "/genai/v1beta/gemini-x:generateContent",
        "/genai/v1beta/up/gemini-x:explode",
        "/deployments/d/chat/completions",
        "/openai/deployments/d/models/x",
        "/langchain/litellm/v1/models",
        "/langchain",
        "",
    };
    struct path got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (path_parse(arena, str_of(paths[i]), STR_NONE, DIALECT_NONE, &got))
            fail_msg("\"%s\" is taken for %s", paths[i], got.endpoint);
        assert_int_equal(got.op, OP_NONE);
        assert_string_equal(got.endpoint, "none");
    }
}

static void test_streams_are_seen(void **state)
{
    struct str path = STR("/v1beta/models/m:streamGenerateContent");
    struct path got;

    (void)state;
    assert_true(path_parse(arena, path, STR("alt=sse&key=k"), DIALECT_NONE, &got));
    assert_true(got.stream && got.sse);
    assert_true(path_parse(arena, path, STR("alt=json"), DIALECT_NONE, &got));
    assert_true(got.stream && !got.sse);
    assert_text(got.version, "v1beta", path.p);
    assert_true(
        path_parse(arena, STR("/genai/v1/models/m:generateContent"), STR_NONE, DIALECT_NONE, &got));
    assert_false(got.stream);
    assert_string_equal(got.vendor, "gemini");
}

static void test_urls_at_providers(void **state)
{
    static const struct {
        enum dialect_id dialect;
        enum path_op op;
        const char *model;
        bool stream;
        const char *expected;
    } rows[] = {
        {DIALECT_OPENAI, OP_CHAT, "m", true, "/chat/completions"},
        {DIALECT_RESPONSES, OP_CHAT, "m", false, "/responses"},
        {DIALECT_ANTHROPIC, OP_CHAT, "m", true, "/messages"},
        {DIALECT_COHERE, OP_CHAT, "m", true, "/v2/chat"},
        {DIALECT_GEMINI, OP_CHAT, "gemini-x", false, "/models/gemini-x:generateContent"},
        {DIALECT_GEMINI, OP_CHAT, "a/b c", true, "/models/a/b%20c:streamGenerateContent?alt=sse"},
        {DIALECT_GEMINI, OP_CHAT, "tunedModels/t", false, "/tunedModels/t:generateContent"},
        {DIALECT_BEDROCK, OP_CHAT, "arn:aws:x/y", true, "/model/arn%3Aaws%3Ax%2Fy/converse-stream"},
        {DIALECT_ANTHROPIC, OP_EMBEDDINGS, "m", false, ""},
        {DIALECT_COHERE, OP_RERANK, "m", false, "/v2/rerank"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_text(
            path_for(arena, rows[i].dialect, rows[i].op, str_of(rows[i].model), rows[i].stream),
            rows[i].expected, rows[i].expected);
}

/* What was parsed and is put together again with its own model asks for the same. */
static void test_round_trips(void **state)
{
    static const char *const paths[] = {
        "/genai/v1beta/models/a/b:0:generateContent",
        "/bedrock/model/x%3A0%2Fy/converse",
        "/genai/v1/projects/p/locations/l/publishers/google/models/g:countTokens",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct path got, again;

        assert_true(path_parse(arena, str_of(paths[i]), STR_NONE, DIALECT_NONE, &got));
        assert_true(path_parse(arena, path_with_model(arena, &got, got.model), STR_NONE,
                               DIALECT_NONE, &again));
        assert_int_equal(got.dialect, again.dialect);
        assert_int_equal(got.op, again.op);
        assert_true(str_eq(got.model, again.model));
    }
}

static void test_unsafe_models(void **state)
{
    (void)state;
    assert_true(path_model_is_safe(STR("a/b.c..d/e")));
    assert_false(path_model_is_safe(STR("..")));
    assert_false(path_model_is_safe(STR("a/../b")));
    assert_false(path_model_is_safe(STR("./b")));
    assert_false(path_model_is_safe(STR("a//b")));
    assert_false(path_model_is_safe(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_base_url),
        cmocka_unit_test(test_shared_paths_follow_the_hint),
        cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_streams_are_seen),
        cmocka_unit_test(test_urls_at_providers),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_unsafe_models),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
