/*
 * LiteLLM's teams, users, customers and budgets; the test plays the master.
 */
#include "tests/unit/admin_fixture.h"

#define TEAM                                                                                       \
    "{\"id\":\"00000000000000b1\",\"name\":\"t1\",\"created_ms\":1795000000000,\"metadata\":{"     \
    "\"floor\":3,\"litellm\":{\"team_alias\":\"research\",\"members_with_roles\":[{\"user_id\":"   \
    "\"ada\",\"role\":\"user\"}]}}}"
#define FOUND_TEAM "{\"ok\":true,\"entity\":" TEAM "}"
#define FOUND_USER                                                                                 \
    "{\"ok\":true,\"entity\":{\"id\":\"00000000000000c1\",\"name\":\"user:grace\",\"metadata\":{"  \
    "\"litellm\":{\"user_email\":\"g@example.com\",\"models\":[\"openai/*\"]}}}}"
#define NOT_FOUND "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"none\"}"
#define MADE_KEY                                                                                   \
    "{\"ok\":true,\"key\":\"sk-bf-made\",\"entity\":{\"id\":\"00000000000000a1\",\"name\":\"k\"}}"

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

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

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

static void expect_parts(struct exchange *ex, int status, const char *const *parts)
{
    struct str out = buf_view(&ex->out);

    (void)fixture_json(ex);
    if (!ex->finished || ex->status != status)
        fail_msg("%d %.*s", ex->status, STR_ARGS(out));
    for (; *parts != NULL; parts++) {
        if (memmem(out.p, out.len, *parts, strlen(*parts)) == NULL)
            fail_msg("no %s in %.*s", *parts, STR_ARGS(out));
    }
    fixture_end(ex);
}

static void ask(struct fixture *f, struct exchange *ex, const char *method, const char *target,
                const char *body)
{
    fixture_begin(f, ex, method, target, body);
    api_handle(ex);
}

static void a_team_is_made_and_changed(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "POST", "/team/new",
        "{\"team_id\":\"t1\",\"team_alias\":\"research\",\"max_budget\":50,\"budget_duration\":"
        "\"1mo\",\"models\":[\"openai/*\"],\"organization_id\":\"org\",\"guardrails\":[\"x\"]}");
    expect_call(f, FOUND_TEAM,
                PARTS("\"op\":\"entity_create\"", "\"kind\":\"team\"", "\"name\":\"t1\"",
                      "\"customer\":\"org\"", "\"window\":\"1M\",\"calendar\":true",
                      "\"team_alias\":\"research\"", "\"models\":[\"openai/*\"]"));
    expect_parts(&ex, 200,
                 PARTS("\"team_id\":\"t1\"", "\"team_alias\":\"research\"",
                       "\"metadata\":{\"floor\":3}", "\"ignored\":[\"guardrails\"]"));
    ask(f, &ex, "POST", "/team/new", "{}");
    expect_call(f, FOUND_TEAM, PARTS("\"name\":\"0")); /* a UUID of our time */
    expect_parts(&ex, 200, PARTS("\"team_id\""));
    ask(f, &ex, "POST", "/team/update", "{\"team_id\":\"t1\",\"organization_id\":null}");
    expect_call(f, FOUND_TEAM, PARTS("entity_get", "\"name\":\"t1\""));
    expect_call(f, FOUND_TEAM,
                PARTS("entity_update", "\"id\":\"00000000000000b1\"", "\"customer\":null"));
    expect_parts(&ex, 200, PARTS("\"data\":{\"team_id\":\"t1\""));
    ask(f, &ex, "POST", "/team/update", "{\"team_id\":\"nobody\"}");
    expect_call(f, NOT_FOUND, PARTS("nobody"));
    expect_parts(&ex, 404, PARTS("Team not found", "\"code\":\"404\""));
    ask(f, &ex, "POST", "/team/block", "{\"team_id\":\"t1\"}");
    expect_call(f, FOUND_TEAM, PARTS("entity_get"));
    expect_call(f, FOUND_TEAM, PARTS("\"blocked\":true"));
    expect_parts(&ex, 200, PARTS("\"team_id\":\"t1\""));
}

static void members_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "POST", "/team/member_add",
        "{\"team_id\":\"t1\",\"member\":[{\"role\":\"admin\",\"user_id\":\"ada\"},{\"role\":"
        "\"user\",\"user_email\":\"b@c\"}]}");
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_call(f, FOUND_TEAM,
                PARTS("\"members_with_roles\":[{\"user_id\":\"ada\",\"role\":\"admin\"},{"
                      "\"user_email\":\"b@c\",\"role\":\"user\"}]"));
    expect_parts(&ex, 200, PARTS("\"members_with_roles\":["));
    ask(f, &ex, "POST", "/team/member_add",
        "{\"team_id\":\"t1\",\"member\":{\"role\":\"owner\",\"user_id\":\"ada\"}}");
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_parts(&ex, 400, PARTS("\"param\":\"member\""));
    ask(f, &ex, "POST", "/team/member_delete", "{\"team_id\":\"t1\",\"user_id\":\"ada\"}");
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_call(f, FOUND_TEAM, PARTS("\"members_with_roles\":[]"));
    expect_parts(&ex, 200, PARTS("team_id"));
    ask(f, &ex, "POST", "/team/member_delete", "{\"team_id\":\"t1\",\"user_id\":\"bob\"}");
    expect_call(f, FOUND_TEAM, PARTS("t1"));
    expect_parts(&ex, 400, PARTS("not a member"));
}

/* All are found before the first is deleted. */
static void nothing_is_half_deleted(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "POST", "/team/delete", "{\"team_ids\":[\"t1\",\"t2\"]}");
    expect_call(f, FOUND_TEAM, PARTS("\"name\":\"t1\""));
    expect_call(f, NOT_FOUND, PARTS("\"name\":\"t2\""));
    expect_parts(&ex, 404, PARTS("t2"));
    ask(f, &ex, "POST", "/team/delete", "{\"team_ids\":[\"t1\"]}");
    expect_call(f, FOUND_TEAM, PARTS("\"name\":\"t1\""));
    expect_call(f, "{\"ok\":true,\"deleted\":[]}",
                PARTS("entity_delete", "00000000000000b1", "\"children\":\"delete\""));
    expect_parts(&ex, 200, PARTS("\"deleted_teams\":[\"t1\"]"));
    ask(f, &ex, "POST", "/team/delete", "{\"team_ids\":[]}");
    expect_parts(&ex, 400, PARTS("team_ids"));
}

static void a_user_gets_a_key(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "POST", "/user/new",
                  "{\"user_id\":\"grace\",\"user_email\":\"g@example.com\",\"max_budget\":2}");
    ex.idempotency = STR("once");
    api_handle(&ex);
    expect_call(f, FOUND_USER,
                PARTS("\"kind\":\"customer\"", "\"name\":\"user:grace\"",
                      "\"window\":\"3660d\",\"calendar\":false", "\"idempotency\":\"once\""));
    expect_call(f, FOUND_USER, PARTS("entity_get", "user:grace"));
    /* Its own call to the master: with the user's name for it, the user would be the answer. */
    expect_call(f, MADE_KEY,
                PARTS("\"kind\":\"key\"", "\"customer\":\"user:grace\"", "\"user:grace\"]",
                      "\"models\":[\"openai/*\"]", "\"idempotency\":\"after-"));
    expect_parts(&ex, 200,
                 PARTS("\"key\":\"sk-bf-made\"", "\"user_id\":\"grace\"",
                       "\"user_email\":\"g@example.com\""));
    ask(f, &ex, "POST", "/user/new", "{\"user_id\":\"grace\",\"auto_create_key\":false}");
    expect_call(f, FOUND_USER, PARTS("entity_create"));
    expect_parts(&ex, 200, PARTS("\"key\":null"));
}

static void rules_come_from_a_budget(void **state)
{
    static const char budget[] =
        "{\"ok\":true,\"entity\":{\"id\":\"00000000000000d1\",\"name\":\"budget:small\","
        "\"budgets\":"
        "[{\"limit\":\"0.500000000\",\"limit_nanousd\":500000000,\"window\":\"1d\",\"calendar\":"
        "true,\"account\":7,\"account_id\":\"0000000000000001\"}],\"rate_limits\":[{\"requests\":3,"
        "\"per\":\"1m\",\"account\":8}]}}";
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "POST", "/key/generate", "{\"budget_id\":\"small\"}");
    expect_call(f, budget, PARTS("\"name\":\"budget:small\""));
    expect_call(f, MADE_KEY,
                PARTS("\"budgets\":[{\"limit\":\"0.500000000\",\"window\":\"1d\",\"calendar\":true}"
                      "]",
                      "\"rate_limits\":[{\"requests\":3,\"per\":\"1m\"}]"));
    expect_parts(&ex, 200, PARTS("sk-bf-made"));
    ask(f, &ex, "POST", "/key/generate", "{\"budget_id\":\"small\",\"max_budget\":1}");
    expect_parts(&ex, 400, PARTS("not both"));
    ask(f, &ex, "POST", "/budget/info", "{\"budgets\":[\"small\"]}");
    expect_call(f, budget, PARTS("budget:small"));
    expect_parts(&ex, 200,
                 PARTS("\"budget_id\":\"small\"", "\"max_budget\":0.5", "\"rpm_limit\":3"));
}

static void lists_show_their_own(void **state)
{
    static const char page[] =
        "{\"ok\":true,\"data\":[{\"id\":\"00000000000000c1\",\"name\":\"user:grace\"},{\"id\":"
        "\"00000000000000c2\",\"name\":\"budget:small\"},{\"id\":\"00000000000000c3\",\"name\":"
        "\"acme\"}],\"next\":null,\"total\":3}";
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "GET", "/customer/list", NULL);
    expect_call(f, page, PARTS("entity_list", "\"kind\":\"customer\""));
    struct str out = buf_view(&ex.out);
    assert_null(memmem(out.p, out.len, "grace", 5));
    assert_null(memmem(out.p, out.len, "small", 5));
    expect_parts(&ex, 200, PARTS("\"user_id\":\"acme\""));
    ask(f, &ex, "GET", "/user/list", NULL);
    expect_call(f, page, PARTS("\"name\":\"user:*\""));
    expect_parts(&ex, 200, PARTS("\"user_id\":\"grace\"", "\"total\":1"));
    ask(f, &ex, "GET", "/organization/list", NULL);
    expect_call(f, page, PARTS("entity_list"));
    expect_parts(&ex, 200, PARTS("\"organization_id\":\"acme\""));
}

static void keys_are_listed_by_page(void **state)
{
    static const char page[] =
        "{\"ok\":true,\"data\":[{\"id\":\"00000000000000a1\",\"name\":\"one\",\"hash\":\"sha256:"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},{\"id\":"
        "\"00000000000000a2\",\"name\":\"two\",\"hash\":\"sha256:"
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}],\"next\":null,"
        "\"total\":2}";
    struct fixture *f = *state;
    struct exchange ex;

    ask(f, &ex, "GET", "/key/list?page=2&size=1&user_id=u1", NULL);
    expect_call(f, page, PARTS("entity_list", "\"tag\":\"user:u1\"", "\"hashes\":true"));
    struct str out = buf_view(&ex.out);
    assert_null(memmem(out.p, out.len, "aaaa", 4));
    expect_parts(
        &ex, 200,
        PARTS("\"keys\":[\"bbbb", "\"total_count\":2", "\"current_page\":2", "\"total_pages\":2"));
    ask(f, &ex, "GET", "/key/list?return_full_object=true", NULL);
    expect_call(f, page, PARTS("entity_list"));
    expect_parts(&ex, 200, PARTS("\"token\":\"aaaa", "\"key_alias\":\"two\""));
    ask(f, &ex, "GET", "/key/list?size=1000", NULL);
    expect_parts(&ex, 400, PARTS("size"));
    ask(f, &ex, "GET", "/key/list?user=u1", NULL);
    expect_parts(&ex, 400, PARTS("did you mean"));
}

static void the_journal_may_be_empty(void **state)
{
    static const char *const targets[] = {"/spend/logs",
                                          "/spend/keys",
                                          "/global/spend/keys",
                                          "/global/spend/models",
                                          "/global/spend/provider",
                                          "/global/spend/report?group_by=team",
                                          "/spend/logs?start_date=2026-11-01&end_date=2026-11-22"};
    struct fixture *f = *state;
    struct exchange ex;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        ask(f, &ex, "GET", targets[i], NULL);
        if (!ex.finished) /* the report names teams */
            expect_call(f, "{\"ok\":true,\"data\":[],\"next\":null,\"total\":0}", PARTS("team"));
        assert_true(str_starts(buf_view(&ex.out), STR("[]")));
        expect_parts(&ex, 200, PARTS("[]"));
    }
    ask(f, &ex, "GET", "/global/spend", NULL);
    expect_parts(&ex, 200, PARTS("\"spend\":0.0"));
    ask(f, &ex, "GET", "/spend/logs?request_id=7", NULL);
    expect_parts(&ex, 400, PARTS("request_id"));
    ask(f, &ex, "GET", "/spend/logs?start_date=yesterday", NULL);
    expect_parts(&ex, 400, PARTS("start_date"));
    ask(f, &ex, "GET", "/spend/logs?api_key=sk-nobody-has-this", NULL);
    expect_parts(&ex, 404, PARTS("not found"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_team_is_made_and_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(members_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_half_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_gets_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_come_from_a_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_show_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_listed_by_page, setup, teardown),
        cmocka_unit_test_setup_teardown(the_journal_may_be_empty, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
