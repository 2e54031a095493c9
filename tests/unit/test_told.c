/* What providers tell of their limits, as they write it, and what strangers might. */
#include "tests/unit/unit.h"

#include "server/worker/told.h"

#define NOW_MS 1755780000000ull /* 2025-08-21T12:40:00Z */

static struct told_limits told;
static struct sample out;

/* "name: value" in pairs; the sample they come to. */
static const struct sample *head(const char *const (*lines)[2], size_t n)
{
    struct told_heads heads = {.seen = 0};

    told = (struct told_limits){.flags = 0};
    for (size_t i = 0; i < n; i++) {
        if (told_may_matter(str_of(lines[i][0])))
            told_header(&heads, str_of(lines[i][0]), str_of(lines[i][1]), NOW_MS);
    }
    told_head_end(&told, &heads);
    memset(&out, 0, sizeof(out));
    told_fill(&told, STR("m"), &out);
    return &out;
}
#define HEAD(...)                                                                                  \
    head((const char *const[][2]){__VA_ARGS__},                                                    \
         sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2]))

static void openai_and_azure(void **state)
{
    const struct sample *s =
        HEAD({"x-ratelimit-remaining-requests", "59"}, {"x-ratelimit-limit-requests", "60"},
             {"x-ratelimit-limit-tokens", "150000"}, {"x-ratelimit-remaining-tokens", "149984"},
             {"x-ratelimit-limit-tokens_usage_based", "7"}, {"x-ratelimit-reset-requests", "12ms"},
             {"x-ratelimit-reset-tokens", "6m0s"}, {"content-type", "application/json"});

    (void)state;
    assert_int_equal(s->flags, SAMPLE_REQUESTS_TOLD | SAMPLE_TOKENS_TOLD);
    assert_int_equal(s->requests.left, 59);
    assert_int_equal(s->requests.most, 60);
    assert_int_equal(s->requests_reset_ds, 1);
    assert_int_equal(s->tokens.left, 149984);
    assert_int_equal(s->tokens.most, 150000);
    assert_int_equal(s->tokens_reset_ds, 3600);
    assert_int_equal(s->model, sample_model(STR("m")));
    assert_false(told_is_scarce(&told));
    (void)HEAD({"x-ratelimit-remaining-requests", "3"}, {"x-ratelimit-limit-requests", "60"});
    assert_true(told_is_scarce(&told));
}

static void anthropics_tightest_limit_counts(void **state)
{
    const struct sample *s =
        HEAD({"anthropic-ratelimit-input-tokens-limit", "80000"},
             {"anthropic-ratelimit-input-tokens-remaining", "40000"},
             {"anthropic-ratelimit-output-tokens-limit", "16000"},
             {"anthropic-ratelimit-output-tokens-remaining", "1600"},
             {"anthropic-ratelimit-output-tokens-reset", "2025-08-21T12:40:30Z"},
             {"anthropic-ratelimit-tokens-limit", "96000"},
             {"anthropic-ratelimit-tokens-remaining", "90000"},
             {"anthropic-ratelimit-requests-limit", "1000"},
             {"anthropic-ratelimit-requests-remaining", "999"});

    (void)state;
    assert_int_equal(s->tokens.most, 16000);
    assert_int_equal(s->tokens.left, 1600);
    assert_int_equal(s->tokens_reset_ds, 300);
    assert_int_equal(s->requests.left, 999);
    assert_int_equal(s->requests_reset_ds, 0);
}

static void by_the_minute(void **state)
{
    const struct sample *s = HEAD(
        {"x-ratelimit-limit-req-minute", "60"}, {"x-ratelimit-remaining-req-minute", "6"},
        {"x-ratelimit-remaining-requests-day", "0"}, {"x-ratelimit-limit-requests-day", "100"});

    (void)state;
    assert_int_equal(s->requests.left, 6);
    assert_int_equal(s->requests.most, 60);
}

static void retry_after_in_its_forms(void **state)
{
    (void)state;
    assert_int_equal(HEAD({"retry-after", "7"})->retry_after_ms, 7000);
    assert_int_equal(HEAD({"retry-after", "0.5"})->retry_after_ms, 500);
    assert_int_equal(HEAD({"retry-after-ms", "1250"})->retry_after_ms, 1250);
    assert_int_equal(HEAD({"x-ms-retry-after-ms", "40"})->retry_after_ms, 40);
    assert_int_equal(HEAD({"x-ms-retry-after", "4"})->retry_after_ms, 4000);
    assert_int_equal(HEAD({"retry-after", "2"}, {"retry-after-ms", "1900"})->retry_after_ms, 2000);
    assert_int_equal(HEAD({"retry-after", "Thu, 21 Aug 2025 12:40:09 GMT"})->retry_after_ms, 9000);
    assert_int_equal(HEAD({"retry-after", "Thu, 21 Aug 2025 12:39:09 GMT"})->retry_after_ms, 0);
    assert_int_equal(HEAD({"retry-after", "0"})->retry_after_ms, 0);
    assert_int_equal(HEAD({"retry-after", "9999999999"})->retry_after_ms, 86400000);
}

static void nonsense_is_passed_over(void **state)
{
    static const char *const values[] = {"", "-1", "1e9", "x", "1m1", ".", "5 s", "\xff", "1..2"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const struct sample *s =
            HEAD({"retry-after", values[i]}, {"x-ratelimit-limit-requests", values[i]},
                 {"x-ratelimit-remaining-requests", values[i]},
                 {"x-ratelimit-reset-requests", values[i]},
                 {"anthropic-ratelimit-tokens-limit", values[i]});

        assert_int_equal(s->flags, 0);
        assert_int_equal(s->retry_after_ms, 0);
    }
    assert_int_equal(HEAD({"x-ratelimit-limit-requests", "10"})->flags, 0);
    assert_int_equal(
        HEAD({"x-ratelimit-limit-requests", "0"}, {"x-ratelimit-remaining-requests", "0"})->flags,
        0);
    /* more left than there is: all of it */
    assert_int_equal(
        HEAD({"x-ratelimit-limit-requests", "5"}, {"x-ratelimit-remaining-requests", "9"})
            ->requests.left,
        5);
}

/* In pieces of `step` bytes. */
static const struct sample *body(const char *text, size_t step)
{
    struct arena *arena = arena_create(8192);
    size_t len = strlen(text);

    told = (struct told_limits){.flags = 0};
    for (size_t at = 0; at < len; at += step)
        told_body(&told, arena, (struct str){text + at, len - at < step ? len - at : step});
    memset(&out, 0, sizeof(out));
    told_fill(&told, STR_NONE, &out);
    arena_free(arena);
    return &out;
}

#define GOOGLE(id)                                                                                 \
    "[{\"error\": {\"code\": 429, \"status\": \"RESOURCE_EXHAUSTED\", \"details\": [{\"@type\": "  \
    "\"type.googleapis.com/google.rpc.QuotaFailure\", \"violations\": [{\"quotaId\": \"" id        \
    "\"}]}, {\"@type\": \"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": "            \
    "\"17.5s\"}]}}]"

static void googles_bodies(void **state)
{
    (void)state;
    for (size_t step = 1; step < 400; step += 57) {
        const struct sample *s = body(GOOGLE("RequestsPerMinutePerProjectPerModel-FreeTier"), step);

        assert_int_equal(s->retry_after_ms, 17500);
        assert_int_equal(s->flags, 0);
        assert_int_equal(s->model, 0);
    }
    assert_int_equal(body(GOOGLE("RequestsPerDayPerProject"), 99)->flags, SAMPLE_WHOLE_KEY);
}

static void other_bodies(void **state)
{
    char huge[3 * TOLD_BODY_MAX];

    (void)state;
    assert_int_equal(body("{\"error\":{\"code\":\"insufficient_quota\"}}", 5)->flags,
                     SAMPLE_WHOLE_KEY);
    assert_int_equal(body("{\"error\":{\"code\":\"rate_limit_exceeded\"}}", 5)->flags, 0);
    assert_int_equal(body("\"retryDelay\"", 5)->retry_after_ms, 0);
    assert_int_equal(body("\"retryDelay\": \"17", 5)->retry_after_ms, 0);
    assert_int_equal(body("\"retryDelay\": \"s\"", 5)->retry_after_ms, 0);
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(body(huge, 1000)->flags, 0);
    assert_int_equal(told.body_len, TOLD_BODY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_and_azure),
        cmocka_unit_test(anthropics_tightest_limit_counts),
        cmocka_unit_test(by_the_minute),
        cmocka_unit_test(retry_after_in_its_forms),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(googles_bodies),
        cmocka_unit_test(other_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
