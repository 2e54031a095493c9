/*
 * LiteLLM's management routes and a key's view of itself; the test plays the master.
 */
#include "tests/unit/admin_fixture.h"

#include "server/admin/own_key.h"
#include "server/base/crypto.h"

#define KEY_TEXT "sk-bf-0123456789abcdefghijklmnopqrstuvwxyz"
#define KEY_ENTITY                                                                                 \
    "{\"id\":\"00000000000000a1\",\"name\":\"alpha\",\"origin\":\"api\",\"created_ms\":"           \
    "1795000000000,"                                                                               \
    "\"hint\":\"sk-bf-...wxyz\",\"active\":true,\"models\":[\"openai/*\"],\"tags\":[\"red\","      \
    "\"user:u1\"],\"budgets\":[{\"limit\":\"10.500000000\",\"limit_nanousd\":10500000000,"         \
    "\"window\":\"1M\",\"calendar\":true}],\"rate_limits\":[{\"requests\":60,\"per\":\"1m\"},"     \
    "{\"tokens\":9000,\"per\":\"1h\"}],\"concurrency\":4,\"metadata\":{\"note\":\"mine\","         \
    "\"litellm\":{\"user_id\":\"u1\",\"budget_duration\":\"30d\"}}}"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fixture_open(f);
    fixture_publish(f, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static void put_key(struct fixture *f, uint64_t id, const char *text, uint32_t flags)
{
    struct virtual_key key = {.id = id, .flags = flags, .created_ms = 1000};
    struct error err = ERROR_INIT;
    char name[32];

    (void)snprintf(name, sizeof(name), "key %llu", (unsigned long long)id);
    key.name = str_of(name);
    key.hint = STR("sk-bf-...wxyz");
    crypto_sha256(str_of(text), key.hash);
    if (key_table_put(f->keys, &key, &err) != 0)
        fail_msg("%s", err.text);
}

/* The master's answer to the next call, which must have all of `parts` in it (NULL ends them). */
static void expect_call(struct fixture *f, const char *reply, const char *const *parts)
{
    static char asked[CONTROL_TEXT_MAX];
    uint64_t seq;

    fixture_asked(f, asked, sizeof(asked), &seq);
    for (; *parts != NULL; parts++) {
        if (strstr(asked, *parts) == NULL)
            fail_msg("no %s in %s", *parts, asked);
    }
    fixture_reply(f, seq, reply);
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_parts(struct exchange *ex, int status, const char *const *parts)
{
    struct str out = buf_view(&ex->out);

    if (!ex->finished || ex->status != status)
        fail_msg("%d %.*s", ex->status, STR_ARGS(out));
    for (; *parts != NULL; parts++) {
        if (memmem(out.p, out.len, *parts, strlen(*parts)) == NULL)
            fail_msg("no %s in %.*s", *parts, STR_ARGS(out));
    }
}

static void expect_error(struct fixture *f, const char *method, const char *target,
                         const char *body, const char *const *parts)
{
    struct exchange ex;

    fixture_begin(f, &ex, method, target, body);
    api_handle(&ex);
    assert_true(ex.finished);
    expect_parts(&ex, ex.status, parts);
    assert_in_range(ex.status, 400, 499);
    fixture_end(&ex);
}

static void a_key_is_made(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "POST", "/key/generate",
                  "{\"key_alias\":\"alpha\",\"max_budget\":10.5,\"budget_duration\":\"30d\","
                  "\"rpm_limit\":60,\"max_parallel_requests\":4,\"models\":[\"openai/*\"],"
                  "\"metadata\":{\"note\":\"mine\"},\"guardrails\":[\"pii\"],\"aliases\":{},"
                  "\"user_id\":\"u1\",\"allowed_routes\":[\"/v1/chat/completions\"],"
                  "\"duration\":\"24h\"}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"none\"}",
                PARTS("\"op\":\"entity_get\"", "\"kind\":\"customer\"", "\"name\":\"user:u1\""));
    expect_call(f, "{\"ok\":true,\"key\":\"" KEY_TEXT "\",\"entity\":" KEY_ENTITY "}",
                PARTS("\"op\":\"entity_create\"", "\"kind\":\"key\"", "\"name\":\"alpha\"",
                      "\"budgets\":[{\"limit\":10.5,\"window\":\"1M\",\"calendar\":true}]",
                      "\"rate_limits\":[{\"requests\":60,\"per\":\"1m\"}]", "\"concurrency\":4",
                      "\"models\":[\"openai/*\"]", "\"tags\":[\"user:u1\"]",
                      "\"routes\":[\"chat\"]", "\"expires\":\"20",
                      "\"metadata\":{\"note\":\"mine\",\"litellm\":{\"user_id\":\"u1\","));
    expect_parts(&ex, 200,
                 PARTS("\"key\":\"" KEY_TEXT "\"", "\"key_name\":\"sk-...wxyz\"",
                       "\"key_alias\":\"alpha\"", "\"max_budget\":10.5,",
                       "\"budget_duration\":\"30d\"", "\"rpm_limit\":60", "\"tpm_limit\":null",
                       "\"max_parallel_requests\":4", "\"user_id\":\"u1\"", "\"tags\":[\"red\"]",
                       "\"metadata\":{\"note\":\"mine\"}", "\"blocked\":false",
                       "\"ignored\":[\"guardrails\"]"));
    fixture_end(&ex);
}

/* An old key keeps working: its hash is all that LiteLLM had of it. */
static void a_hash_is_imported(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(
        f, &ex, "POST", "/litellm/key/generate",
        "{\"token\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}");
    api_handle(&ex);
    expect_call(
        f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}",
        PARTS("\"value\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaa\"",
              "\"name\":\"litellm-key-"));
    expect_parts(&ex, 200, PARTS("\"key\":null", "\"token_id\":\"aaaaaaaa"));
    fixture_end(&ex);
}

static void what_is_wrong_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *const generate = "/key/generate";

    expect_error(f, "POST", generate, "{\"max_bugdet\":5}",
                 PARTS("did you mean \\\"max_budget\\\"?", "\"code\":\"400\"",
                       "\"type\":\"bad_request_error\""));
    expect_error(f, "POST", generate, "{\"max_budget\":-1}", PARTS("\"param\":\"max_budget\""));
    expect_error(f, "POST", generate, "{\"max_budget\":\"5\"}", PARTS("\"param\":\"max_budget\""));
    expect_error(f, "POST", generate, "{\"max_budget\":1e300}", PARTS("\"param\":\"max_budget\""));
    expect_error(f, "POST", generate, "{\"rpm_limit\":1.5}", PARTS("\"param\":\"rpm_limit\""));
    expect_error(f, "POST", generate, "{\"budget_duration\":\"monthly\",\"max_budget\":1}",
                 PARTS("\"param\":\"budget_duration\""));
    expect_error(f, "POST", generate, "{\"duration\":\"soon\"}", PARTS("\"param\":\"duration\""));
    expect_error(f, "POST", generate, "{\"models\":\"gpt-4o\"}", PARTS("a list of strings"));
    expect_error(f, "POST", generate, "{\"key\":\"short\"}", PARTS("\"param\":\"key\""));
    expect_error(f, "POST", generate, "{\"token\":\"zz\"}", PARTS("\"param\":\"token\""));
    expect_error(f, "POST", generate, "{\"key_alias\":\"a\\u0007b\"}", PARTS("control"));
    expect_error(f, "POST", generate, "{\"tags\":[],\"tags\":[]}", PARTS("stands twice"));
    expect_error(f, "POST", generate, "[]", PARTS("must be a JSON object"));
    expect_error(f, "POST", generate, "{\"allowed_routes\":[\"/fly\"]}", PARTS("allowed_routes"));
    expect_error(f, "POST", "/key/delete", "{}", PARTS("At least one of"));
    expect_error(f, "POST", "/key/delete", "{\"keys\":[\"sk-nobody-has-this\"]}",
                 PARTS("\"code\":\"404\"", "\"type\":\"not_found_error\""));
    expect_error(f, "GET", "/key/info", NULL, PARTS("key is missing"));
    expect_error(f, "GET", "/key/info?key=sk-nobody-has-this", NULL, PARTS("\"code\":\"404\""));
    expect_error(f, "GET", "/key/generate", NULL, PARTS("\"code\":\"405\""));
    expect_error(f, "POST", "/key/generat", "{}", PARTS("did you mean /key/generate"));
    expect_error(f, "POST", "/team/member_add", "{\"team_id\":7}", PARTS("team_id"));
    expect_error(f, "POST", "/user/update", "{}", PARTS("user_id is missing"));
}

/* The master's words reach the client with the name that the client used. */
static void a_refusal_is_passed_on(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "POST", "/key/generate", "{\"key_alias\":\"alpha\"}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":false,\"kind\":\"conflict\",\"error\":\"name: is taken\"}",
                PARTS("alpha"));
    expect_parts(&ex, 400, PARTS("\"param\":\"key_alias\"", "is taken", "\"code\":\"400\""));
    fixture_end(&ex);
}

static void models_are_the_teams(void **state)
{
    static const char team[] =
        "{\"ok\":true,\"entity\":{\"id\":\"00000000000000b1\",\"name\":\"t1\",\"metadata\":{"
        "\"litellm\":{\"models\":[\"openai/*\"]}}}}";
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "POST", "/key/generate", "{\"team_id\":\"t1\"}");
    api_handle(&ex);
    expect_call(f, team, PARTS("\"kind\":\"team\"", "\"name\":\"t1\""));
    expect_call(f, "{\"ok\":true,\"key\":\"" KEY_TEXT "\",\"entity\":" KEY_ENTITY "}",
                PARTS("\"team\":\"t1\"", "\"models\":[\"openai/*\"]"));
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
    fixture_begin(f, &ex, "POST", "/key/generate",
                  "{\"team_id\":\"t1\",\"models\":[\"anthropic/claude\"]}");
    api_handle(&ex);
    expect_call(f, team, PARTS("t1"));
    expect_parts(&ex, 400, PARTS("anthropic/claude", "\"param\":\"models\""));
    fixture_end(&ex);
    fixture_begin(f, &ex, "POST", "/key/generate", "{\"team_id\":\"t2\"}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"none\"}", PARTS("t2"));
    expect_parts(&ex, 400, PARTS("\"param\":\"team_id\""));
    fixture_end(&ex);
}

/* What is not said stays: a changed limit must not take the other one away. */
static void an_update_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    fixture_begin(f, &ex, "POST", "/key/update",
                  "{\"key\":\"" KEY_TEXT "\",\"max_budget\":20,\"tpm_limit\":500,\"metadata\":"
                  "{\"app\":1},\"user_id\":null}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}",
                PARTS("entity_get", "\"id\":\"00000000000000a1\""));
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}",
                PARTS("entity_update", "\"limit\":20.0,\"window\":\"1M\"",
                      "{\"requests\":60,\"per\":\"1m\"}", "{\"tokens\":500,\"per\":\"1m\"}",
                      "{\"tokens\":9000,\"per\":\"1h\"}",
                      "\"metadata\":{\"app\":1,\"note\":null,\"litellm\":{\"user_id\":null}}"));
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
    fixture_begin(f, &ex, "POST", "/key/update", "{\"key\":\"" KEY_TEXT "\",\"max_budget\":null}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}", PARTS("entity_get"));
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}", PARTS("\"budgets\":[]"));
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
}

static void keys_are_blocked_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    put_key(f, 0xa2, "sk-another-key-of-ours", KEY_ACTIVE);
    fixture_begin(f, &ex, "POST", "/key/block", "{\"key\":\"" KEY_TEXT "\"}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}", PARTS("\"body\":{\"active\":false}"));
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
    fixture_begin(f, &ex, "POST", "/key/delete",
                  "{\"keys\":[\"" KEY_TEXT "\",\"sk-another-key-of-ours\"]}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":true,\"deleted\":[]}", PARTS("entity_delete", "00000000000000a1"));
    expect_call(f, "{\"ok\":true,\"deleted\":[]}", PARTS("entity_delete", "00000000000000a2"));
    expect_parts(&ex, 200, PARTS("\"deleted_keys\":["));
    fixture_end(&ex);
}

static void a_key_is_rotated(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    fixture_begin(f, &ex, "POST", "/key/" KEY_TEXT "/regenerate", "{\"grace_period\":\"2h\"}");
    api_handle(&ex);
    expect_call(f, "{\"ok\":true,\"key\":\"sk-bf-new\",\"entity\":" KEY_ENTITY "}",
                PARTS("key_rotate", "\"id\":\"00000000000000a1\"", "\"grace_ms\":7200000"));
    expect_parts(&ex, 200, PARTS("\"key\":\"sk-bf-new\""));
    fixture_end(&ex);
}

/* --- who may --- */

static void ask_as(struct fixture *f, struct exchange *ex, const char *method, const char *target,
                   const char *authorization)
{
    fixture_begin(f, ex, method, target, strcmp(method, "POST") == 0 ? "{}" : NULL);
    ex->has_peer = true;
    ex->authorization = str_of(authorization);
    api_handle(ex);
}

static void only_the_administrator_may(void **state)
{
    static const char *const targets[] = {"/key/list",   "/team/list",  "/user/list",
                                          "/spend/logs", "/model/info", "/customer/list",
                                          "/key/other"};
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        ask_as(f, &ex, "GET", targets[i], NULL);
        expect_parts(&ex, 401, PARTS("\"type\":\"auth_error\"", "\"code\":\"401\""));
        fixture_end(&ex);
        ask_as(f, &ex, "GET", targets[i], "Bearer " KEY_TEXT);
        expect_parts(&ex, 401, PARTS("\"code\":\"401\""));
        fixture_end(&ex);
    }
    ask_as(f, &ex, "POST", "/key/generate", "Bearer " KEY_TEXT);
    expect_parts(&ex, 401, PARTS("\"code\":\"401\""));
    fixture_end(&ex);
    ask_as(f, &ex, "POST", "/key/delete", "Bearer " FIXTURE_TOKEN);
    expect_parts(&ex, 400, PARTS("\"code\":\"400\""));
    fixture_end(&ex);
    ask_as(f, &ex, "GET", "/health/liveliness", NULL);
    expect_parts(&ex, 200, PARTS("\"I'm alive!\""));
    fixture_end(&ex);
}

static void a_key_sees_itself_alone(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    put_key(f, 0xa2, "sk-another-key-of-ours", KEY_ACTIVE);
    put_key(f, 0xa3, "sk-a-key-switched-off", 0);
    ask_as(f, &ex, "GET", "/key/info", "Bearer " KEY_TEXT);
    expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}", PARTS("00000000000000a1"));
    expect_parts(&ex, 200, PARTS("\"info\":{", "\"max_budget\":10.5"));
    fixture_end(&ex);
    ask_as(f, &ex, "GET", "/key/info?key=sk-another-key-of-ours", "Bearer " KEY_TEXT);
    expect_parts(&ex, 403, PARTS("\"code\":\"403\""));
    fixture_end(&ex);
    ask_as(f, &ex, "GET", "/key/info?key=sk-nobody-has-this", "Bearer " KEY_TEXT);
    expect_parts(&ex, 403, PARTS("\"code\":\"403\"")); /* the same: it is not told what there is */
    fixture_end(&ex);
    ask_as(f, &ex, "GET", "/key/info", "Bearer sk-a-key-switched-off");
    expect_parts(&ex, 403, PARTS("switched off"));
    fixture_end(&ex);
    ask_as(f, &ex, "GET", "/key/info?key=" KEY_TEXT, "Bearer sk-nobody-has-this");
    expect_parts(&ex, 401, PARTS("\"code\":\"401\""));
    fixture_end(&ex);
}

static void own_state(void **state)
{
    static const char *const paths[] = {"/v1/key", "/openai/v1/key", "/litellm/v1/key",
                                        "/langchain/anthropic/v1/key"};
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask_as(f, &ex, "GET", paths[i], "Bearer " KEY_TEXT);
        expect_call(f, "{\"ok\":true,\"entity\":" KEY_ENTITY "}", PARTS("00000000000000a1"));
        expect_parts(&ex, 200,
                     PARTS("\"object\":\"key\"", "\"hint\":\"sk-bf-...wxyz\"",
                           "\"limit\":\"10.500000000\""));
        struct str out = buf_view(&ex.out);
        assert_null(memmem(out.p, out.len, "metadata", 8)); /* the administrator's own notes */
        assert_null(memmem(out.p, out.len, KEY_TEXT, sizeof(KEY_TEXT) - 1));
        fixture_end(&ex);
    }
    ask_as(f, &ex, "GET", "/v1/key", "Bearer " FIXTURE_TOKEN);
    fixture_expect_error(&ex, 401, "bad_key");
    fixture_end(&ex);
    ask_as(f, &ex, "POST", "/v1/key", "Bearer " KEY_TEXT);
    fixture_expect_error(&ex, 405, "method_not_allowed");
    fixture_end(&ex);
}

static void parents_are_shown_by_what_is_left(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    put_key(f, 0xa1, KEY_TEXT, KEY_ACTIVE);
    ask_as(f, &ex, "GET", "/v1/key", "Bearer " KEY_TEXT);
    expect_call(f,
                "{\"ok\":true,\"entity\":{\"id\":\"00000000000000a1\",\"name\":\"alpha\",\"team\":"
                "\"t1\",\"team_id\":\"00000000000000b1\"}}",
                PARTS("a1"));
    expect_call(f,
                "{\"ok\":true,\"entity\":{\"id\":\"00000000000000b1\",\"name\":\"t1\",\"metadata\":"
                "{\"secret\":1},\"customer_id\":\"00000000000000c1\",\"budgets\":[{\"limit\":"
                "\"5.000000000\"}]}}",
                PARTS("\"kind\":\"team\""));
    expect_call(f, "{\"ok\":true,\"entity\":{\"id\":\"00000000000000c1\",\"name\":\"acme\"}}",
                PARTS("\"kind\":\"customer\""));
    expect_parts(&ex, 200,
                 PARTS("\"team\":{\"name\":\"t1\",\"budgets\":[{\"limit\":\"5.0",
                       "\"customer\":{\"name\":\"acme\""));
    struct str out = buf_view(&ex.out);
    assert_null(memmem(out.p, out.len, "secret", 6));
    fixture_end(&ex);
}

static void a_key_asks_so_many_times_a_second(void **state)
{
    struct fixture *f = *state;
    struct virtual_key key = {.id = 7, .flags = KEY_ACTIVE};
    struct exchange ex;
    uint32_t refused = 0;

    for (int i = 0; i < 3 * OWN_KEY_PER_SECOND; i++) {
        fixture_begin(f, &ex, "GET", "/v1/key", NULL);
        refused += own_key_may(&ex, &key) ? 0 : 1;
        fixture_end(&ex);
    }
    /* A second may end meanwhile, once. */
    assert_in_range(refused, OWN_KEY_PER_SECOND, 2 * OWN_KEY_PER_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hash_is_imported, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_passed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(models_are_the_teams, setup, teardown),
        cmocka_unit_test_setup_teardown(an_update_keeps_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_blocked_and_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_rotated, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_administrator_may, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_sees_itself_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(own_state, setup, teardown),
        cmocka_unit_test_setup_teardown(parents_are_shown_by_what_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_asks_so_many_times_a_second, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
