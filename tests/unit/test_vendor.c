/* Each row of the vendors' table is one that a configuration can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "providers/dialect.h"
#include "providers/vendor.h"
#include "server/base/buf.h"
#include "server/base/fd.h"

static void check_faces(const struct vendor *v)
{
    uint32_t seen = 0;

    assert_int_not_equal(v->faces[0].dialect, DIALECT_NONE);
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        const struct vendor_face *face = &v->faces[i];

        assert_true(face->dialect < DIALECTS);
        assert_int_equal(seen >> face->dialect & 1, 0);
        seen |= 1u << face->dialect;
        assert_non_null(face->path);
        assert_true(face->path[0] == '\0' || face->path[0] == '/');
        assert_false(str_ends(str_of(face->path), STR("/")));
        assert_int_not_equal(vendor_auth(v, face), AUTH_DEFAULT);
    }
    assert_int_equal(seen, vendor_dialects(v));
}

static bool is_env_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((name.p[i] < 'A' || name.p[i] > 'Z') && name.p[i] != '_' && !str_is_digit(name.p[i]))
            return false;
    }
    return name.len > 2 && !str_is_digit(name.p[0]);
}

static void check_env_names(const char *names)
{
    struct str rest = str_of(names);
    struct str name;

    while (str_next(&rest, ',', &name))
        assert_true(is_env_name(name));
}

/* Each {part} is one of the row's, each of the row's parts is used. */
static void check_parts(const struct vendor *v)
{
    char open[32];
    size_t used = 0;

    for (const char *p = v->root; p != NULL && (p = strchr(p, '{')) != NULL; p++)
        used++;
    for (size_t i = 0; i < VENDOR_PARTS_MAX && v->parts[i].name != NULL; i++) {
        size_t n = 0;

        (void)snprintf(open, sizeof(open), "{%s", v->parts[i].name);
        for (const char *p = v->root; (p = strstr(p, open)) != NULL; p++) {
            size_t end = strlen(open) + (p[strlen(open)] == '-' ? 1 : 0);

            assert_int_equal(p[end], '}');
            n++;
        }
        assert_true(n > 0 && n <= used);
        used -= n;
        check_env_names(v->parts[i].env);
    }
    assert_int_equal(used, 0);
    assert_true(v->root_env == NULL || v->parts[0].name != NULL);
    check_env_names(v->root_env);
}

static void check_globs(const char *globs)
{
    struct str rest = str_of(globs);
    struct str glob;
    struct str seen[64];
    size_t n = 0;

    while (str_next(&rest, ',', &glob)) {
        assert_true(glob.len > 0 && n < ARRAY_LEN(seen));
        assert_true(str_index(glob, ' ') < 0);
        for (size_t i = 0; i < n; i++)
            assert_false(str_eq(seen[i], glob));
        seen[n++] = glob;
    }
}

static void check_root(const struct vendor *v)
{
    struct str url = str_of(v->root);

    assert_true(str_starts(url, STR("https://")) || str_starts(url, STR("http://localhost:")));
    assert_false(str_ends(url, STR("/")));
    assert_true(str_index(url, '?') < 0 && str_index(url, '#') < 0 && str_index(url, ' ') < 0);
    /* a key goes over TLS or not at all */
    assert_true(!v->needs_key || str_starts(url, STR("https://")));
    assert_non_null(v->reference);
    assert_true(strlen(v->reference) > 8);
}

static void test_rows_are_sound(void **state)
{
    (void)state;
    assert_true(vendor_count() > 50);
    for (size_t i = 0; i < vendor_count(); i++) {
        const struct vendor *v = vendor_get(i);

        assert_non_null(v->name);
        assert_ptr_equal(vendor_find(str_of(v->name)), v); /* so names are unique too */
        assert_null(strchr(v->name, '/'));
        check_faces(v);
        check_parts(v);
        check_globs(v->default_models);
        check_env_names(v->key_env);
        if (v->root != NULL)
            check_root(v);
        if (v->needs_key)
            assert_true(v->key_env != NULL || v->cloud != CLOUD_NONE);
    }
}

/* Two rows with one variable would both send the same key, one of them to the wrong vendor. */
static void test_variables_are_of_one_vendor(void **state)
{
    (void)state;
    for (size_t i = 0; i < vendor_count(); i++) {
        for (size_t j = i + 1; j < vendor_count(); j++) {
            struct str left = str_of(vendor_get(i)->key_env);
            struct str a;

            while (str_next(&left, ',', &a)) {
                struct str right = str_of(vendor_get(j)->key_env);
                struct str b;

                while (str_next(&right, ',', &b))
                    assert_false(str_eq(a, b));
            }
        }
    }
}

static void test_every_vendor_of_the_list(void **state)
{
    static const char *const names[] = {
        "openai",
        "azure",
        "anthropic",
        "bedrock",
        "vertex",
        "gemini",
        "cohere",
        "mistral",
        "groq",
        "cerebras",
        "deepseek",
        "perplexity",
        "xai",
        "openrouter",
        "together",
        "fireworks",
        "nebius",
        "parasail",
        "deepinfra",
        "sambanova",
        "nvidia",
        "huggingface",
        "replicate",
        "hyperbolic",
        "moonshot",
        "zhipu",
        "dashscope",
        "minimax",
        "ai21",
        "databricks",
        "cloudflare",
        "github-models",
        "ollama",
        "vllm",
        "sglang",
        "llama.cpp",
        "lmstudio",
        "litellm",
        "bifrost",
        "elevenlabs",
        "deepgram",
        "voyage",
        "jina",
        "openai-compatible",
        "anthropic-compatible",
        "mock",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(vendor_find(str_of(names[i])));
}

static const char *credential(enum vendor_auth auth)
{
    static const char *const names[] = {
        [AUTH_NONE] = "none",
        [AUTH_BEARER] = "bearer",
        [AUTH_X_API_KEY] = "`x-api-key`",
        [AUTH_X_GOOG_API_KEY] = "`x-goog-api-key`",
        [AUTH_API_KEY] = "`api-key`",
        [AUTH_XI_API_KEY] = "`xi-api-key`",
        [AUTH_TOKEN] = "token",
    };

    assert_true(auth < ARRAY_LEN(names) && names[auth] != NULL);
    return names[auth];
}

static void add_list(struct buf *out, const char *names, const char *before)
{
    struct str rest = str_of(names);
    struct str name;

    while (str_next(&rest, ',', &name)) {
        buf_printf(out, "%s`%.*s`", before, STR_ARGS(name));
        before = ", ";
    }
}

static void add_variables(struct buf *out, const struct vendor *v)
{
    size_t start = out->len;

    add_list(out, v->key_env, "");
    add_list(out, v->root_env, out->len > start ? ", " : "");
    for (size_t i = 0; i < VENDOR_PARTS_MAX && v->parts[i].name != NULL; i++)
        add_list(out, v->parts[i].env, out->len > start ? ", " : "");
    if (v->cloud == CLOUD_AWS)
        buf_cstr(out, ", `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`");
    if (v->cloud == CLOUD_GCP)
        buf_cstr(out, ", `GOOGLE_APPLICATION_CREDENTIALS`");
    if (out->len == start)
        buf_cstr(out, "none");
}

/* A row of conf/README.md. */
static void readme_row(const struct vendor *v, struct buf *out)
{
    static const char *const checked[] = {
        [CHECKED_NO] = "no", [CHECKED_ADDRESS] = "address", [CHECKED_ALL] = "yes"};
    const struct vendor_face *first = vendor_face(v, DIALECT_NONE);

    buf_printf(out, "| `%s` | ", v->name);
    if (v->root != NULL)
        buf_printf(out, "`%s%s`", v->root, first->path);
    else
        buf_cstr(out, v->is_mock ? "built in" : "must be given");
    buf_cstr(out, " | ");
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", dialect_names[v->faces[i].dialect]);
    buf_printf(out, " | %s | ", credential(v->auth));
    add_variables(out, v);
    buf_printf(out, " | %s | %s |\n", v->reference != NULL ? v->reference : "this project",
               v->root != NULL ? checked[v->checked] : "");
}

/* Which lines to put there is in the message. */
static void test_the_readme_lists_them(void **state)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct buf rows = BUF_INIT;

    (void)state;
    if (fd_read_file("conf/README.md", 1 << 20, &text, &err) != 0)
        fail_msg("%s", err.text);
    buf_cstr(&rows, "| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < vendor_count(); i++)
        readme_row(vendor_get(i), &rows);
    buf_cstr(&rows, "\n");
    if (strstr(text.data, rows.data) == NULL) {
        (void)fputs(rows.data, stdout);
        fail_msg("conf/README.md has not exactly the vendors' table above");
    }
    buf_fini(&text);
    buf_fini(&rows);
}

static void test_known_names(void **state)
{
    const struct vendor *openai = vendor_find(STR("openai"));
    const struct vendor *mock = vendor_find(STR("mock"));

    (void)state;
    assert_non_null(openai);
    assert_string_equal(openai->root, "https://api.openai.com");
    assert_string_equal(openai->key_env, "OPENAI_API_KEY");
    assert_non_null(mock);
    assert_true(mock->is_mock);
    assert_false(mock->needs_key);
    assert_non_null(vendor_find(STR("openai-compatible")));
    assert_null(vendor_find(STR("openai-compatible"))->root);
    assert_null(vendor_find(STR("open")));
    assert_null(vendor_find(STR_NONE));
}

static void check_base(const struct vendor *v, enum dialect_id forced, enum dialect_id dialect,
                       const char *base_url, const char *expected)
{
    const struct vendor_face *face = vendor_face(v, dialect);
    struct str out[2];
    char url[128];

    assert_non_null(face);
    if (expected == NULL) {
        assert_false(vendor_face_base(v, forced, face, str_of(base_url), out));
        return;
    }
    assert_true(vendor_face_base(v, forced, face, str_of(base_url), out));
    assert_true(out[0].len + out[1].len < sizeof(url));
    memcpy(url, out[0].p, out[0].len);
    if (out[1].len > 0)
        memcpy(url + out[0].len, out[1].p, out[1].len);
    url[out[0].len + out[1].len] = '\0';
    assert_string_equal(url, expected);
}

static void test_faces_stand_below_one_root(void **state)
{
    const struct vendor *mock = vendor_find(STR("mock"));

    (void)state;
    check_base(mock, DIALECT_NONE, DIALECT_OPENAI, "http://h:1/v1", "http://h:1/v1");
    check_base(mock, DIALECT_NONE, DIALECT_RESPONSES, "http://h:1/v1", "http://h:1/v1");
    check_base(mock, DIALECT_NONE, DIALECT_ANTHROPIC, "http://h:1/v1", "http://h:1/anthropic/v1");
    check_base(mock, DIALECT_NONE, DIALECT_GEMINI, "http://h:1/a/v1", "http://h:1/a/genai/v1beta");
    check_base(mock, DIALECT_NONE, DIALECT_COHERE, "http://h:1/x", NULL);
    check_base(mock, DIALECT_COHERE, DIALECT_COHERE, "http://h:1/x", "http://h:1/x");
}

static void test_the_clients_dialect_comes_first(void **state)
{
    const struct vendor v = {
        .name = "v",
        .faces = {{.dialect = DIALECT_OPENAI, .path = "", .models = "gpt-*,o1"},
                  {.dialect = DIALECT_ANTHROPIC, .path = ""},
                  {.dialect = DIALECT_GEMINI, .path = "", .models = "gemini-*"}},
        .auth = AUTH_NONE};
    struct str gpt = STR("gpt-5");
    struct str other = STR("other");

    (void)state;
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_ANTHROPIC, gpt), &v.faces[1]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_OPENAI, gpt), &v.faces[0]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_COHERE, gpt), &v.faces[0]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_NONE, DIALECT_OPENAI, other), &v.faces[1]);
    assert_ptr_equal(vendor_choose(&v, DIALECT_GEMINI, DIALECT_OPENAI, gpt), &v.faces[2]);
    assert_null(vendor_choose(&v, DIALECT_COHERE, DIALECT_OPENAI, gpt));
}

/* Perplexity's sonar models are its chat API's, all others ("maker/model") its Responses API's. */
static void test_faces_of_some_models(void **state)
{
    const struct vendor *v = vendor_find(STR("perplexity"));

    (void)state;
    assert_int_equal(vendor_choose(v, DIALECT_NONE, DIALECT_ANTHROPIC, STR("sonar-pro"))->dialect,
                     DIALECT_OPENAI);
    assert_int_equal(vendor_choose(v, DIALECT_NONE, DIALECT_RESPONSES, STR("sonar"))->dialect,
                     DIALECT_OPENAI);
    assert_int_equal(
        vendor_choose(v, DIALECT_NONE, DIALECT_GEMINI, STR("perplexity/sonar"))->dialect,
        DIALECT_RESPONSES);
    check_base(v, DIALECT_NONE, DIALECT_OPENAI, "https://api.perplexity.ai/v1",
               "https://api.perplexity.ai");
    v = vendor_find(STR("sambanova"));
    assert_int_equal(vendor_choose(v, DIALECT_NONE, DIALECT_ANTHROPIC, STR("m"))->dialect,
                     DIALECT_ANTHROPIC);
    assert_int_equal(vendor_choose(v, DIALECT_NONE, DIALECT_COHERE, STR("m"))->dialect,
                     DIALECT_OPENAI);
}

/* Whose a bare name is, must not hang on which of two keys is set first. */
static void test_rerankers_are_of_one_vendor(void **state)
{
    static const char *const names[][2] = {{"rerank-v3.5", "cohere"},
                                           {"rerank-multilingual-v3.0", "cohere"},
                                           {"rerank-2.5-lite", "voyage"},
                                           {"rerank-lite-1", "voyage"},
                                           {"jina-reranker-v2-base-multilingual", "jina"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (size_t j = 0; j < vendor_count(); j++) {
            const struct vendor *v = vendor_get(j);
            struct str rest = str_of(v->default_models);
            struct str glob;
            bool is_its = false;

            while (str_next(&rest, ',', &glob))
                is_its = is_its || glob_match(glob, str_of(names[i][0]));
            assert_int_equal(is_its, str_eq(str_of(v->name), str_of(names[i][1])));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_variables_are_of_one_vendor),
        cmocka_unit_test(test_every_vendor_of_the_list),
        cmocka_unit_test(test_the_readme_lists_them),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_faces_stand_below_one_root),
        cmocka_unit_test(test_the_clients_dialect_comes_first),
        cmocka_unit_test(test_faces_of_some_models),
        cmocka_unit_test(test_rerankers_are_of_one_vendor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
