/*
 * Routes of keys, teams, customers and model limits, without HTTP: the test plays the master.
 */
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/owners.h"
#include "tests/unit/admin_fixture.h"

#define ID "00000000000000aa"

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

static char asked[CONTROL_TEXT_MAX];

/* Begin a call; what the master is asked must be `expected`. */
static uint64_t begin(struct fixture *f, struct exchange *ex, const char *const call[3],
                      const char *expected)
{
    uint64_t seq;

    fixture_begin(f, ex, call[0], call[1], call[2]);
    api_handle(ex);
    if (ex->finished)
        fail_msg("%s: %.*s", call[1], STR_ARGS(buf_view(&ex->out)));
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, expected);
    return seq;
}

#define CALL(...) ((const char *const[3]){__VA_ARGS__})

static void expect_answer(struct exchange *ex, int status, const char *text)
{
    assert_true(ex->finished);
    if (ex->status != status || ex->out.len == 0 || ex->out.len != strlen(text) + 1 ||
        memcmp(ex->out.data, text, strlen(text)) != 0)
        fail_msg("%d %.*s\nexpected %d %s", ex->status, STR_ARGS(buf_view(&ex->out)), status, text);
    fixture_end(ex);
}

static void a_key_is_made(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq =
        begin(f, &ex,
              CALL("POST", "/api/keys",
                   "{\"name\":\"a\\\"b\",\"budget\":1000,\"team\":null,\"models\":[\"x/*\"],"
                   "\"expires_ms\":1893456000123}"),
              "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"a\\\"b\","
              "\"budget\":1000,\"models\":[\"x/*\"],"
              "\"expires\":\"2030-01-01T00:00:00.123Z\"}}");
    fixture_reply(f, seq,
                  "{\"ok\":true,\"id\":\"" ID "\",\"key\":\"sk-bf-new\",\"entity\":{\"id\":\"" ID
                  "\",\"name\":\"a\\\"b\",\"expires\":\"2030-01-01T00:00:00Z\"},"
                  "\"defaults\":[\"calendar: false\"]}");
    expect_answer(
        &ex, 201,
        "{\"key\":\"sk-bf-new\",\"id\":\"" ID "\",\"name\":\"a\\\"b\","
        "\"expires\":\"2030-01-01T00:00:00Z\",\"models\":[],\"active\":true,"
        "\"strict\":false,\"expires_ms\":1893456000000,\"defaults\":[\"calendar: false\"]}");
}

static void an_idempotency_key_goes_along(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;
    uint64_t seq;

    fixture_begin(f, &ex, "POST", "/api/teams", "{\"name\":\"t\"}");
    ex.idempotency = STR("i-1");
    api_handle(&ex);
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked,
                        "{\"op\":\"entity_create\",\"kind\":\"team\",\"idempotency\":\"i-1\","
                        "\"body\":{\"name\":\"t\"}}");
    fixture_reply(f, seq, "{\"ok\":true,\"id\":\"" ID "\",\"entity\":{\"id\":\"" ID "\"}}");
    expect_answer(&ex, 201, "{\"id\":\"" ID "\"}");
}

static void parents_are_found_by_their_ids(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq = begin(f, &ex, CALL("PATCH", "/api/keys/" ID, "{\"team_id\":\"" ID "\"}"),
                         "{\"op\":\"entity_get\",\"kind\":\"team\",\"id\":\"" ID "\"}");
    fixture_reply(f, seq, "{\"ok\":true,\"entity\":{\"id\":\"" ID "\",\"name\":\"research\"}}");
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"entity_update\",\"kind\":\"key\",\"id\":\"" ID
                               "\",\"body\":{\"team\":\"research\"}}");
    fixture_reply(f, seq,
                  "{\"ok\":true,\"entity\":{\"id\":\"" ID "\",\"active\":false,\"models\":[],"
                  "\"strict\":true,\"expires\":null}}");
    expect_answer(&ex, 200,
                  "{\"id\":\"" ID "\",\"active\":false,\"models\":[],\"strict\":true,"
                  "\"expires\":null,\"expires_ms\":null}");
    seq = begin(f, &ex, CALL("POST", "/api/teams", "{\"name\":\"t\",\"customer_id\":\"" ID "\"}"),
                "{\"op\":\"entity_get\",\"kind\":\"customer\",\"id\":\"" ID "\"}");
    fixture_reply(f, seq, "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"there is none\"}");
    fixture_expect_error(&ex, 400, "unknown_parent");
    fixture_end(&ex);
}

static void what_has_no_call_of_its_own(void **state)
{
    static const struct {
        const char *call[3], *asks;
    } cases[] = {
        {{"POST", "/api/keys/" ID "/block", NULL},
         "{\"op\":\"entity_update\",\"kind\":\"key\",\"id\":\"" ID
         "\",\"body\":{\"active\":false}}"},
        {{"POST", "/api/teams/" ID "/unblock", NULL},
         "{\"op\":\"entity_update\",\"kind\":\"team\",\"id\":\"" ID
         "\",\"body\":{\"blocked\":false}}"},
        {{"POST", "/api/customers/" ID "/reset", NULL},
         "{\"op\":\"entity_reset\",\"kind\":\"customer\",\"id\":\"" ID "\"}"},
        {{"POST", "/api/keys/" ID "/rotate", "{\"grace\":\"2h\"}"},
         "{\"op\":\"key_rotate\",\"kind\":\"key\",\"id\":\"" ID "\",\"grace_ms\":7200000}"},
        {{"POST", "/api/keys/" ID "/rotate", NULL},
         "{\"op\":\"key_rotate\",\"kind\":\"key\",\"id\":\"" ID "\",\"grace_ms\":0}"},
        {{"GET", "/api/model-limits/" ID, NULL},
         "{\"op\":\"entity_get\",\"kind\":\"model_limit\",\"id\":\"" ID "\"}"},
        {{"DELETE", "/api/customers/" ID "?children=reparent", NULL},
         "{\"op\":\"entity_delete\",\"kind\":\"customer\",\"id\":\"" ID
         "\",\"children\":\"reparent\"}"},
        {{"DELETE", "/api/governance/teams/" ID, NULL},
         "{\"op\":\"entity_delete\",\"kind\":\"team\",\"id\":\"" ID
         "\",\"children\":\"reparent\"}"},
        {{"POST", "/api/governance/virtual-keys/" ID "/rotate", NULL},
         "{\"op\":\"key_rotate\",\"kind\":\"key\",\"id\":\"" ID "\",\"grace_ms\":0}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange ex;
        uint64_t seq = begin(*state, &ex, cases[i].call, cases[i].asks);

        fixture_reply(*state, seq,
                      "{\"ok\":false,\"kind\":\"invalid\",\"error\":\"there is a fault\"}");
        fixture_expect_error(&ex, 400, "invalid");
        fixture_end(&ex);
    }
}

/* The master's words say which field is wrong; the body says which words are fields. */
static void refusals_name_the_field(void **state)
{
    static const struct {
        const char *error, *param;
    } cases[] = {
        {"budgets[0].limit must be at most 5, is 6", "budgets[0].limit"},
        {"unknown key \\\"windwo\\\" in budgets[0], use \\\"window\\\"", "budgets[0].windwo"},
        {"body has two budgets with the same window", "budgets"},
        {"the name is taken", "name"},
        {"there is no room", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture *f = *state;
        struct exchange ex;
        char reply[256];
        uint64_t seq;

        fixture_begin(f, &ex, "POST", "/api/teams",
                      "{\"name\":\"there\", \"budgets\" : [{\"limit\":6,\"windwo\":\"x\"}]}");
        api_handle(&ex);
        fixture_asked(f, asked, sizeof(asked), &seq);
        (void)snprintf(reply, sizeof(reply), "{\"ok\":false,\"kind\":\"invalid\",\"error\":\"%s\"}",
                       cases[i].error);
        fixture_reply(f, seq, reply);
        struct str param = json_str(json_get(json_get(fixture_json(&ex), "error"), "param"));
        if (!str_eq(param, str_of(cases[i].param)))
            fail_msg("%s: %.*s", cases[i].error, STR_ARGS(param));
        fixture_end(&ex);
    }
}

/* A page of the API may be several of the master's. */
static void lists_go_on_until_they_are_full(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq = begin(f, &ex, CALL("GET", "/api/teams?limit=3&tag=x&cursor=c0", NULL),
                         "{\"op\":\"entity_list\",\"kind\":\"team\",\"limit\":3,\"after\":\"c0\","
                         "\"filter\":{\"tag\":\"x\"}}");
    fixture_reply(f, seq,
                  "{\"ok\":true,\"data\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"next\":\"c1\","
                  "\"total\":9}");
    assert_false(ex.finished);
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"entity_list\",\"kind\":\"team\",\"limit\":1,"
                               "\"after\":\"c1\",\"filter\":{\"tag\":\"x\"}}");
    fixture_reply(f, seq, "{\"ok\":true,\"data\":[{\"id\":\"3\"}],\"next\":\"c2\",\"total\":9}");
    expect_answer(&ex, 200,
                  "{\"data\":[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}],\"next\":\"c2\","
                  "\"total\":null}");
    seq = begin(f, &ex, CALL("GET", "/api/teams?cursor=c2", NULL),
                "{\"op\":\"entity_list\",\"kind\":\"team\",\"limit\":100,\"after\":\"c2\"}");
    fixture_reply(f, seq, "{\"ok\":true,\"data\":[],\"next\":null,\"total\":9}");
    expect_answer(&ex, 200, "{\"data\":[],\"next\":null,\"total\":9}");
}

static void a_team_may_be_named_in_a_filter(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq = begin(f, &ex, CALL("GET", "/api/keys?team=research", NULL),
                         "{\"op\":\"entity_get\",\"kind\":\"team\",\"name\":\"research\"}");
    fixture_reply(f, seq, "{\"ok\":true,\"entity\":{\"id\":\"" ID "\"}}");
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"entity_list\",\"kind\":\"key\",\"limit\":100,"
                               "\"filter\":{\"team\":\"" ID "\"}}");
    fixture_reply(f, seq, "{\"ok\":true,\"data\":[],\"next\":null,\"total\":0}");
    expect_answer(&ex, 200, "{\"data\":[],\"next\":null,\"total\":0}");
}

static void one_name_is_no_list(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq = begin(f, &ex, CALL("GET", "/api/customers?name=" ID, NULL),
                         "{\"op\":\"entity_get\",\"kind\":\"customer\",\"name\":\"" ID "\"}");
    fixture_reply(f, seq, "{\"ok\":true,\"entity\":{\"id\":\"1\"}}");
    expect_answer(&ex, 200, "{\"data\":[{\"id\":\"1\"}],\"next\":null,\"total\":1}");
    seq = begin(f, &ex, CALL("GET", "/api/keys?name=a", NULL),
                "{\"op\":\"entity_get\",\"kind\":\"key\",\"name\":\"a\"}");
    fixture_reply(f, seq, "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"there is none\"}");
    expect_answer(&ex, 200, "{\"data\":[],\"next\":null,\"total\":0}");
}

/* An account with something in it, as the master and a worker would have made it. */
static uint32_t make_account(struct fixture *f, uint64_t used)
{
    struct owner_table *table =
        owner_table_open(&f->regions.published, &f->regions.counters, &f->regions.live);
    struct account a = {.kind = ACCOUNT_BUDGET,
                        .id = 7,
                        .limit = 1000000000,
                        .window = {.period = PERIOD_1D,
                                   .anchor_ms = clock_real_ms() - 1000,
                                   .length_ms = 86400000}};
    struct error err = ERROR_INIT;

    if (account_table_add(table, &a, &err) != 0)
        fail_msg("%s", err.text);
    account_restore(&f->regions.counters, &a,
                    window_number(&f->regions.published, &a.window, clock_real_ms()), used);
    owner_table_close(table);
    return a.index;
}

static void what_is_used_comes_from_the_counters(void **state)
{
    struct fixture *f = *state;
    uint32_t row = make_account(f, 250000001);
    struct exchange ex;
    char reply[512];

    uint64_t seq = begin(f, &ex, CALL("GET", "/api/teams/" ID, NULL),
                         "{\"op\":\"entity_get\",\"kind\":\"team\",\"id\":\"" ID "\"}");
    (void)snprintf(reply, sizeof(reply),
                   "{\"ok\":true,\"entity\":{\"budgets\":[{\"limit\":\"1.000000000\","
                   "\"account\":%u,\"account_id\":\"7\"},{\"account\":4000000}]}}",
                   row);
    fixture_reply(f, seq, reply);
    const struct json *budgets = json_get(fixture_json(&ex), "budgets");
    const struct json *b = budgets->child;
    uint64_t n;
    assert_null(json_get(b, "account"));
    assert_true(str_eq(json_str(json_get(b, "used")), STR("0.250000001")));
    assert_true(json_u64(json_get(b, "held_nanousd"), &n) && n == 0);
    assert_true(json_u64(json_get(b, "remaining_nanousd"), &n) && n == 749999999);
    assert_true(json_u64(json_get(b, "resets_ms"), &n) && n > clock_real_ms());
    assert_null(json_get(b->next, "used")); /* a row that is not there */
    fixture_end(&ex);
}

static void budgets_of_every_kind(void **state)
{
    static const char *const kinds[] = {"customer", "team", "key", "model_limit"};
    struct fixture *f = *state;
    struct exchange ex;
    uint64_t seq = begin(f, &ex, CALL("GET", "/api/budgets?name=n*", NULL),
                         "{\"op\":\"entity_list\",\"kind\":\"customer\",\"limit\":100,"
                         "\"filter\":{\"name\":\"n*\"}}");

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_non_null(strstr(asked, kinds[i]));
        fixture_reply(f, seq,
                      "{\"ok\":true,\"data\":[{\"id\":\"1\",\"name\":\"nn\",\"budgets\":["
                      "{\"window\":\"1d\"}],\"providers\":[{\"provider\":\"p\",\"budgets\":["
                      "{\"window\":\"1w\"}]}]}],\"next\":null}");
        if (i + 1 < ARRAY_LEN(kinds))
            fixture_asked(f, asked, sizeof(asked), &seq);
    }
    const struct json *root = fixture_json(&ex);
    assert_int_equal(json_get(root, "data")->n, 8);
    assert_true(str_eq(json_get(root, "data")->child->next->raw,
                       STR("{\"kind\":\"customer\",\"owner\":\"nn\",\"owner_id\":\"1\","
                           "\"provider\":\"p\",\"window\":\"1w\"}")));
    fixture_end(&ex);
    /* Only keys have teams; a cursor says in which kind it is. */
    seq = begin(f, &ex, CALL("GET", "/api/budgets?cursor=key.zz", NULL),
                "{\"op\":\"entity_list\",\"kind\":\"key\",\"limit\":100,\"after\":\"zz\"}");
    fixture_reply(f, seq, "{\"ok\":false,\"kind\":\"invalid\",\"error\":\"after: is no cursor\"}");
    fixture_expect_error(&ex, 400, "invalid");
    fixture_end(&ex);
}

static void imports_go_in_slices(void **state)
{
    struct fixture *f = *state;
    struct buf body = BUF_INIT;
    struct exchange ex;
    uint64_t seq, n = 0;
    int slices = 0;

    for (int i = 0; i < 5000; i++)
        buf_printf(&body, "{\"name\":\"key-%d\",\"value\":\"sk-imported-%08d\"}\n", i, i);
    fixture_begin(f, &ex, "POST", "/api/keys/import", body.data);
    api_handle(&ex);
    for (bool more = true; more; slices++) {
        struct json_error err;

        fixture_asked(f, asked, sizeof(asked), &seq);
        const struct json *call = json_parse(f->admin.json, ex.arena, str_of(asked), &err);
        assert_non_null(call);
        assert_int_equal(json_str(json_get(call, "import")).len, 16);
        assert_true(json_bool(json_get(call, "more"), &more));
        n += json_get(call, "items")->n;
        fixture_reply(f, seq, "{\"ok\":true,\"created\":0,\"errors\":[]}");
    }
    assert_int_equal(n, 5000);
    assert_in_range(slices, 2, 10);
    expect_answer(&ex, 201, "{\"created\":5000}");
    assert_null(f->admin.importing);
    buf_fini(&body);
}

static void a_bad_import_is_called_off(void **state)
{
    static const char *const bodies[] = {"[{\"name\":\"a\",\"expires\":\"soon\"}]", "[{\"name\":}]",
                                         "[{\"name\":\"a\",\"hash\":\"5\"}]", "[5]"};
    struct fixture *f = *state;
    struct exchange ex, second;
    uint64_t seq;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fixture_begin(f, &ex, "POST", "/api/keys/import", bodies[i]);
        api_handle(&ex);
        fixture_asked(f, asked, sizeof(asked), &seq);
        assert_non_null(strstr(asked, "\"abort\":true"));
        fixture_begin(f, &second, "POST", "/api/keys/import", "[]");
        api_handle(&second);
        fixture_expect_error(&second, 409, "import_in_progress");
        fixture_end(&second);
        fixture_reply(f, seq, "{\"ok\":true}");
        fixture_expect_error(&ex, 400, "import_refused");
        fixture_end(&ex);
    }
    assert_null(f->admin.importing);
}

static void governance_becomes_our_own(void **state)
{
    static const struct {
        const char *call[3], *asks;
    } cases[] = {
        {{"POST", "/api/governance/virtual-keys",
          "{\"name\":\"k\",\"description\":\"d\",\"is_active\":false,\"budgets\":[{\"max_limit\":5."
          "5,"
          "\"reset_duration\":\"1d\"}],\"calendar_aligned\":true,\"rate_limit\":{\"token_max_"
          "limit\":9,"
          "\"token_reset_duration\":\"1M\"},\"provider_configs\":[{\"provider\":\"p\",\"weight\":0."
          "5,"
          "\"allowed_models\":[\"*\"],\"key_ids\":[\"*\"]},{\"provider\":\"q\",\"allowed_models\":["
          "]}],"
          "\"mcp_configs\":[{\"mcp_client_name\":\"c\",\"tools_to_execute\":[\"a\",\"b\"]}]}"},
         "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"k\",\"active\":false,"
         "\"metadata\":{\"description\":\"d\"},\"providers\":[{\"provider\":\"p\",\"weight\":0.5},"
         "{\"provider\":\"q\",\"deny_models\":[\"*\"]}],\"deny_models\":[],"
         "\"mcp_tools\":[\"c/a\",\"c/b\"],\"budgets\":[{\"limit\":5.5,\"window\":\"1d\","
         "\"calendar\":true}],\"rate_limits\":[{\"tokens\":9,\"per\":\"30d\"}]}}"},
        {{"POST", "/api/governance/virtual-keys", "{\"name\":\"k\"}"},
         "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"k\","
         "\"deny_models\":[\"*\"]}}"},
        {{"POST", "/api/governance/virtual-keys", "{\"name\":\"k\",\"allow_all_providers\":true}"},
         "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"k\",\"providers\":[],"
         "\"deny_models\":[]}}"},
        {{"POST", "/api/governance/model-configs",
          "{\"model_name\":\"m\",\"budget\":{\"max_limit\":1,"
          "\"reset_duration\":\"1m\",\"calendar_aligned\":true}}"},
         "{\"op\":\"entity_create\",\"kind\":\"model_limit\",\"body\":{\"model\":\"*/m\","
         "\"budgets\":[{\"limit\":1,\"window\":\"1m\"}]}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange ex;
        uint64_t seq = begin(*state, &ex, cases[i].call, cases[i].asks);

        fixture_reply(*state, seq,
                      "{\"ok\":false,\"kind\":\"conflict\",\"error\":\"the name is taken\"}");
        fixture_expect_error(&ex, 409, "conflict");
        fixture_end(&ex);
    }
}

/* What a change does not tell stays as it is, also what there are no words for over there. */
static void governance_changes_what_is_told(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    uint64_t seq =
        begin(f, &ex,
              CALL("PUT", "/api/governance/teams/" ID,
                   "{\"budget\":{\"max_limit\":8},\"rate_limit\":{\"request_max_limit\":5}}"),
              "{\"op\":\"entity_get\",\"kind\":\"team\",\"id\":\"" ID "\"}");
    fixture_reply(f, seq,
                  "{\"ok\":true,\"entity\":{\"id\":\"" ID "\",\"budgets\":[{\"limit\":\"3\","
                  "\"window\":\"1w\",\"calendar\":true,\"time_zone\":\"Europe/Berlin\","
                  "\"overshoot\":\"5%\"}],\"rate_limits\":[{\"requests\":4,\"per\":\"1h\"},"
                  "{\"tokens\":7,\"per\":\"1m\"}]}}");
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"entity_update\",\"kind\":\"team\",\"id\":\"" ID
                               "\",\"body\":{\"budgets\":[{\"limit\":8,\"window\":\"1w\","
                               "\"calendar\":true,\"time_zone\":\"Europe/Berlin\","
                               "\"overshoot\":\"5%\"}],\"rate_limits\":[{\"requests\":5,"
                               "\"per\":\"1h\"},{\"tokens\":7,\"per\":\"1m\"}]}}");
    fixture_reply(f, seq,
                  "{\"ok\":true,\"entity\":{\"id\":\"" ID "\",\"name\":\"t\",\"budgets\":["
                  "{\"limit_nanousd\":8500000000,\"window\":\"1w\",\"account_id\":\"b\"}]}}");
    expect_answer(&ex, 200,
                  "{\"message\":\"Team updated successfully\",\"team\":{\"id\":\"" ID
                  "\",\"name\":\"t\",\"customer_id\":null,\"budgets\":[{\"id\":\"b\","
                  "\"max_limit\":8.5,\"reset_duration\":\"1w\",\"calendar_aligned\":false,"
                  "\"team_id\":\"" ID "\"}],\"calendar_aligned\":false,\"rate_limit\":null}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(an_idempotency_key_goes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(parents_are_found_by_their_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_no_call_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_name_the_field, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_go_on_until_they_are_full, setup, teardown),
        cmocka_unit_test_setup_teardown(one_name_is_no_list, setup, teardown),
        cmocka_unit_test_setup_teardown(a_team_may_be_named_in_a_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_used_comes_from_the_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(budgets_of_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(imports_go_in_slices, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_import_is_called_off, setup, teardown),
        cmocka_unit_test_setup_teardown(governance_becomes_our_own, setup, teardown),
        cmocka_unit_test_setup_teardown(governance_changes_what_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
