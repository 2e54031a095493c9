/*
 * The management API's routes, without HTTP: the test plays the master.
 */
#include "shm/sample.h"
#include "tests/unit/admin_fixture.h"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fixture_open(f);
    fixture_publish(f, 0);
    fixture_worker(f, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static void expect_refused(struct fixture *f, const char *method, const char *target,
                           const char *body, const char *code)
{
    struct exchange ex;

    fixture_begin(f, &ex, method, target, body);
    api_handle(&ex);
    fixture_expect_error(&ex, ex.status, code);
    assert_in_range(ex.status, 400, 499);
    fixture_end(&ex);
}

static void expect_message(struct fixture *f, const char *target, const char *part)
{
    struct exchange ex;

    fixture_begin(f, &ex, "GET", target, NULL);
    api_handle(&ex);
    struct str text = buf_view(&ex.out);
    if (memmem(text.p, text.len, part, strlen(part)) == NULL)
        fail_msg("%s: no \"%s\" in %.*s", target, part, STR_ARGS(text));
    fixture_end(&ex);
}

static void test_health(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "GET", "/healthz", NULL);
    api_handle(&ex);
    assert_int_equal(ex.status, 200);
    assert_true(str_eq(buf_view(&ex.out), STR("ok\n")));
    fixture_end(&ex);
    fixture_begin(f, &ex, "HEAD", "/readyz", NULL);
    api_handle(&ex);
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
    live_slot(&f->regions.live, 0)->generation = 0; /* has not adopted it */
    fixture_begin(f, &ex, "GET", "/readyz", NULL);
    api_handle(&ex);
    assert_int_equal(ex.status, 503);
    assert_true(str_starts(buf_view(&ex.out), STR("1 of 1 workers")));
    fixture_end(&ex);
    live_wipe(live_slot(&f->regions.live, 0));
    expect_message(f, "/readyz", "no worker is ready");
}

static void test_page(void **state)
{
    struct exchange ex;

    fixture_begin(*state, &ex, "GET", "/", NULL);
    api_handle(&ex);
    assert_int_equal(ex.status, 200);
    assert_true(str_starts(buf_view(&ex.out), STR("<!doctype html>")));
    assert_non_null(strstr(ex.policy, "script-src 'sha256-"));
    assert_null(strstr(ex.policy, "unsafe"));
    fixture_end(&ex);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    expect_refused(f, "GET", "/api/rouets", NULL, "unknown_path");
    expect_message(f, "/api/rouets", "did you mean /api/routes?");
    expect_refused(f, "GET", "/api/keys/", NULL, "unknown_path");
    expect_refused(f, "GET", "/api/keys/1/2", NULL, "unknown_path");
    expect_refused(f, "GET", "/api/keys/xyz", NULL, "not_found");
    expect_refused(f, "GET", "/api/keys/0000000000000000", NULL, "not_found");
    expect_refused(f, "GET", "/api/logs?modle=x", NULL, "unknown_field");
    expect_message(f, "/api/logs?modle=x", "did you mean \\\"model\\\"?");
    expect_refused(f, "GET", "/api/logs?model=a&model=b", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/logs?model=%4", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/logs?limit=-1", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/logs?cursor=zz", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/logs?status=9xx", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/logs?key=nobody", NULL, "unknown_key");
    expect_refused(f, "GET", "/api/usage?since=yesterday", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/usage?since=2026-02-31", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/usage?group_by=colour", NULL, "bad_parameter");
    expect_refused(f, "GET", "/api/config?format=xml", NULL, "bad_parameter");
    fixture_begin(f, &ex, "PUT", "/api/keys", "{}");
    api_handle(&ex);
    fixture_expect_error(&ex, 405, "method_not_allowed");
    assert_string_equal(ex.allow, "GET, HEAD, POST");
    fixture_end(&ex);
}

static void test_access_comes_first(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;

    fixture_begin(f, &ex, "GET", "/api/nothing", NULL);
    ex.has_peer = true;
    api_handle(&ex);
    fixture_expect_error(&ex, 401, "admin_token_required");
    assert_non_null(strstr(ex.challenge, "Bearer"));
    fixture_end(&ex);
    fixture_publish(f, PUB_API_OPEN_LOOPBACK);
    fixture_begin(f, &ex, "GET", "/api/providers", NULL);
    ex.has_peer = ex.peer_is_loopback = true;
    api_handle(&ex);
    assert_int_equal(ex.status, 200);
    fixture_end(&ex);
    fixture_begin(f, &ex, "GET", "/metrics", NULL);
    ex.has_peer = ex.peer_is_loopback = true;
    ex.host = STR("evil.example");
    api_handle(&ex);
    fixture_expect_error(&ex, 403, "foreign_host");
    fixture_end(&ex);
}

static void test_bodies(void **state)
{
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"", "bad_json"},
        {"[]", "bad_json"},
        {"{\"name\":\"x\"", "bad_json"},
        {"{\"name\":\"x\"} {}", "bad_json"},
        {"{}", "missing_field"},
        {"{\"name\":7}", "bad_field"},
        {"{\"name\":\"\"}", "bad_field"},
        {"{\"name\":\"a\\nb\"}", "bad_field"},
        {"{\"name\":\"x\",\"models\":\"openai/*\"}", "bad_field"},
        {"{\"name\":\"x\",\"models\":[1]}", "bad_field"},
        {"{\"name\":\"x\",\"expires_ms\":-1}", "bad_field"},
        {"{\"name\":\"x\",\"active\":1}", "bad_field"},
        {"{\"name\":\"x\",\"strict\":\"yes\"}", "bad_field"},
        {"{\"name\":\"x\",\"name\":\"y\"}", "bad_field"},
        {"{\"name\":\"x\",\"modles\":[]}", "unknown_field"},
        {"{\"name\":\"x\",\"bugdet\":5}", "unknown_field"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(f, "POST", "/api/keys", cases[i].body, cases[i].code);
    expect_refused(f, "PATCH", "/api/keys/0000000000000001", "{}", "missing_field");
    assert_int_equal(ask_pending(f->admin.ask), 0); /* the master heard of none of it */
}

static void test_masters_refusals(void **state)
{
    static const struct {
        const char *reply;
        int status;
        const char *code;
    } cases[] = {
        {"{\"ok\":false,\"kind\":\"not_found\",\"error\":\"there is no such key\"}", 404,
         "not_found"},
        {"{\"ok\":false,\"kind\":\"conflict\",\"error\":\"the name is taken\"}", 409, "conflict"},
        {"{\"ok\":false,\"kind\":\"read_only\",\"error\":\"it is the file's\"}", 409, "read_only"},
        {"{\"ok\":false,\"kind\":\"invalid\",\"error\":\"bowfin.yaml:3: unknown key\"}", 400,
         "invalid"},
        {"{\"ok\":false,\"kind\":\"full\",\"error\":\"the table is full\"}", 503, "full"},
        {"{\"ok\":false,\"kind\":\"new\",\"error\":\"something else\"}", 500, "internal"},
        {"{\"ok\":false}", 500, "internal"},
        {"{}", 500, "internal"},
        {"not json", 504, "master_silent"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange ex;
        char asked[128];
        uint64_t seq;

        fixture_begin(f, &ex, "DELETE", "/api/keys/00000000000000aa", NULL);
        api_handle(&ex);
        fixture_asked(f, asked, sizeof(asked), &seq);
        assert_string_equal(asked, "{\"op\":\"entity_delete\",\"kind\":\"key\","
                                   "\"id\":\"00000000000000aa\",\"children\":\"refuse\"}");
        fixture_reply(f, seq, cases[i].reply);
        fixture_expect_error(&ex, cases[i].status, cases[i].code);
        fixture_end(&ex);
    }
}

static uint32_t count_rows(struct fixture *f, const char *target)
{
    struct exchange ex;

    fixture_begin(f, &ex, "GET", target, NULL);
    api_handle(&ex);
    assert_int_equal(ex.status, 200);
    uint32_t n = json_get(fixture_json(&ex), "data")->n;
    fixture_end(&ex);
    return n;
}

static void test_config_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;
    char asked[128];
    uint64_t seq;

    fixture_begin(f, &ex, "GET", "/api/config", NULL);
    api_handle(&ex);
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"config\",\"format\":\"json\",\"offset\":0}");
    fixture_reply(f, seq, "{\"ok\":true,\"text\":\"{\\\"work\",\"next\":6}");
    fixture_asked(f, asked, sizeof(asked), &seq);
    assert_string_equal(asked, "{\"op\":\"config\",\"format\":\"json\",\"offset\":6}");
    fixture_reply(f, seq, "{\"ok\":true,\"text\":\"ers\\\":2}\",\"next\":null}");
    assert_int_equal(ex.status, 200);
    assert_non_null(json_get(fixture_json(&ex), "workers"));
    fixture_end(&ex);
    /* A reload in between: halves of two configurations are none. */
    fixture_begin(f, &ex, "GET", "/api/config", NULL);
    api_handle(&ex);
    fixture_asked(f, asked, sizeof(asked), &seq);
    fixture_reply(f, seq, "{\"ok\":true,\"generation\":4,\"text\":\"{\",\"next\":1}");
    fixture_asked(f, asked, sizeof(asked), &seq);
    fixture_reply(f, seq, "{\"ok\":true,\"generation\":5,\"text\":\"}\",\"next\":null}");
    fixture_expect_error(&ex, 503, "config_changed");
    fixture_end(&ex);
    /* A master that goes round in circles ends the call. */
    fixture_begin(f, &ex, "GET", "/api/config?format=yaml", NULL);
    api_handle(&ex);
    fixture_asked(f, asked, sizeof(asked), &seq);
    fixture_reply(f, seq, "{\"ok\":true,\"text\":\"\",\"next\":0}");
    fixture_expect_error(&ex, 503, "config_changed");
    fixture_end(&ex);
}

static void test_routes(void **state)
{
    struct fixture *f = *state;
    struct slot *s = live_slot(&f->regions.live, 0), *other = fixture_worker(f, 1);
    struct weight w = {.weight = 2500,
                       .state = ROUTE_OPEN,
                       .reason = SAMPLE_RATE_LIMITED,
                       .error_permyriad = 1234,
                       .first_byte_n = 50,
                       .first_byte_p95_us = 812500};
    struct exchange ex;
    uint64_t n;

    s->routes[7].in_flight = 2;
    other->routes[7].in_flight = 3;
    w.retry_at_ms = clock_mono_ms() + 60000;
    weights_publish(&f->regions.weights, 7, &w);
    fixture_begin(f, &ex, "GET", "/api/routes", NULL);
    api_handle(&ex);
    const struct json *row = json_get(fixture_json(&ex), "data")->child;
    assert_true(json_u64(json_get(row, "in_flight"), &n));
    assert_int_equal(n, 5);
    assert_true(str_eq(json_str(json_get(row, "state")), STR("open")));
    assert_true(str_eq(json_str(json_get(row, "model")), str_of(FIXTURE_MODEL)));
    assert_true(str_eq(json_get(row, "weight")->raw, STR("0.25")));
    assert_true(str_eq(json_get(row, "configured_weight")->raw, STR("0.2")));
    assert_true(str_eq(json_get(row, "error_percent")->raw, STR("12.34")));
    assert_true(str_eq(json_get(row, "first_byte_p95_ms")->raw, STR("812.5")));
    assert_true(str_eq(json_get(row, "first_byte_samples")->raw, STR("50")));
    struct str why = json_str(json_get(row, "why"));
    assert_true(str_starts(why, STR("rate_limited, 12.34 % errors, next try in ")));
    assert_true(str_eq(json_str(json_get(row, "reason")), STR("rate_limited")));
    assert_int_equal(json_get(row, "since")->type, JSON_NULL); /* the row never changed its state */
    assert_int_equal(json_get(row, "waits_until")->type, JSON_STRING);
    assert_true(str_eq(json_get(row, "declared_share")->raw, STR("1")));
    assert_true(str_eq(json_get(row, "share")->raw, STR("0"))); /* it is left alone */
    fixture_end(&ex);
    expect_message(f, "/api/routes?provider=none", "there is no provider ");
    expect_message(f, "/api/routes?model=none", "no route serves a model ");
    expect_message(f, "/api/routes?model=none/m", "no route serves a model ");
    assert_int_equal(count_rows(f, "/api/providers"), 1);
    assert_int_equal(count_rows(f, "/api/models"), 1);
    expect_message(f, "/api/providers", "\"has_secret\":true");
}

static void test_status(void **state)
{
    struct fixture *f = *state;
    struct exchange ex;
    char asked[64];
    uint64_t seq, n;

    stat_add(live_slot(&f->regions.live, 0), STAT_REQUESTS, 41);
    stat_add(fixture_worker(f, 1), STAT_REQUESTS, 1);
    fixture_begin(f, &ex, "GET", "/api/status", NULL);
    api_handle(&ex);
    fixture_asked(f, asked, sizeof(asked), &seq);
    fixture_reply(f, seq,
                  "{\"ok\":true,\"version\":\"9\",\"pid\":1,\"started_ms\":1,\"config_path\":null,"
                  "\"listeners\":[],\"children\":[],\"last_reload\":null}");
    assert_int_equal(ex.status, 200);
    const struct json *root = fixture_json(&ex);
    assert_true(json_u64(json_get(json_get(root, "totals"), "requests_total"), &n));
    assert_int_equal(n, 42);
    assert_int_equal(json_get(root, "workers")->n, 2);
    assert_int_equal(json_get(root, "config_path")->type, JSON_NULL);
    bool ready = false;
    assert_true(json_bool(json_get(json_get(root, "ready"), "ok"), &ready) && ready);
    fixture_end(&ex);
}

static void test_empty_journal(void **state)
{
    assert_int_equal(count_rows(*state, "/api/logs?limit=10&since=7d"), 0);
    assert_in_range(count_rows(*state, "/api/usage?group_by=day,key"), 0, 1);
}

static void test_survives_quick_reloads(void **state)
{
    struct fixture *f = *state;

    /* The view is a copy: halves may be flipped under a reader that acknowledges nothing. */
    const struct pub_view *view = admin_view(&f->admin);
    uint64_t first = view->generation;
    fixture_publish(f, PUB_REQUIRE_KEY);
    fixture_publish(f, PUB_REQUIRE_KEY);
    assert_int_equal(view->image->flags, 0);
    view = admin_view(&f->admin);
    assert_int_equal(view->generation, first + 2);
    assert_int_equal(view->image->flags, PUB_REQUIRE_KEY);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_health),
        WITH_FIXTURE(test_page),
        WITH_FIXTURE(test_refusals),
        WITH_FIXTURE(test_access_comes_first),
        WITH_FIXTURE(test_bodies),
        WITH_FIXTURE(test_masters_refusals),
        WITH_FIXTURE(test_config_in_pieces),
        WITH_FIXTURE(test_routes),
        WITH_FIXTURE(test_status),
        WITH_FIXTURE(test_empty_journal),
        WITH_FIXTURE(test_survives_quick_reloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
