/*
 * LiteLLM's amounts, durations and keys as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/admin/litellm_text.h"
#include "server/base/when.h"

static void test_dollars(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t nano;
    } rows[] = {
        {"0", true, 0},
        {"10", true, 10000000000u},
        {"0.1", true, 100000000u},
        {"0.30000000000000004", true, 300000000u},
        {"1e-06", true, 1000u},
        {"1.5E2", true, 150000000000u},
        {"2.5e+1", true, 25000000000u},
        {"0.0000000005", true, 1u},
        {"0.0000000004", true, 0u},
        {"1e-400", true, 0},
        {"1000000000", true, 1000000000000000000u},
        {"1000000000.1", false, 0},
        {"1e9", true, 1000000000000000000u},
        {"1e10", false, 0},
        {"1e300", false, 0},
        {"123456789012345678901234567890", false, 0},
        {"0.123456789012345678901234567890", true, 123456789u},
        {"-1", false, 0},
        {"-0.01", false, 0},
        {"NaN", false, 0},
        {"1e", false, 0},
        {"1e999999999999999999999", false, 0},
        {"", false, 0},
        {"1.2.3", false, 0},
        {"0x10", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t nano = 77;
        bool good = litellm_dollars(str_of(rows[i].text), &nano);

        if (good != rows[i].good || (good && nano != rows[i].nano))
            fail_msg("%s: %d %llu", rows[i].text, good, (unsigned long long)nano);
    }
}

static void test_dollars_come_back(void **state)
{
    static const uint64_t amounts[] = {0,
                                       1,
                                       10,
                                       999999999,
                                       1000000000,
                                       1234500,
                                       100000000,
                                       1000000000000000000u,
                                       999999999999999999u};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        struct buf b = BUF_INIT;
        struct writer w = WRITER_INIT(&b);
        uint64_t back = 0;

        litellm_write_dollars(&w, NULL, amounts[i]);
        assert_true(litellm_dollars(buf_view(&b), &back));
        assert_int_equal(back, amounts[i]);
        assert_true(str_index(buf_view(&b), '.') > 0); /* a float to everybody */
        buf_fini(&b);
    }
}

static void expect_end(const char *duration, const char *from, const char *until)
{
    uint64_t now, wanted, end = 0;

    assert_true(when_parse(str_of(from), &now));
    assert_true(when_parse(str_of(until), &wanted));
    if (!litellm_duration_end(str_of(duration), now, &end) || end != wanted)
        fail_msg("%s from %s: %llu", duration, from, (unsigned long long)end);
}

static void test_durations(void **state)
{
    static const char *const bad[] = {"",   "0s",   "-5m",       "5x", "5 m",
                                      "mo", "1.5h", "99999999d", "1y"};
    uint64_t end;

    (void)state;
    expect_end("30s", "2026-11-22T23:59:45Z", "2026-11-23T00:00:15Z");
    expect_end("30m", "2026-11-22T23:59:45Z", "2026-11-23T00:29:45Z");
    expect_end("24h", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z");
    expect_end("7d", "2026-11-22T10:00:00Z", "2026-11-29T10:00:00Z");
    expect_end("2w", "2026-11-22T10:00:00Z", "2026-12-06T10:00:00Z");
    expect_end("1mo", "2026-11-22T10:00:00Z", "2026-12-22T10:00:00Z");
    expect_end("3mo", "2026-11-22T10:00:00Z", "2027-02-22T10:00:00Z");
    expect_end("90", "2026-11-22T10:00:00Z", "2026-11-22T10:01:30Z");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (litellm_duration_end(str_of(bad[i]), 1000000, &end))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void test_windows(void **state)
{
    static const struct {
        const char *duration, *window;
        bool calendar;
    } rows[] = {{"90s", "90s", false}, {"2w", "14d", false},  {"30m", "30m", false},
                {"1h", "1h", false},   {"24h", "1d", true},   {"1d", "1d", true},
                {"7d", "1w", true},    {"1w", "1w", true},    {"30d", "1M", true},
                {"1mo", "1M", true},   {"2mo", "60d", false}, {"3mo", "1Q", true},
                {"12mo", "1Y", true},  {"10d", "10d", false}};
    struct litellm_window w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(litellm_window(str_of(rows[i].duration), &w));
        assert_string_equal(w.window, rows[i].window);
        assert_int_equal(w.calendar, rows[i].calendar);
    }
    assert_false(litellm_window(STR("monthly"), &w));
    assert_false(litellm_window(STR("0d"), &w));
    assert_false(litellm_window(STR("30s"), &w));
    assert_false(litellm_window(STR("9999d"), &w));
    assert_false(litellm_window(STR(""), &w));
    assert_true(str_eq(litellm_duration_of(STR("1M")), STR("1mo")));
    assert_true(str_eq(litellm_duration_of(STR("1d")), STR("1d")));
}

/* What LiteLLM stores of a key is its plain SHA-256. */
static void test_hash(void **state)
{
    static const char hex[] = "bf8c8d27be8ef4b8e7b8ee3ba0a8c4e1b0a4bd6cdd5a7a3f4a4f4b7a0a4d1f2e";
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

    (void)state;
    litellm_hash(STR("sk-1234567890abcdef"), a);
    crypto_sha256(STR("sk-1234567890abcdef"), b);
    assert_memory_equal(a, b, sizeof(a));
    litellm_hash(str_of(hex), a);
    assert_int_equal(crypto_unhex(str_of(hex), b, sizeof(b)), 0);
    assert_memory_equal(a, b, sizeof(a));
    assert_true(litellm_is_hash(str_of(hex)));
    assert_false(litellm_is_hash(STR("sk-1234567890abcdef")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dollars),   cmocka_unit_test(test_dollars_come_back),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
