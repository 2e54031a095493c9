/*
 * /metrics: every family once with HELP and TYPE, labels escaped, histograms cumulative.
 */
#include "tests/unit/admin_fixture.h"

#include "shm/stats.h"

struct scrape {
    struct fixture f;
    struct exchange ex;
};

static int setup(void **state)
{
    struct scrape *s = calloc(1, sizeof(*s));

    fixture_open(&s->f);
    fixture_publish(&s->f, 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scrape *s = *state;

    fixture_end(&s->ex);
    fixture_close(&s->f);
    free(s);
    return 0;
}

static void scrape(struct scrape *s)
{
    fixture_begin(&s->f, &s->ex, "GET", "/metrics", NULL);
    api_handle(&s->ex);
    assert_int_equal(s->ex.status, 200);
    assert_string_equal(s->ex.content_type_out, "text/plain; version=0.0.4; charset=utf-8");
    buf_char(&s->ex.out, '\0');
}

static void expect_line(const struct scrape *s, const char *line)
{
    char wanted[256];

    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (strstr(s->ex.out.data, wanted) == NULL)
        fail_msg("no line %s in\n%s", line, s->ex.out.data);
}

static void test_every_family_has_help(void **state)
{
    struct scrape *s = *state;
    struct str rest, line, word, family = STR_NONE;

    fixture_worker(&s->f, 0);
    scrape(s);
    rest = (struct str){s->ex.out.data, s->ex.out.len - 1};
    while (str_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        if (str_starts(line, STR("# HELP "))) {
            line = str_skip(line, 7);
            assert_true(str_next(&line, ' ', &family));
            assert_true(line.len > 10);
            assert_true(str_next(&rest, '\n', &line));
            assert_true(str_starts(line, STR("# TYPE ")));
            line = str_skip(line, 7);
            assert_true(str_next(&line, ' ', &word));
            assert_true(str_eq(word, family));
            continue;
        }
        assert_true(str_starts(line, family)); /* samples stand below their own head */
    }
    expect_line(s, "bowfin_build_info{version=\"" BF_VERSION "\"} 1");
    expect_line(s, "bowfin_ready 1");
    expect_line(s, "bowfin_worker_up{worker=\"0\"} 1");
    for (uint32_t i = 0; i < STATS_N; i++) {
        char head[128];

        (void)snprintf(head, sizeof(head), "# TYPE bowfin_%s %s", stat_info(i)->name,
                       stat_info(i)->is_gauge ? "gauge" : "counter");
        expect_line(s, head);
    }
}

static void test_counters_are_summed(void **state)
{
    struct scrape *s = *state;

    stat_add(fixture_worker(&s->f, 0), STAT_REQUESTS, 5);
    stat_add(fixture_worker(&s->f, 1), STAT_REQUESTS, 7);
    live_wipe(live_slot(&s->f.regions.live, 1)); /* the dead keep their counters */
    scrape(s);
    expect_line(s, "bowfin_requests_total 12");
    expect_line(s, "bowfin_worker_requests_total{worker=\"1\"} 7");
    expect_line(s, "bowfin_worker_up{worker=\"1\"} 0");
}

static void test_retired_workers_are_not_missed(void **state)
{
    struct scrape *s = *state;

    stat_add(fixture_worker(&s->f, 0), STAT_REQUESTS, 5);
    stat_add(fixture_worker(&s->f, 1), STAT_REQUESTS, 7);
    live_retire(live_slot(&s->f.regions.live, 0));
    scrape(s);
    expect_line(s, "bowfin_requests_total 12");
    expect_line(s, "bowfin_worker_up{worker=\"1\"} 1");
    assert_null(strstr(s->ex.out.data, "{worker=\"0\"}"));
}

static void test_histogram(void **state)
{
    struct scrape *s = *state;
    struct slot *slot = fixture_worker(&s->f, 0);
    unsigned long long last = 0, value = 0;
    double last_le = 0, le = 0;
    int n = 0;

    histogram_add(&slot->histograms[HISTOGRAM_REQUEST], 900);
    histogram_add(&slot->histograms[HISTOGRAM_REQUEST], 2500000);
    histogram_add(&slot->histograms[HISTOGRAM_REQUEST], UINT64_MAX / 4);
    scrape(s);
    for (const char *at = s->ex.out.data;
         (at = strstr(at, "bowfin_request_duration_seconds_bucket{le=\"")) != NULL; at++, n++) {
        if (sscanf(at, "bowfin_request_duration_seconds_bucket{le=\"%lf\"} %llu", &le, &value) != 2)
            fail_msg("%.100s", at);
        assert_true(value >= last);
        if (n > 0 && le <= last_le)
            fail_msg("le %f after %f", le, last_le);
        if (le < 0.0008 || (le > 0.002 && le < 2.4))
            assert_int_equal(value, le < 0.001 ? 0 : 1);
        last = value;
        last_le = le;
    }
    assert_in_range(n, 20, 40);
    assert_int_equal(last, 3);
    expect_line(s, "bowfin_request_duration_seconds_bucket{le=\"+Inf\"} 3");
    expect_line(s, "bowfin_request_duration_seconds_count 3");
}

static void test_routes_with_traffic_only(void **state)
{
    struct scrape *s = *state;
    struct weight w = {.weight = 5000, .state = ROUTE_DEGRADED, .error_permyriad = 250};
    struct slot *slot = fixture_worker(&s->f, 0);

    scrape(s);
    assert_null(strstr(s->ex.out.data, "bowfin_route_attempts_total{"));
    fixture_end(&s->ex);
    slot->routes[7].attempts = 11;
    slot->routes[7].total_us_sum = 1500000;
    weights_publish(&s->f.regions.weights, 7, &w);
    scrape(s);
#define LABELS "{provider=\"openai\",key=\"main\",model=\"gpt \\\"4\\\"\\\\o\\n\""
    expect_line(s, "bowfin_route_attempts_total" LABELS "} 11");
    expect_line(s, "bowfin_route_duration_seconds_total" LABELS "} 1.500000");
    expect_line(s, "bowfin_route_weight_ratio" LABELS "} 0.500000");
    expect_line(s, "bowfin_route_error_ratio" LABELS "} 0.025000");
    expect_line(s, "bowfin_route_state" LABELS ",state=\"degraded\"} 1");
    expect_line(s, "bowfin_route_state" LABELS ",state=\"open\"} 0");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_every_family_has_help),          WITH_FIXTURE(test_counters_are_summed),
        WITH_FIXTURE(test_retired_workers_are_not_missed), WITH_FIXTURE(test_histogram),
        WITH_FIXTURE(test_routes_with_traffic_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
